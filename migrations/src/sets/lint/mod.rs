//! Refuses files that would reach out of their set or harm a large table, before
//! anything runs.
//!
//! It knows words, not grammar: comments and literals are passed over, and what
//! is left is looked through for what a migration must not do. What slips by
//! still meets the owner role's lack of rights, and the look at the role after
//! each file.

mod check;
mod rules;
mod tables;
mod tokens;

pub(crate) use check::check;
pub(crate) use tokens::{Token, statements, tokens};
