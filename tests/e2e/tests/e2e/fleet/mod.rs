//! Many tenants at once: runs of migrations, what stops them, what they leave.

mod alone;
mod drift;
pub(crate) mod files;
mod gate;
mod killed;
mod rollback;
mod runs;
