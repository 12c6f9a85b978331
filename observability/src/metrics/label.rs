//! Labels, and the bound on how many values of one there can be.

use std::{collections::HashSet, sync::RwLock};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// The value that stands for all tenants beyond the bound.
const OTHER: &str = "other";
/// The value for calls without a tenant.
pub(super) const NONE: &str = "";

/// How a caller speaks to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// gRPC-Web, binary or text.
    GrpcWeb,
    /// JSON over HTTP.
    Rest,
}

impl EncodeLabelValue for Protocol {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let name = match self {
            Self::Grpc => "grpc",
            Self::GrpcWeb => "grpc_web",
            Self::Rest => "rest",
        };
        EncodeLabelValue::encode(&name, encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Request {
    pub(super) service: String,
    pub(super) method: String,
    pub(super) protocol: Protocol,
    pub(super) code: i32,
    pub(super) tenant: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Duration {
    pub(super) service: String,
    pub(super) method: String,
    pub(super) protocol: Protocol,
    pub(super) tenant: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Running {
    pub(super) service: String,
    pub(super) method: String,
    pub(super) tenant: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Pool {
    pub(super) pool: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Discarded {
    pub(super) pool: &'static str,
    pub(super) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Looked {
    pub(super) result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Service {
    pub(super) service: String,
}

/// The tenants that have a label value of their own: the first so many.
#[derive(Debug)]
pub(super) struct Tenants {
    known: RwLock<HashSet<String>>,
    limit: usize,
}

impl Tenants {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            known: RwLock::default(),
            limit,
        }
    }

    /// Returns the tenant's label value.
    pub(super) fn label(&self, tenant: Option<&str>) -> String {
        let Some(tenant) = tenant else {
            return NONE.to_owned();
        };
        let known = self
            .known
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.contains(tenant) {
            return tenant.to_owned();
        }
        let full = known.len() >= self.limit;
        drop(known);
        if full {
            return OTHER.to_owned();
        }
        let mut known = self
            .known
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.len() < self.limit || known.contains(tenant) {
            known.insert(tenant.to_owned());
            return tenant.to_owned();
        }
        OTHER.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o3_tenants_beyond_the_bound_share_a_label() {
        let tenants = Tenants::new(2);
        assert_eq!(tenants.label(Some("a")), "a");
        assert_eq!(tenants.label(Some("b")), "b");
        assert_eq!(tenants.label(Some("c")), OTHER);
        assert_eq!(tenants.label(Some("a")), "a");
        assert_eq!(tenants.label(None), NONE);
    }
}
