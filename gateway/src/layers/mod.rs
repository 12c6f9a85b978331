//! The layers of the stack: plumbing alone. What they ask, the folder of the
//! same theme decides.

mod authenticate;
mod authorize;
mod classify;
mod cors;
mod deadline;
mod forward;
mod gate;
mod observe;
mod refuse_malformed;
mod render;
mod resolve_tenant;
mod route;
mod serve_pages;
mod shed;
mod transcode;

pub(crate) use authenticate::Authenticate;
pub(crate) use authorize::Authorize;
pub(crate) use classify::ClassifyLayer;
pub(crate) use cors::CorsLayer;
pub(crate) use deadline::DeadlineLayer;
pub(crate) use forward::Forward;
pub(crate) use gate::GateLayer;
pub(crate) use observe::ObserveLayer;
pub(crate) use refuse_malformed::RefuseMalformed;
pub(crate) use render::RenderLayer;
pub(crate) use resolve_tenant::ResolveTenant;
pub(crate) use route::FindMethod;
pub(crate) use serve_pages::ServePagesLayer;
pub(crate) use shed::{Shed, ShedStreams};
pub(crate) use transcode::TranscodeLayer;
