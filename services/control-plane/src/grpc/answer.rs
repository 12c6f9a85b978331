//! What every service does with what came of a call.

use resido_tenancy::server::into_status;
use tonic::{Response, Status};

use crate::Error;

/// Runs a call with the request's context and answers.
macro_rules! call {
    ($self:ident.$room:ident.$call:ident, $request:ident) => {{
        let ctx = resido_tenancy::server::call_context(&$request)?;
        let call = $self.$room.$call(&ctx, $request.into_inner());
        crate::grpc::answer(Box::pin(call).await)
    }};
}

/// Turns what came of a call into its reply.
pub(super) fn answer<T>(result: Result<T, Error>) -> Result<Response<T>, Status> {
    result
        .map(Response::new)
        .map_err(|error| into_status(&error))
}
