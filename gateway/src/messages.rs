//! Bounds the messages of a request on its way to a service, whichever protocol
//! they came in, so that no service's own bound is met first. Their lengths are
//! looked at and nothing else.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;
use tonic::{Status, body::Body};

use crate::refusal::Refusal;

/// Length of what stands before a message: whether it is compressed, and its
/// length.
///
/// *Source*: gRPC over HTTP/2, "Length-Prefixed-Message".
pub(crate) const PREFIX_BYTES: usize = 5;
/// Bytes beyond the limit that are read all the same, at most, and the time.
const DRAINED_BYTES: usize = 16 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Ends when a message is too long, with the reason; clones end together.
pub(crate) type Excess = Shared<BoxFuture<'static, Refusal>>;

/// Lets messages of at most `limit` bytes pass. A longer one breaks the body off
/// before any of it has passed, and ends what is returned with the body.
pub(crate) fn bound(body: Body, limit: usize) -> (Body, Option<Excess>) {
    let whole = http_body::Body::size_hint(&body).upper();
    let whole = whole.and_then(|bytes| usize::try_from(bytes).ok());
    // None is longer than all of them.
    if whole.is_some_and(|bytes| bytes <= limit.saturating_add(PREFIX_BYTES)) {
        return (body, None);
    }
    let (tell, told) = oneshot::channel();
    let bounded = Bounded {
        inner: body,
        limit,
        read: Read::Prefix([0; PREFIX_BYTES], 0),
        tell: Some(tell),
    };
    let excess = async {
        match told.await {
            Ok(()) => Refusal::BodyTooLarge,
            // The body is gone, and nothing of it was too long.
            Err(_) => std::future::pending().await,
        }
    };
    (Body::new(bounded), Some(excess.boxed().shared()))
}

/// A body whose messages are bounded.
struct Bounded {
    inner: Body,
    limit: usize,
    read: Read,
    /// None after a message that was too long.
    tell: Option<oneshot::Sender<()>>,
}

/// What comes next.
enum Read {
    /// The rest of a prefix, of which so many bytes have come.
    Prefix([u8; PREFIX_BYTES], usize),
    /// So many bytes of a message.
    Message(usize),
}

impl Bounded {
    /// Reads on, and says whether every message that begins here may pass.
    fn admits(&mut self, mut data: &[u8]) -> bool {
        while !data.is_empty() {
            match &mut self.read {
                Read::Message(left) => {
                    let taken = data.len().min(*left);
                    data.advance(taken);
                    *left -= taken;
                    if *left == 0 {
                        self.read = Read::Prefix([0; PREFIX_BYTES], 0);
                    }
                }
                Read::Prefix(prefix, come) => {
                    let taken = data.len().min(PREFIX_BYTES - *come);
                    prefix[*come..*come + taken].copy_from_slice(&data[..taken]);
                    data.advance(taken);
                    *come += taken;
                    if *come < PREFIX_BYTES {
                        return true;
                    }
                    let [_, a, b, c, d] = *prefix;
                    let length = u32::from_be_bytes([a, b, c, d]);
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    if length > self.limit {
                        return false;
                    }
                    self.read = match length {
                        0 => Read::Prefix([0; PREFIX_BYTES], 0),
                        _ => Read::Message(length),
                    };
                }
            }
        }
        true
    }
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        let Poll::Ready(Some(Ok(frame))) = &polled else {
            return polled;
        };
        if frame.data_ref().is_none_or(|data| self.admits(data)) {
            return polled;
        }
        if let Some(tell) = self.tell.take() {
            // Whoever does not hear it has left.
            let _heard = tell.send(()).is_ok();
        }
        let rest = std::mem::replace(&mut self.inner, Body::empty());
        tokio::spawn(drain(rest));
        Poll::Ready(Some(Err(Status::cancelled("a message is too long"))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Reads on for a while what nobody wants: a connection that is closed on unread
/// bytes is reset, and the answer that says so is lost with it.
pub(crate) async fn drain(mut body: Body) {
    let mut left = DRAINED_BYTES;
    let read_on = async {
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            if bytes > left {
                break;
            }
            left -= bytes;
        }
    };
    // Over in time or not, the connection may go now.
    let _drained = tokio::time::timeout(DRAIN_TIME, read_on).await.is_ok();
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    /// A body of messages of so many bytes, cut into pieces.
    fn body(lengths: &[u8], piece: usize) -> Body {
        let mut bytes = Vec::new();
        for length in lengths {
            bytes.extend([1, 0, 0, 0, *length]);
            bytes.extend(std::iter::repeat_n(255, usize::from(*length)));
        }
        let pieces = bytes.chunks(piece).map(Bytes::copy_from_slice);
        let frames: Vec<_> = pieces
            .map(|data| Ok::<_, Status>(Frame::data(data)))
            .collect();
        Body::new(StreamBody::new(futures_util::stream::iter(frames)))
    }

    #[tokio::test]
    async fn c9_messages_within_the_bound_pass_as_they_are() {
        let lengths = [10, 0, 1, 10];
        let sent = body(&lengths, 100).collect().await.unwrap().to_bytes();
        for piece in 1..=sent.len() {
            let (bounded, excess) = bound(body(&lengths, piece), 10);
            let passed = bounded.collect().await.unwrap().to_bytes();
            assert_eq!(passed, sent, "in pieces of {piece}");
            assert!(excess.unwrap().now_or_never().is_none());
        }
    }

    #[tokio::test]
    async fn c9_a_message_beyond_the_bound_breaks_the_body_off() {
        for piece in 1..=30 {
            let (bounded, excess) = bound(body(&[10, 0, 11], piece), 10);
            assert!(bounded.collect().await.is_err(), "in pieces of {piece}");
            let refusal = excess.unwrap().now_or_never();
            assert!(matches!(refusal, Some(Refusal::BodyTooLarge)), "{piece}");
        }
    }

    #[test]
    fn a_body_that_is_short_as_a_whole_is_not_looked_at() {
        let body = |bytes| Body::new(Full::new(Bytes::from(vec![0; bytes])));
        assert!(bound(body(10 + PREFIX_BYTES), 10).1.is_none());
        assert!(bound(body(11 + PREFIX_BYTES), 10).1.is_some());
    }
}
