//! gRPC-Web by hand: frames, base64, and the frame of trailers.
//!
//! *Source*: gRPC-Web, "Protocol differences vs gRPC over HTTP2".

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Bit of a frame that holds trailers.
const TRAILERS: u8 = 0x80;

/// Puts a message into a frame.
pub(super) fn frame(message: &[u8]) -> Result<Bytes> {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len())?);
    framed.put_slice(message);
    Ok(framed.freeze())
}

/// Writes frames as text.
pub(super) fn to_text(frames: &[u8]) -> String {
    STANDARD.encode(frames)
}

/// Reads frames from text, in which padding may stand between any two parts.
pub(super) fn from_text(text: &[u8]) -> Result<Bytes> {
    ensure!(text.len().is_multiple_of(4), "{} characters", text.len());
    let mut frames = BytesMut::new();
    for part in text.chunks(4) {
        frames.put_slice(&STANDARD.decode(part)?);
    }
    Ok(frames.freeze())
}

/// Splits a body into its messages and its trailers.
pub(super) fn split(mut body: Bytes) -> Result<(Vec<Bytes>, HeaderMap)> {
    let (mut messages, mut trailers) = (Vec::new(), None);
    while body.has_remaining() {
        ensure!(trailers.is_none(), "something follows the trailers");
        ensure!(body.len() >= 5, "half a frame");
        let flags = body.get_u8();
        let length = usize::try_from(body.get_u32())?;
        ensure!(body.len() >= length, "half a frame");
        let content = body.split_to(length);
        match flags {
            0 => messages.push(content),
            TRAILERS => trailers = Some(lines(&content)?),
            other => anyhow::bail!("a frame with flags {other:#x}"),
        }
    }
    Ok((messages, trailers.context("no trailers")?))
}

fn lines(content: &[u8]) -> Result<HeaderMap> {
    let mut trailers = HeaderMap::new();
    for line in std::str::from_utf8(content)?.split_terminator("\r\n") {
        let (name, value) = line.split_once(':').context("no colon")?;
        ensure!(name == name.to_ascii_lowercase(), "{name} has capitals");
        trailers.append(
            HeaderName::from_bytes(name.as_bytes())?,
            HeaderValue::from_str(value.trim())?,
        );
    }
    Ok(trailers)
}
