//! REST calls on their way to gRPC and back. The mapping itself is
//! `resido-transcode`'s; here are the streams, limits and headers around it.

mod body;
mod frames;
mod stream;
mod unary;

pub(crate) use stream::server_stream;
pub(crate) use unary::{Rest, unary};
