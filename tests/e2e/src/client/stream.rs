//! A gRPC call as frames of HTTP/2, sent and received as they come.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;

/// An open call. Dropped, it is reset.
#[derive(Debug)]
pub struct Stream {
    /// The headers that came back.
    pub headers: HeaderMap,
    sender: Option<mpsc::Sender<Result<Frame<Bytes>>>>,
    body: Incoming,
    connection: tokio::task::JoinHandle<()>,
}

/// What a call ended with.
#[derive(Debug)]
pub struct End {
    /// Everything that came.
    pub bytes: Vec<u8>,
    /// The trailers.
    pub trailers: HeaderMap,
}

impl Stream {
    /// Opens a call on a connection of its own, sending `first` with it, and
    /// waits for the headers.
    ///
    /// # Errors
    /// If none come.
    pub async fn open(address: SocketAddr, request: Request<()>, first: &[u8]) -> Result<Self> {
        let socket = TokioIo::new(TcpStream::connect(address).await?);
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), socket);
        let (mut send, connection) = handshake.await?;
        let connection = tokio::spawn(async {
            let _ended = connection.await.is_ok();
        });
        let (sender, frames) = mpsc::channel(4);
        let (mut parts, ()) = request.into_parts();
        parts.uri = format!("http://{address}{}", parts.uri).parse()?;
        let body = StreamBody::new(ReceiverStream::new(frames)).boxed();
        if !first.is_empty() {
            let first = Frame::data(Bytes::copy_from_slice(first));
            sender.send(Ok(first)).await?;
        }
        let response = send.send_request(Request::from_parts(parts, body)).await?;
        let (parts, body) = response.into_parts();
        Ok(Self {
            headers: parts.headers,
            sender: Some(sender),
            body,
            connection,
        })
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// If the call has ended.
    pub async fn send(&self, bytes: Bytes) -> Result<()> {
        let sender = self.sender.as_ref().context("it is closed")?;
        Ok(sender.send(Ok(Frame::data(bytes))).await?)
    }

    /// Sends trailers, which end this side.
    ///
    /// # Errors
    /// If the call has ended.
    pub async fn send_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        let sender = self.sender.take().context("it is closed")?;
        Ok(sender.send(Ok(Frame::trailers(trailers))).await?)
    }

    /// Receives the next bytes.
    ///
    /// # Errors
    /// If the call ends.
    pub async fn receive(&mut self) -> Result<Bytes> {
        let frame = self.body.frame().await.context("the call ended")??;
        frame.into_data().ok().context("trailers came")
    }

    /// Ends this side, and reads the other to its end.
    ///
    /// # Errors
    /// If it is reset.
    pub async fn finish(mut self) -> Result<End> {
        self.sender = None;
        self.wait().await
    }

    /// Reads the other side to its end, and leaves this one as it is.
    ///
    /// # Errors
    /// If it is reset.
    pub async fn wait(mut self) -> Result<End> {
        let (mut bytes, mut trailers) = (Vec::new(), HeaderMap::new());
        while let Some(frame) = self.body.frame().await {
            match frame?.into_data() {
                Ok(data) => bytes.extend_from_slice(&data),
                Err(frame) => {
                    trailers = frame.into_trailers().ok().context("an odd frame")?;
                }
            }
        }
        self.connection.abort();
        Ok(End { bytes, trailers })
    }
}
