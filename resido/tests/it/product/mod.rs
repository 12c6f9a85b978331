//! Runs the built command, and ends it with the test.

mod command;
mod up;

pub(crate) use command::{folder, resido, text};
pub(crate) use up::Up;
