//! A REST call that is answered by a stream of messages, in the form that
//! `Accept` asks for: lines of JSON, a JSON array, or server-sent events.
//!
//! *Source*: HTML Standard, section 9.2, for server-sent events.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use http_body_util::StreamBody;
use resido_transcode::Route;
use tonic::{Status, body::Body};
use tower::Service;

use super::{replies::Replies, request::Rest};
use crate::{
    call::Trail,
    headers,
    refusal::Stopped,
    render::Renderer,
    wire::{Reply, Request},
};

/// A silent stream of events is kept alive this often.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// An error within a stream has so long to go out: what has not gone out when the
/// stream breaks off is lost with it.
const LAST_WORD: Duration = Duration::from_millis(100);

/// How the messages of a stream stand in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Lines,
    Array,
    Events,
}

impl Form {
    /// What the caller asks for first, of what there is; lines by default.
    fn accepted(headers: &HeaderMap) -> Self {
        let accept = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let kinds = accept.flat_map(|value| value.split(',')).map(|kind| {
            kind.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        });
        let known = kinds.filter_map(|kind| match kind.as_str() {
            "application/x-ndjson" => Some(Self::Lines),
            "application/json" => Some(Self::Array),
            "text/event-stream" => Some(Self::Events),
            _ => None,
        });
        known.into_iter().next().unwrap_or(Self::Lines)
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Lines => "application/x-ndjson",
            Self::Array => "application/json",
            Self::Events => "text/event-stream",
        })
    }

    fn message(self, json: &[u8], first: bool) -> Bytes {
        let (before, after): (&[u8], &[u8]) = match self {
            Self::Lines => (b"", b"\n"),
            Self::Array if first => (b"[", b""),
            Self::Array => (b",", b""),
            Self::Events => (b"data: ", b"\n\n"),
        };
        [before, json, after].concat().into()
    }

    fn end(self, empty: bool) -> Bytes {
        Bytes::from_static(match self {
            Self::Array if empty => b"[]",
            Self::Array => b"]",
            Self::Lines | Self::Events => b"",
        })
    }

    /// An error after the start: visible in the body, and then the body breaks
    /// off, so that nobody takes it for whole.
    fn error(self, json: &[u8]) -> Bytes {
        match self {
            Self::Lines => [b"{\"error\":", json, b"}\n"].concat(),
            Self::Array => [b",{\"error\":", json, b"}"].concat(),
            Self::Events => [b"event: error\ndata: ", json, b"\n\n"].concat(),
        }
        .into()
    }
}

/// Carries out a call that is answered by a stream. The first message or error
/// decides the status.
///
/// # Errors
/// Why there is no reply.
pub(crate) async fn server_stream<S>(
    rest: Rest,
    inner: S,
    request: Request,
    route: Arc<Route>,
    (trail, renderer): (Arc<Trail>, Renderer),
) -> Result<Reply, Stopped>
where
    S: Service<Request, Response = Reply, Error = Stopped>,
{
    let form = Form::accepted(request.headers());
    let (head, mut replies) = Replies::open(&rest, inner, request, route).await?;
    let first = replies.next().await?;
    let begun = match &first {
        Some(rendered) => form.message(&rendered.bytes, true),
        None => form.end(true),
    };
    let running = Running {
        replies,
        form,
        trail,
        renderer,
    };
    let state = match first {
        Some(_) => State::Running(Box::new(running)),
        None => {
            running.trail.set_code(0);
            State::Over
        }
    };
    let frames = stream::iter([Ok(Frame::data(begun))]);
    let frames = futures_util::StreamExt::chain(frames, frames_of(state));
    let mut reply = Reply::new(Body::new(StreamBody::new(frames)));
    *reply.headers_mut() = headers::to_rest(&head.headers);
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, form.content_type());
    reply
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply)
}

struct Running {
    replies: Replies,
    form: Form,
    trail: Arc<Trail>,
    renderer: Renderer,
}

enum State {
    Running(Box<Running>),
    Broken,
    Over,
}

fn frames_of(state: State) -> impl Stream<Item = Result<Frame<Bytes>, Status>> {
    stream::unfold(state, |state| async {
        match state {
            State::Running(running) => Some(running.step().await),
            State::Broken => {
                tokio::time::sleep(LAST_WORD).await;
                Some((Err(Status::aborted("the stream broke off")), State::Over))
            }
            State::Over => None,
        }
    })
}

impl Running {
    async fn step(mut self: Box<Self>) -> (Result<Frame<Bytes>, Status>, State) {
        let next = self.replies.next();
        let next = if self.form == Form::Events {
            match tokio::time::timeout(KEEP_ALIVE, next).await {
                Ok(next) => next,
                Err(_) => {
                    return (
                        Ok(Frame::data(Bytes::from_static(b":\n\n"))),
                        State::Running(self),
                    );
                }
            }
        } else {
            next.await
        };
        match next {
            Ok(Some(rendered)) => {
                let frame = Frame::data(self.form.message(&rendered.bytes, false));
                (Ok(frame), State::Running(self))
            }
            Ok(None) => {
                self.trail.set_code(0);
                (Ok(Frame::data(self.form.end(false))), State::Over)
            }
            Err(stopped) => {
                let json = self.renderer.within_stream(&stopped, &self.trail);
                (Ok(Frame::data(self.form.error(&json))), State::Broken)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d5_accept_chooses_the_form() {
        for (accept, expected) in [
            (&[][..], Form::Lines),
            (&["*/*"], Form::Lines),
            (&["application/json"], Form::Array),
            (&["application/x-ndjson, application/json"], Form::Lines),
            (&["text/html", "Text/Event-Stream;q=1"], Form::Events),
        ] {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(header::ACCEPT, HeaderValue::from_static(value));
            }
            assert_eq!(Form::accepted(&headers), expected, "{accept:?}");
        }
    }

    #[test]
    fn d5_an_array_is_one_json_document() {
        let form = Form::Array;
        let parts = [
            form.message(b"1", true),
            form.message(b"2", false),
            form.end(false),
        ];
        assert_eq!(parts.concat(), b"[1,2]");
        assert_eq!(form.end(true), "[]");
    }
}
