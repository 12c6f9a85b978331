//! `resido migrate`.

mod asked;
mod create;
mod dispatch;
mod display;
mod plan;
mod repair;
mod run;
mod runs;
mod slugs;
mod status;
mod verify;

pub(crate) use dispatch::migrate;
