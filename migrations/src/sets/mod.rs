//! Sets of migration files.
//!
//! `NNNN_name.sql` is a migration; they are numbered from one without gaps.
//! `NNNN_name.down.sql` undoes it. `baseline_NNNN.sql` says in one file what the
//! files up to its number say together; new tenants are made from it.

mod file;
mod folder;
mod header;
pub(crate) mod lint;
mod set;

pub(crate) use file::File;
pub use file::{Baseline, Down, Migration};
pub use header::Allowed;
pub use header::{Form, Header, Phase};
pub use set::{Set, SetName, Sets};
