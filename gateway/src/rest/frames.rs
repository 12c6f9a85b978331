//! Messages within a gRPC body: one byte that says whether the message is
//! compressed, four of length, and the message.
//!
//! *Source*: gRPC over HTTP/2, "Length-Prefixed-Message".

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use tonic::{Status, body::Body};

use crate::{
    messages::PREFIX_BYTES,
    refusal::{Refusal, Stopped},
};

/// Puts the prefix before a message.
///
/// # Errors
/// [`Refusal::BodyTooLarge`] if the length does not fit.
pub(super) fn frame(message: &[u8]) -> Result<Bytes, Refusal> {
    let length = u32::try_from(message.len()).map_err(|_| Refusal::BodyTooLarge)?;
    let mut framed = Vec::with_capacity(PREFIX_BYTES + message.len());
    framed.push(0);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    Ok(framed.into())
}

/// Reads the messages of a reply one after another.
#[derive(Debug)]
pub(super) struct Messages {
    body: Body,
    buffer: BytesMut,
    trailers: HeaderMap,
    limit: usize,
}

impl Messages {
    /// Reads messages of at most `limit` bytes each.
    pub(super) fn new(body: Body, limit: usize) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
            trailers: HeaderMap::new(),
            limit,
        }
    }

    /// Returns the next message; none when the call has ended well.
    ///
    /// # Errors
    /// The status with which the call ended, or [`Refusal::UpstreamInvalid`] if
    /// the body is none of gRPC's.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Stopped> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.buffer.extend_from_slice(&data),
                    Err(frame) => self.trailers = frame.into_trailers().unwrap_or_default(),
                },
                // Only trailers carry a service's own words.
                Some(Err(error)) => {
                    tracing::warn!(code = ?error.code(), error = error.message(), "a reply broke off");
                    return Err(Refusal::UpstreamUnavailable.into());
                }
                None => return self.end(),
            }
        }
    }

    /// Returns the trailers that have come.
    pub(super) fn trailers(&self) -> &HeaderMap {
        &self.trailers
    }

    fn take(&mut self) -> Result<Option<Bytes>, Stopped> {
        let Some((&[compressed, a, b, c, d], _)) = self.buffer.split_first_chunk::<PREFIX_BYTES>()
        else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        // Nothing was said of an encoding that would be understood.
        if compressed != 0 || length > self.limit {
            return Err(Refusal::UpstreamInvalid.into());
        }
        if self.buffer.len() < PREFIX_BYTES + length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX_BYTES);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    fn end(&self) -> Result<Option<Bytes>, Stopped> {
        match Status::from_header_map(&self.trailers) {
            Some(status) if status.code() == tonic::Code::Ok && self.buffer.is_empty() => Ok(None),
            Some(status) if status.code() != tonic::Code::Ok => {
                Err(Stopped::Answered(Box::new(status)))
            }
            _ => Err(Refusal::UpstreamInvalid.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    fn messages(data: &[u8], piece: usize, code: Option<&'static str>) -> Messages {
        let mut frames: Vec<Result<Frame<Bytes>, Status>> = data
            .chunks(piece)
            .map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk))))
            .collect();
        if let Some(code) = code {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static(code));
            frames.push(Ok(Frame::trailers(trailers)));
        }
        Messages::new(
            Body::new(StreamBody::new(futures_util::stream::iter(frames))),
            100,
        )
    }

    #[tokio::test]
    async fn messages_come_whole_however_the_bytes_are_cut() {
        let mut data = frame(b"one").unwrap().to_vec();
        data.extend_from_slice(&frame(b"").unwrap());
        data.extend_from_slice(&frame(b"three").unwrap());
        for piece in 1..=data.len() {
            let mut messages = messages(&data, piece, Some("0"));
            let mut read = Vec::new();
            while let Some(message) = messages.next().await.unwrap() {
                read.push(message);
            }
            assert_eq!(read, ["one", "", "three"], "in pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_none_of_grpcs_is_refused() {
        let whole = frame(b"one").unwrap();
        let mut compressed = whole.to_vec();
        compressed[0] = 1;
        let huge = [0, 255, 255, 255, 255];
        for (data, code) in [
            (&whole[..4], Some("0")),
            (&compressed, Some("0")),
            (&huge, None),
            (&[], None),
        ] {
            let refused = messages(data, 3, code).next().await;
            assert!(
                matches!(refused, Err(Stopped::Refused(Refusal::UpstreamInvalid))),
                "{data:?}"
            );
        }
        let Err(Stopped::Answered(status)) = messages(&[], 1, Some("5")).next().await else {
            panic!("the status is lost");
        };
        assert_eq!(status.code(), tonic::Code::NotFound);
    }
}
