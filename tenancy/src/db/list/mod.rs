//! Lists that callers filter, order and read in pages.
//!
//! A [`Listing`] says what is read and which fields there are;
//! [`Listing::request`] reads what a caller asks for, and `list` of a
//! transaction runs it. A page begins behind the last row of the one before, in
//! the order of the list with the id to tell equal rows apart: rows that appear
//! or vanish meanwhile shift nothing.
//!
//! **No text of a caller becomes SQL.** The statement is built of parts of the
//! listing and of `$n`; every value is a bind parameter with a cast, and typed
//! before it gets there, those of a page token as well: a forged token reaches
//! what its caller may see anyway, and no database error.
//!
//! **Text is ordered by its bytes**, `collate "C"`, whatever the collation of
//! the column: an index serves such an order if it has that collation.

mod ask;
mod bind;
mod condition;
mod key;
mod run;
mod statement;
#[cfg(test)]
mod tests;
mod token;

pub use ask::{Ask, Column, ListRequest, Listing};
pub use run::Rows;
pub(super) use run::run;
