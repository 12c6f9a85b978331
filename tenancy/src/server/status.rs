//! From a handler's world to the wire and back.

use resido_proto::error::{Failure, to_status};
use tonic::{Request, Status};

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
