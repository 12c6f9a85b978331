//! What a tenant is called, inside and outside.

mod names;
mod slug;
mod state;

pub use names::{InvalidIdentifier, RoleNames, SchemaName, quote_identifier};
pub use slug::{InvalidSelector, InvalidSlug, Selector, Slug};
pub use state::{MAINTENANCE_RETRY, State, UnknownState};
