//! The service's door: nothing gets in without the gateway's signed context.

mod layer;
mod status;

pub use layer::{ContextLayer, ContextService, MAX_MESSAGE_BYTES};
pub use status::{call_context, into_status};
