//! The gateway: one request from socket to upstream and back.
//!
//! One port speaks gRPC, gRPC-Web and REST. A call's way through it is the stack
//! of layers in [`server`], top to bottom; what each layer decides lives in the
//! folder or file of that theme, knows no sockets and is tested with plain
//! values. The gateway keeps no state of its own that matters: tenants come from
//! the control plane's watch stream, keys from its JWK set, methods from
//! descriptor sets. It speaks no SQL.

mod admin;
mod auth;
mod call;
mod catalog;
mod client;
mod config;
mod context;
mod deadline;
mod error;
mod headers;
mod internal;
mod layers;
mod listener;
mod messages;
mod pages;
mod policy;
mod rbac;
mod refusal;
mod render;
mod rest;
mod server;
mod standing;
mod tenant;
mod upstream;
mod watch;
mod wire;

pub use auth::SharedSecret;
pub use catalog::RouteInfo;
pub use config::{Access, Config, Limits, MethodConfig, UpstreamConfig};
pub use error::Error;
pub use resido_transcode::HttpRule;
pub use server::Gateway;
pub use upstream::Upstream;
