//! REST calls on their way to gRPC and back. The mapping itself is
//! `resido-transcode`'s; here are the streams, limits and headers around it.

mod body;
mod frames;
mod raw;
mod replies;
mod request;
mod stream;
mod unary;
mod upload;

pub(crate) use raw::raw_stream;
pub(crate) use request::Rest;
pub(crate) use stream::server_stream;
pub(crate) use unary::unary;

#[cfg(test)]
mod tests;
