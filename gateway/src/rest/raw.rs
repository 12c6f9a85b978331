//! A REST call that is answered by a stream of `google.api.HttpBody`: their bytes
//! one after another, of the content type that the first one names.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use http_body::Frame;
use http_body_util::StreamBody;
use resido_transcode::{Rendered, Route};
use tonic::{Status, body::Body};
use tower::Service;

use super::{replies::Replies, request::Rest, unary::choose_status};
use crate::{
    call::Trail,
    headers,
    refusal::{Refusal, Stopped},
    render::Renderer,
    wire::{Reply, Request},
};

/// The content type of a stream without messages.
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Carries out a call that is answered by a stream of bytes. The first message
/// or error decides the status; after it, an error breaks the body off.
///
/// # Errors
/// Why there is no reply.
pub(crate) async fn raw_stream<S>(
    rest: Rest,
    inner: S,
    request: Request,
    route: Arc<Route>,
    (trail, renderer): (Arc<Trail>, Renderer),
) -> Result<Reply, Stopped>
where
    S: Service<Request, Response = Reply, Error = Stopped>,
{
    let (head, mut replies) = Replies::open(&rest, inner, request, route).await?;
    let first = replies.next().await?;
    let kind = match &first {
        Some(first) => {
            HeaderValue::from_str(&first.content_type).map_err(|_| Refusal::UpstreamInvalid)?
        }
        None => BYTES,
    };
    let running = Running {
        replies,
        first,
        trail,
        renderer,
    };
    let frames = stream::unfold(Some(Box::new(running)), |running| async {
        running?.step().await
    });
    let mut reply = Reply::new(Body::new(StreamBody::new(frames)));
    *reply.headers_mut() = headers::to_rest(&head.headers);
    choose_status(&mut reply, &head.headers);
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    Ok(reply)
}

struct Running {
    replies: Replies,
    first: Option<Rendered>,
    trail: Arc<Trail>,
    renderer: Renderer,
}

type Step = (Result<Frame<Bytes>, Status>, Option<Box<Running>>);

impl Running {
    async fn step(mut self: Box<Self>) -> Option<Step> {
        loop {
            let next = match self.first.take() {
                Some(first) => Ok(Some(first)),
                None => self.replies.next().await,
            };
            match next {
                // Of no use within a body.
                Ok(Some(message)) if message.bytes.is_empty() => {}
                Ok(Some(message)) => {
                    return Some((Ok(Frame::data(message.bytes.into())), Some(self)));
                }
                Ok(None) => {
                    self.trail.set_code(0);
                    return None;
                }
                Err(stopped) => {
                    // Noted alone: bytes leave no room for it.
                    drop(self.renderer.within_stream(&stopped, &self.trail));
                    return Some((Err(Status::aborted("the stream broke off")), None));
                }
            }
        }
    }
}
