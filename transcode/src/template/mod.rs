//! Path templates of `google.api.http`.

mod model;
mod parse;

pub(crate) use model::{Segment, Template};
