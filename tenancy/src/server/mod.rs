//! The service's door: nothing gets in without the gateway's signed context.

mod layer;
mod status;

pub use layer::{ContextLayer, ContextService};
pub use status::{call_context, into_status};
