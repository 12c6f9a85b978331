//! What travels through the layers.

use tonic::body::Body;

/// A request, whichever protocol it came in.
pub(crate) type Request = http::Request<Body>;
/// A reply, whichever protocol it goes out in.
pub(crate) type Reply = http::Response<Body>;
/// What may go wrong below tower.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
