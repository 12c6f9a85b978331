//! Which tenant a call belongs to, and SQL that sees only that tenant's schema.
//!
//! A call's way through this crate: the gateway finds the tenant in the
//! [`directory`] and states it in a signed [`context`]; a service's
//! [`server::ContextLayer`] verifies that statement; and
//! [`db::TenantDatabase::begin`] opens a transaction from it. There is no other
//! way to a tenant's data, and nothing on that way takes the name of a schema
//! from anybody: names are pure functions of the tenant's id ([`tenant`]).

pub mod context;
pub mod db;
pub mod directory;
pub mod keys;
mod membership;
pub mod server;
pub mod tenant;
