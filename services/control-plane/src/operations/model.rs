//! The rules of requests about operations.

use std::time::Duration;

use resido_proto::{
    error::Violation, google::longrunning as proto, ids::OperationId, validate::Checks,
};
use resido_tenancy::db::{Ask, ListRequest};

use crate::tenants::LISTING;

/// How long a call waits for an operation at most.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(60);

/// Reads `operations/<uuid>`.
///
/// # Errors
/// One violation of `name`.
pub(super) fn operation_name(name: &str) -> Result<OperationId, Vec<Violation>> {
    OperationId::from_resource_name(name)
        .map_err(|_| vec![Violation::new("name", "must be `operations/<uuid>`")])
}

/// Reads what page of operations is asked for.
///
/// # Errors
/// Every fault.
pub(super) fn list(request: &proto::ListOperationsRequest) -> Result<ListRequest, Vec<Violation>> {
    let mut checks = Checks::default();
    checks.require(
        matches!(request.name.as_str(), "" | "operations"),
        "name",
        "must be `operations` or empty",
    );
    let asked = checks.take(LISTING.request(Ask {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: &request.filter,
        order_by: "",
    }));
    checks.finish_with(asked)
}

/// Reads which operation to wait for, and for how long.
///
/// # Errors
/// Every fault.
pub(super) fn wait(
    request: &proto::WaitOperationRequest,
) -> Result<(OperationId, Duration), Vec<Violation>> {
    let mut checks = Checks::default();
    let id = checks.take(operation_name(&request.name));
    let timeout = match request.timeout {
        None => Ok(MAX_WAIT),
        Some(timeout) => Duration::try_from(timeout)
            .map(|timeout| timeout.min(MAX_WAIT))
            .map_err(|_| vec![Violation::new("timeout", "must not be negative")]),
    };
    let timeout = checks.take(timeout);
    checks.finish_with(id.zip(timeout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_bounded_and_faults_come_together() {
        let name = OperationId::new().resource_name();
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        for (timeout, expected) in [(None, 60), (seconds(5), 5), (seconds(3600), 60)] {
            let request = proto::WaitOperationRequest {
                name: name.clone(),
                timeout,
            };
            assert_eq!(wait(&request).unwrap().1.as_secs(), expected);
        }
        let request = proto::WaitOperationRequest {
            name: "operations/x".into(),
            timeout: seconds(-1),
        };
        assert_eq!(wait(&request).unwrap_err().len(), 2);
    }

    #[test]
    fn lists_take_their_filter_and_no_other_name() {
        let request = |name: &str, filter: &str| proto::ListOperationsRequest {
            name: name.into(),
            filter: filter.into(),
            ..Default::default()
        };
        assert!(list(&request("operations", "done = true AND kind = \"purge\"")).is_ok());
        assert!(list(&request("", "")).is_ok());
        let faults = list(&request("tenants", "actor = \"x\"")).unwrap_err();
        assert_eq!(faults.len(), 2, "{faults:?}");
    }
}
