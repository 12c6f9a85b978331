//! Sends a call over each of the protocols.

use std::net::{Ipv6Addr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, uri::PathAndQuery};
use prost_reflect::MethodDescriptor;
use serde_json::{Value, json};
use tonic::{
    Status,
    client::Grpc,
    metadata::MetadataMap,
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

use super::{
    Call, Refusal, Reply,
    grpc::BytesCodec,
    raw::{self, Version},
    schema, web,
};

/// A protocol of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// gRPC, by tonic.
    Grpc,
    /// gRPC-Web in binary, over HTTP/1.1.
    Web,
    /// gRPC-Web as text, over HTTP/1.1.
    WebText,
    /// REST with JSON, over HTTP/1.1.
    Rest,
}

impl Wire {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Grpc, Self::Web, Self::WebText, Self::Rest];
}

/// Calls the gateway over one protocol, with the same headers each time.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    wire: Wire,
    headers: HeaderMap,
}

impl Client {
    /// Makes a client that sends no headers of its own.
    #[must_use]
    pub fn new(address: SocketAddr, wire: Wire) -> Self {
        let headers = HeaderMap::new();
        Self {
            address,
            wire,
            headers,
        }
    }

    /// Sends a header with each call, besides those before.
    ///
    /// # Errors
    /// If it is no header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        self.headers.append(name, HeaderValue::from_str(value)?);
        Ok(self)
    }

    /// Calls as if a proxy had passed on the call of a machine of its own.
    pub(crate) fn on_another_machine(mut self) -> Self {
        let network = Uuid::new_v4().as_u128() >> 64 << 64;
        let machine = HeaderValue::try_from(Ipv6Addr::from_bits(network | 1).to_string());
        if let Ok(machine) = machine {
            self.headers.insert("x-forwarded-for", machine);
        }
        self
    }

    /// Sends a bearer token with each call.
    ///
    /// # Errors
    /// If it is no token.
    pub fn token(self, token: &str) -> Result<Self> {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Makes a call. What a stream or raw bytes would bring is not looked at: the
    /// message is null then.
    ///
    /// # Errors
    /// If what comes back is not an answer of the protocol.
    pub async fn call(&self, call: &Call) -> Result<Reply> {
        match self.wire {
            Wire::Grpc => self.grpc(call).await,
            Wire::Web => self.web(call, false).await,
            Wire::WebText => self.web(call, true).await,
            Wire::Rest => self.rest(call).await,
        }
    }

    async fn grpc(&self, call: &Call) -> Result<Reply> {
        let method = schema::method(call.path)?;
        let channel = Endpoint::from_shared(format!("http://{}", self.address))?;
        let mut grpc = Grpc::new(channel.connect().await?);
        grpc.ready().await?;
        let message = schema::encode(method.input(), &call.message)?;
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = MetadataMap::from_headers(self.headers.clone());
        let path = PathAndQuery::from_static(call.path);
        let answer = if is_plain(&method) {
            grpc.unary(request, path, BytesCodec).await
        } else {
            first(grpc, request, path).await
        };
        match answer {
            Ok(response) => {
                let (headers, message, _) = response.into_parts();
                Ok(Reply {
                    outcome: Ok(message_of(&method, &message)?),
                    http: 200,
                    headers: headers.into_headers(),
                })
            }
            Err(status) => {
                let details = Bytes::copy_from_slice(status.details());
                let code = i32::from(status.code());
                Ok(Reply {
                    outcome: Err(refusal(code, status.message(), details)?),
                    http: 200,
                    headers: status.metadata().clone().into_headers(),
                })
            }
        }
    }

    async fn web(&self, call: &Call, text: bool) -> Result<Reply> {
        let method = schema::method(call.path)?;
        let framed = web::frame(&schema::encode(method.input(), &call.message)?)?;
        let (kind, body) = if text {
            (
                "application/grpc-web-text+proto",
                web::to_text(&framed).into(),
            )
        } else {
            ("application/grpc-web+proto", framed)
        };
        let request = self.request(Request::post(call.path), body)?;
        let request = with(request, "content-type", kind)?;
        let raw = raw::send(self.address, Version::One, with(request, "accept", kind)?).await?;
        ensure!(raw.status == 200, "HTTP {}: {:?}", raw.status, raw.body);
        let mut headers = raw.headers;
        let mut messages = Vec::new();
        if !headers.contains_key("grpc-status") {
            let body = if text {
                web::from_text(&raw.body)?
            } else {
                raw.body
            };
            let (found, trailers) = web::split(body)?;
            messages = found;
            headers.extend(trailers);
        }
        let field = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let code: i32 = field("grpc-status").context("no status")?.parse()?;
        let outcome = if code == 0 && !is_plain(&method) {
            Ok(Value::Null)
        } else if code == 0 {
            ensure!(messages.len() == 1, "{} messages", messages.len());
            Ok(schema::decode(method.output(), messages.remove(0))?)
        } else {
            let details = field("grpc-status-details-bin").unwrap_or_default();
            let details = STANDARD_NO_PAD.decode(details.trim_end_matches('='))?;
            let message = field("grpc-message").unwrap_or_default();
            Err(refusal(code, &unescape(message)?, details.into())?)
        };
        Ok(Reply {
            outcome,
            http: 200,
            headers,
        })
    }

    async fn rest(&self, call: &Call) -> Result<Reply> {
        let builder = Request::builder().method(&call.verb).uri(&call.uri);
        let body = call.body.as_ref().map(Value::to_string);
        let mut request = self.request(builder, body.unwrap_or_default().into())?;
        if call.body.is_some() {
            request = with(request, "content-type", "application/json")?;
        }
        let raw = raw::send(self.address, Version::One, request).await?;
        let method = schema::method(call.path)?;
        let looked_at = is_plain(&method) && !is_raw(&method);
        let outcome = if raw.status.is_success() && !looked_at {
            Ok(Value::Null)
        } else if raw.status.is_success() {
            Ok(schema::normalise(method.output(), &raw.body)?)
        } else {
            Err(Refusal(schema::normalise(schema::status()?, &raw.body)?))
        };
        Ok(Reply {
            outcome,
            http: raw.status.as_u16(),
            headers: raw.headers,
        })
    }

    fn request(&self, builder: http::request::Builder, body: Bytes) -> Result<Request<Bytes>> {
        let mut request = builder.body(body)?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }
}

