//! From a handler's world to the wire and back.

use http::HeaderMap;
use prost::Message as _;
use resido_proto::{
    error::{Failure, to_status},
    google::rpc,
};
use tonic::{Code, Request, Status};

use crate::context::{self, CallContext};

/// Returns the context that the layer put into a request.
///
/// # Errors
/// UNAUTHENTICATED if there is none, which means that the service runs without
/// its layer.
pub fn call_context<T>(request: &Request<T>) -> Result<CallContext, Status> {
    let found = request.extensions().get::<CallContext>().cloned();
    found.ok_or_else(|| to_status(&context::Error::Missing))
}

/// Turns a failure into a status. A fault of ours is logged here, once, with all
/// its causes; the client learns its reason alone.
pub fn into_status(failure: &dyn Failure) -> Status {
    if failure.kind().is_fault() {
        let causes = std::iter::successors(failure.source(), |error| error.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        tracing::error!(
            error = %failure,
            causes = causes.join(": "),
            error.r#type = failure.reason(),
            "a call failed"
        );
    }
    to_status(failure)
}

/// Type of the detail that holds the request id.
const REQUEST_INFO: &str = "type.googleapis.com/google.rpc.RequestInfo";

/// Puts the request id among the details of a refusal, last, unless one is there:
/// gRPC callers receive it as the service made it.
pub(super) fn identify(sent: &mut HeaderMap, request_id: &str) {
    let Some(status) = Status::from_header_map(sent) else {
        return;
    };
    let decoded = rpc::Status::decode(status.details());
    let (Ok(mut body), false) = (decoded, request_id.is_empty()) else {
        return;
    };
    let known = body.details.iter().any(|any| any.type_url == REQUEST_INFO);
    if status.code() == Code::Ok || status.details().is_empty() || known {
        return;
    }
    let info = rpc::RequestInfo {
        request_id: request_id.to_owned(),
        serving_data: String::new(),
    };
    body.details.push(prost_types::Any {
        type_url: REQUEST_INFO.to_owned(),
        value: info.encode_to_vec(),
    });
    let details = body.encode_to_vec().into();
    let identified = Status::with_details_and_metadata(
        status.code(),
        status.message(),
        details,
        status.metadata().clone(),
    );
    if let Err(error) = identified.add_header(sent) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "no request id in a status"
        );
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::context::Error;

    fn sent(status: &Status) -> HeaderMap {
        let mut headers = HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        headers
    }

    #[test]
    fn a_refusal_names_its_request_once_and_last() {
        let mut headers = sent(&to_status(&Error::Missing));
        for _ in 0..2 {
            identify(&mut headers, "r-1");
            let status = Status::from_header_map(&headers).unwrap();
            assert_eq!(status.code(), Code::Unauthenticated);
            let details = status.get_error_details_vec();
            assert_eq!(details.len(), 2);
            assert!(matches!(
                &details[0],
                tonic_types::ErrorDetail::ErrorInfo(_)
            ));
            let id = status.get_details_request_info().unwrap().request_id;
            assert_eq!(id, "r-1");
        }
    }

    #[test]
    fn what_is_no_refusal_of_ours_stays_as_it_is() {
        for status in [Status::ok(""), Status::internal("x")] {
            let before = sent(&status);
            let mut after = before.clone();
            identify(&mut after, "r-1");
            assert_eq!(before, after);
        }
        let before = sent(&to_status(&Error::Missing));
        let mut after = before.clone();
        identify(&mut after, "");
        assert_eq!(before, after);
    }
}
