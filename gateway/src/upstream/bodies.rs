//! Bodies on their way to a service and back: as long as the call may last, and
//! without what must not pass.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body};

use crate::refusal::Refusal;

/// A request's body without trailers: gRPC has none, and identity could hide in
/// them.
pub(crate) struct WithoutTrailers(pub(crate) Body);

impl http_body::Body for WithoutTrailers {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match Pin::new(&mut self.0).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => Poll::Ready(None),
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// What ends a call that is not over, and why.
pub(crate) type End = BoxFuture<'static, Refusal>;

/// A request's body that breaks off when the call must end. A service that was
/// answering already would wait for the rest of it otherwise, when nobody waits
/// for it.
pub(crate) struct BreaksOff {
    inner: Body,
    end: End,
}

impl BreaksOff {
    /// Breaks `inner` off at `end`.
    pub(crate) fn new(inner: Body, end: End) -> Self {
        Self { inner, end }
    }
}

impl http_body::Body for BreaksOff {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // First, for a stream that always has more would never be asked again.
        let Poll::Ready(refusal) = self.end.poll_unpin(cx) else {
            return Pin::new(&mut self.inner).poll_frame(cx);
        };
        self.inner = Body::empty();
        // Whoever polls on hears nothing else.
        self.end = std::future::ready(refusal.clone()).boxed();
        Poll::Ready(Some(Err(Status::cancelled(refusal.to_string()))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A reply's body that ends when the call must, with a status that says why.
pub(crate) struct Until {
    inner: Body,
    end: End,
    over: bool,
}

impl Until {
    /// Ends `inner` at `end`.
    pub(crate) fn new(inner: Body, end: End) -> Self {
        Self {
            inner,
            end,
            over: false,
        }
    }
}

impl http_body::Body for Until {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        // First, for a stream that always has more would never be asked again.
        let Poll::Ready(refusal) = self.end.poll_unpin(cx) else {
            return Pin::new(&mut self.inner).poll_frame(cx);
        };
        self.over = true;
        // Dropping the inner body tells the service that nobody waits.
        self.inner = Body::empty();
        let mut trailers = HeaderMap::new();
        let status = resido_proto::error::to_status(&refusal);
        match status.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::time::Instant;

    use super::*;

    fn at(moment: Instant) -> End {
        let wait = tokio::time::sleep_until(moment);
        wait.map(|()| Refusal::DeadlineExceeded).boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn l2_a_stream_ends_at_its_deadline_with_a_status() {
        let endless = futures_util::stream::pending::<Result<Frame<Bytes>, Status>>();
        let body = Until::new(
            Body::new(StreamBody::new(endless)),
            at(Instant::now() + Duration::from_secs(5)),
        );
        let started = Instant::now();
        let trailers = body.collect().await.unwrap().trailers().cloned().unwrap();
        assert_eq!(trailers["grpc-status"], "4");
        assert_eq!(started.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn l2_a_stream_that_is_sent_breaks_off_at_its_deadline() {
        let first = Ok::<_, Status>(Frame::data(Bytes::from_static(b"a")));
        let endless = futures_util::stream::iter([first]);
        let endless = futures_util::StreamExt::chain(endless, futures_util::stream::pending());
        let until = Instant::now() + Duration::from_secs(5);
        let mut body = BreaksOff::new(Body::new(StreamBody::new(endless)), at(until));
        assert!(body.frame().await.unwrap().is_ok());
        assert!(body.frame().await.unwrap().is_err());
        assert_eq!(Instant::now(), until);
    }

    #[tokio::test]
    async fn g8_trailers_of_a_request_go_nowhere() {
        let frames = [
            Ok::<_, Status>(Frame::data(Bytes::from_static(b"a"))),
            Ok(Frame::trailers(HeaderMap::new())),
        ];
        let body = WithoutTrailers(Body::new(StreamBody::new(futures_util::stream::iter(
            frames,
        ))));
        let collected = body.collect().await.unwrap();
        assert!(collected.trailers().is_none());
        assert_eq!(collected.to_bytes(), "a");
    }

    #[tokio::test(start_paused = true)]
    async fn l2_a_stream_that_always_has_more_ends_at_its_deadline() {
        let more = || Ok::<_, Status>(Frame::data(Bytes::from_static(b"a")));
        let endless = || Body::new(StreamBody::new(futures_util::stream::repeat_with(more)));
        let until = Instant::now() + Duration::from_secs(5);
        let (mut up, mut down) = (
            BreaksOff::new(endless(), at(until)),
            Until::new(endless(), at(until)),
        );
        assert!(up.frame().await.unwrap().is_ok() && down.frame().await.unwrap().is_ok());
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(up.frame().await.unwrap().is_err());
        assert!(down.frame().await.unwrap().unwrap().is_trailers());
        assert!(down.frame().await.is_none());
    }
}
