//! One HTTP rule, checked against the messages of its method.

mod compile;
mod field_path;
mod model;

pub(crate) use compile::compile;
pub(crate) use field_path::{FieldPath, NoField};
pub(crate) use model::{Binding, Body};
