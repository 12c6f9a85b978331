//! What travels through the layers.

use http::HeaderMap;
use tonic::{Code, body::Body};

/// A request, whichever protocol it came in.
pub(crate) type Request = http::Request<Body>;
/// A reply, whichever protocol it goes out in.
pub(crate) type Reply = http::Response<Body>;
/// What may go wrong below tower.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Returns the code of a gRPC call whose end stands in these headers or trailers.
pub(crate) fn code_in(headers: &HeaderMap) -> Option<Code> {
    let value = headers.get("grpc-status")?;
    Some(Code::from_bytes(value.as_bytes()))
}
