//! Traces, metrics and logs, the same way in every part of the product.
//!
//! A request is one tree of spans, from the gateway's through the service's to
//! its SQL, each tagged with the tenant; [`spans`] makes them, [`propagation`]
//! carries the tree over the wire and [`setup`] sends it to where it is looked
//! at. [`metrics`] holds the one table of everything that is counted. Nothing
//! here decides anything, and no exporter is waited for: one that is away loses
//! spans, never requests. Log lines are written where they arise.

mod logs;
pub mod metrics;
pub mod propagation;
pub mod request_id;
pub mod setup;
pub mod spans;

pub use metrics::Metrics;
pub use request_id::RequestId;
pub use setup::{Config, Guard, LogFormat};
