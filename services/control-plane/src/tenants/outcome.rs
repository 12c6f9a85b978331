//! Operations as clients see them.

use std::time::SystemTime;

use resido_proto::{
    error::Kind,
    google::{longrunning as lro, rpc},
    ids::{OperationId, TenantId},
    tenancy::v1 as proto,
};

use super::model::OperationKind;

/// Before the names of messages in `google.protobuf.Any`.
const TYPES: &str = "type.googleapis.com/resido.tenancy.v1.";
/// The stored error of an operation that was cancelled.
pub(crate) const CANCELLED: &str = "CANCELLED";

/// An operation as stored.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: OperationId,
    pub(crate) kind: OperationKind,
    pub(crate) tenant: TenantId,
    pub(crate) attempt: i32,
    pub(crate) done: bool,
    /// Codes for operators: a reason, then what clients do not see.
    pub(crate) error: Option<String>,
    pub(crate) created: SystemTime,
}

/// What an operation that went well has made of its tenant.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) tenant: proto::Tenant,
    pub(crate) proof: Option<proto::PurgeProof>,
}

impl Record {
    /// Returns the operation as a client sees it.
    pub(crate) fn into_proto(self, outcome: Outcome) -> lro::Operation {
        let reason = self.error.as_deref().map(first_word).unwrap_or_default();
        let metadata = proto::OperationMetadata {
            kind: self.kind.as_str().to_owned(),
            tenant: self.tenant.resource_name(),
            attempt: self.attempt,
            create_time: Some(self.created.into()),
            error: reason.to_owned(),
        };
        let result = self.done.then(|| match &self.error {
            Some(error) => lro::operation::Result::Error(status(error)),
            None => lro::operation::Result::Response(self.response(outcome)),
        });
        lro::Operation {
            name: self.id.resource_name(),
            metadata: Some(any("OperationMetadata", &metadata)),
            done: self.done,
            result,
        }
    }

    fn response(&self, outcome: Outcome) -> prost_types::Any {
        match self.kind {
            OperationKind::Provision => any("Tenant", &outcome.tenant),
            OperationKind::Purge => {
                let response = proto::PurgeTenantResponse {
                    tenant: Some(outcome.tenant),
                    proof: outcome.proof,
                    operation: None,
                };
                any("PurgeTenantResponse", &response)
            }
        }
    }
}

fn any(name: &str, message: &impl prost::Message) -> prost_types::Any {
    prost_types::Any {
        type_url: format!("{TYPES}{name}"),
        value: message.encode_to_vec(),
    }
}

/// Returns the reason that a stored error begins with.
fn first_word(error: &str) -> &str {
    error.split([' ', ':']).next().unwrap_or_default()
}

fn status(error: &str) -> rpc::Status {
    // What follows the colon names objects of the database.
    let public = error.split(':').next().unwrap_or_default();
    let (code, message) = match first_word(error) {
        // Canceled, by its number in google.rpc.Code.
        CANCELLED => (1, "the operation was cancelled".to_owned()),
        "TENANT_HAS_DEPENDENTS" => (Kind::FailedPrecondition.code().into(), public.to_owned()),
        _ => (
            Kind::Internal.code().into(),
            "the operation failed".to_owned(),
        ),
    };
    rpc::Status {
        code,
        message,
        details: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    fn record(kind: OperationKind, done: bool, error: Option<&str>) -> Record {
        Record {
            id: OperationId::new(),
            kind,
            tenant: TenantId::new(),
            attempt: 2,
            done,
            error: error.map(str::to_owned),
            created: SystemTime::UNIX_EPOCH,
        }
    }

    fn outcome() -> Outcome {
        Outcome {
            tenant: proto::Tenant::default(),
            proof: Some(proto::PurgeProof::default()),
        }
    }

    #[test]
    fn a_client_learns_how_many_dependents_there_are_and_no_names() {
        let error = "TENANT_HAS_DEPENDENTS count=2: view public.spy, table x.y";
        let operation = record(OperationKind::Purge, true, Some(error)).into_proto(outcome());
        assert!(!format!("{operation:?}").contains("spy"));
        let Some(lro::operation::Result::Error(status)) = operation.result else {
            panic!("{operation:?}")
        };
        assert_eq!(status.message, "TENANT_HAS_DEPENDENTS count=2");
        assert_eq!(status.code, 9);
    }

    #[test]
    fn an_open_operation_has_no_result_and_says_how_the_last_attempt_failed() {
        let error = Some("MIGRATION_FAILED version=7 sqlstate=42P01");
        let operation = record(OperationKind::Provision, false, error).into_proto(outcome());
        assert_eq!((operation.done, &operation.result), (false, &None));
        let metadata = operation.metadata.unwrap();
        let metadata = proto::OperationMetadata::decode(metadata.value.as_slice()).unwrap();
        assert_eq!(metadata.error, "MIGRATION_FAILED");
        assert_eq!((metadata.kind.as_str(), metadata.attempt), ("provision", 2));
    }

    #[test]
    fn a_cancelled_operation_has_the_code_of_that() {
        let cancelled = record(OperationKind::Purge, true, Some(CANCELLED)).into_proto(outcome());
        let Some(lro::operation::Result::Error(status)) = cancelled.result else {
            panic!("{cancelled:?}")
        };
        assert_eq!(status.code, 1);
    }

    #[test]
    fn a_result_is_of_its_kind() {
        for (kind, name) in [
            (OperationKind::Provision, "resido.tenancy.v1.Tenant"),
            (
                OperationKind::Purge,
                "resido.tenancy.v1.PurgeTenantResponse",
            ),
        ] {
            let done = record(kind, true, None).into_proto(outcome());
            let Some(lro::operation::Result::Response(any)) = done.result else {
                panic!("{done:?}")
            };
            assert!(any.type_url.ends_with(name), "{any:?}");
        }
    }
}
