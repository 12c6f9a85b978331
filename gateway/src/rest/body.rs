//! Reads the body of a REST request, within limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt as _;
use tonic::body::Body;

use crate::{messages::drain, refusal::Refusal};

/// Reads a whole body of at most `limit` bytes; the sender may pause for `idle`.
///
/// # Errors
/// [`Refusal::MediaTypeUnsupported`] for an encoding, [`Refusal::BodyTooLarge`],
/// [`Refusal::BodyTimeout`], or [`Refusal::Malformed`] if it breaks off.
pub(super) async fn read(
    mut body: Body,
    headers: &HeaderMap,
    limit: usize,
    idle: Duration,
) -> Result<Bytes, Refusal> {
    check_encoding(headers)?;
    let announced = http_body::Body::size_hint(&body).lower();
    if usize::try_from(announced).map_or(true, |bytes| bytes > limit) {
        tokio::spawn(drain(body));
        return Err(Refusal::BodyTooLarge);
    }
    let mut read = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(idle, body.frame())
            .await
            .map_err(|_| Refusal::BodyTimeout)?;
        match frame {
            None => return Ok(read.freeze()),
            Some(Err(_)) => return Err(Refusal::Malformed("its body breaks off")),
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                if read.len() + data.len() > limit {
                    tokio::spawn(drain(body));
                    return Err(Refusal::BodyTooLarge);
                }
                read.extend_from_slice(&data);
            }
        }
    }
}

/// Checks that a body comes as it is.
///
/// # Errors
/// [`Refusal::MediaTypeUnsupported`] if it is encoded.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let encoding = headers
        .get(header::CONTENT_ENCODING)
        .map(HeaderValue::as_bytes);
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::MediaTypeUnsupported);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};
    use tonic::Status;

    use super::*;

    const IDLE: Duration = Duration::from_secs(30);

    fn full(text: &'static str) -> Body {
        Body::new(Full::new(Bytes::from_static(text.as_bytes())))
    }

    #[tokio::test(start_paused = true)]
    async fn c9_bodies_are_bounded_in_size_and_time() {
        let none = HeaderMap::new();
        assert_eq!(read(full("12345"), &none, 5, IDLE).await.unwrap(), "12345");
        assert!(matches!(
            read(full("123456"), &none, 5, IDLE).await,
            Err(Refusal::BodyTooLarge)
        ));
        let pieces = ["123", "456"]
            .map(|piece| Ok::<_, Status>(Frame::data(Bytes::from_static(piece.as_bytes()))));
        let pieces = Body::new(StreamBody::new(futures_util::stream::iter(pieces)));
        assert!(matches!(
            read(pieces, &none, 5, IDLE).await,
            Err(Refusal::BodyTooLarge)
        ));
        let silent = futures_util::stream::pending::<Result<Frame<Bytes>, Status>>();
        let silent = Body::new(StreamBody::new(silent));
        assert!(matches!(
            read(silent, &none, 5, IDLE).await,
            Err(Refusal::BodyTimeout)
        ));
    }

    #[tokio::test]
    async fn encoded_bodies_are_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(matches!(
            read(full("x"), &headers, 5, IDLE).await,
            Err(Refusal::MediaTypeUnsupported)
        ));
    }
}
