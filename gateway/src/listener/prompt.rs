//! A connection that must begin to speak in time.
//!
//! HTTP's own time limits start when it is clear which version is spoken; whoever
//! says nothing, or only the first letters of HTTP/2's preface, would hold a place
//! for ever.
//!
//! *Source*: RFC 9113, section 3.4, for the preface.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that fails unless its peer makes clear in time which version of HTTP
/// it speaks.
pub(super) struct Prompt<S> {
    stream: S,
    /// Runs until the version is clear.
    limit: Option<Pin<Box<Sleep>>>,
    /// How much of the preface has come.
    matched: usize,
}

impl<S> Prompt<S> {
    /// Gives the peer so long.
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self {
            stream,
            limit: Some(Box::pin(tokio::time::sleep(limit))),
            matched: 0,
        }
    }

    fn heard(&mut self, bytes: &[u8]) {
        let expected = &PREFACE[self.matched..];
        let compared = bytes.len().min(expected.len());
        self.matched += compared;
        let other = bytes[..compared] != expected[..compared];
        if other || self.matched == PREFACE.len() {
            self.limit = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prompt<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if self.limit.is_none() {
            return polled;
        }
        if polled.is_ready() {
            self.heard(&buf.filled()[before..]);
            return polled;
        }
        match self.limit.as_mut().map(|limit| limit.as_mut().poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            _ => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prompt<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// Sends pieces, a second apart, and reads them; then nothing for long.
    async fn after(pieces: &[&[u8]]) -> Result<usize, io::ErrorKind> {
        let (near, mut far) = tokio::io::duplex(64);
        let mut prompt = Prompt::new(near, LIMIT);
        for piece in pieces {
            far.write_all(piece).await.unwrap();
            let mut read = vec![0; piece.len()];
            prompt
                .read_exact(&mut read)
                .await
                .map_err(|error| error.kind())?;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let silent = tokio::time::timeout(LIMIT * 10, prompt.read(&mut [0; 8])).await;
        match silent {
            Ok(read) => read.map_err(|error| error.kind()),
            Err(_) => Ok(0),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn m4_who_does_not_say_what_it_speaks_is_cut_off() {
        let silent: [&[&[u8]]; 3] = [&[], &[b"P"], &[b"PRI * HTTP/2.0\r\n\r\n", b"SM"]];
        for pieces in silent {
            assert_eq!(
                after(pieces).await,
                Err(io::ErrorKind::TimedOut),
                "{pieces:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_said_it_may_take_its_time() {
        let clear: [&[&[u8]]; 4] = [
            &[b"G"],
            &[b"P", b"O"],
            &[PREFACE],
            &[b"PRI * HTTP/2.0\r\n", b"\r\nSM\r\n\r\n"],
        ];
        for pieces in clear {
            assert_eq!(after(pieces).await, Ok(0), "{pieces:?}");
        }
    }
}
