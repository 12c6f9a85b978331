//! `resido tenants`.

mod change;
mod export;
mod run;
mod show;

pub(crate) use run::tenants;
