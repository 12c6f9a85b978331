//! Why a gateway cannot start or go on. What a caller meets is a
//! [`Refusal`](crate::refusal::Refusal).

use std::io;

/// A gateway cannot be built or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Upstreams or their descriptors are wrong; all faults at once.
    #[error("the upstreams cannot be served:\n{}", .0.join("\n"))]
    Upstreams(Vec<String>),
    /// Settings are out of range; all faults at once.
    #[error("the gateway's settings are wrong:\n{}", .0.join("\n"))]
    Config(Vec<String>),
    /// A descriptor set cannot be read.
    #[error("the descriptor set of upstream `{upstream}` cannot be read")]
    DescriptorSet {
        /// Which upstream.
        upstream: String,
        /// Why.
        source: io::Error,
    },
    /// An origin is none.
    #[error("`{0}` is not an origin such as `https://app.example`")]
    Origin(String),
    /// Reflection cannot be served.
    #[error("the descriptors cannot be served by reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The gateway's key cannot sign.
    #[error("contexts cannot be signed")]
    Key(#[from] resido_tenancy::keys::Error),
    /// A listener failed.
    #[error("the listener failed")]
    Listener(#[from] io::Error),
}
