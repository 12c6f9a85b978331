//! Log lines.

mod lines;
mod style;

pub(crate) use lines::Lines;
pub(crate) use style::Style;