/// Whether one message goes and one comes back.
fn is_plain(method: &MethodDescriptor) -> bool {
    !method.is_client_streaming() && !method.is_server_streaming()
}

/// Whether raw bytes come back over REST.
fn is_raw(method: &MethodDescriptor) -> bool {
    method.output().full_name() == "google.api.HttpBody"
}

fn message_of(method: &MethodDescriptor, message: &Bytes) -> Result<Value> {
    if is_plain(method) {
        schema::decode(method.output(), message.clone())
    } else {
        Ok(Value::Null)
    }
}

/// Sends a stream of one message and waits for the first that comes back, or for
/// the end.
async fn first(
    mut grpc: Grpc<Channel>,
    request: tonic::Request<Bytes>,
    path: PathAndQuery,
) -> Result<tonic::Response<Bytes>, Status> {
    let request = request.map(|message| tokio_stream::iter([message]));
    let (metadata, mut messages, extensions) = grpc
        .streaming(request, path, BytesCodec)
        .await?
        .into_parts();
    let message = messages.message().await?.unwrap_or_default();
    Ok(tonic::Response::from_parts(metadata, message, extensions))
}

fn with(mut request: Request<Bytes>, name: &'static str, value: &str) -> Result<Request<Bytes>> {
    let value = HeaderValue::from_str(value)?;
    request.headers_mut().insert(name, value);
    Ok(request)
}

/// Reads an error, whose two spellings must agree.
fn refusal(code: i32, message: &str, details: Bytes) -> Result<Refusal> {
    if details.is_empty() {
        return Ok(Refusal(json!({"code": code, "message": message})));
    }
    let status = schema::decode(schema::status()?, details)?;
    ensure!(status["code"] == code, "{status} comes with code {code}");
    ensure!(
        status["message"] == message,
        "{status} comes with {message}"
    );
    Ok(Refusal(status))
}

/// Undoes the percent-encoding of `grpc-message`.
fn unescape(message: &str) -> Result<String> {
    let mut bytes = Vec::new();
    let mut rest = message.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2).context("half an escape")?)?;
            bytes.push(u8::from_str_radix(digits, 16)?);
            rest = rest.get(2..).unwrap_or_default();
        } else {
            bytes.push(first);
        }
    }
    Ok(String::from_utf8(bytes)?)
}
