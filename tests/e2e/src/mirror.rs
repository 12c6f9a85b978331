//! A service behind the gateway that sends everything back and remembers what
//! it got: frames as they come, headers and trailers as they are.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use resido_gateway::UpstreamConfig;
use tokio::{net::TcpListener, sync::watch};

use crate::scratch;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its path.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its trailers, as far as they have come.
    pub trailers: HeaderMap,
}

/// The service. It stops when it is dropped.
#[derive(Debug)]
pub struct Mirror {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Calls that are open at this moment.
    open: watch::Receiver<usize>,
    task: tokio::task::JoinHandle<()>,
}

type Body = BoxBody<bytes::Bytes, hyper::Error>;

impl Mirror {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (count, open) = watch::channel(0);
        let room = Room {
            seen: Arc::clone(&seen),
            open: Arc::new(count),
        };
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let room = room.clone();
                let service = service_fn(move |request| {
                    let answer = room.answer(request);
                    async { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(
                    http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(socket), service),
                );
            }
        });
        Ok(Self {
            address,
            seen,
            open,
            task,
        })
    }

    /// Returns the gateway's settings that put it behind the gateway.
    ///
    /// # Errors
    /// If its descriptors cannot be made.
    pub fn upstream(&self) -> Result<UpstreamConfig> {
        Ok(UpstreamConfig {
            name: "mirror".to_owned(),
            endpoints: vec![format!("http://{}", self.address)],
            descriptor_set: Some(descriptors()?),
            services: Some(vec!["resido.e2e.v1.EchoService".to_owned()]),
            default_access: resido_gateway::Access::default(),
            json: Default::default(),
            methods: Vec::new(),
            http_rules: Vec::new(),
        })
    }

    /// Takes what has arrived since the last time.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns how many calls are open at this moment.
    #[must_use]
    pub fn open(&self) -> usize {
        *self.open.borrow()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Clone)]
struct Room {
    seen: Arc<Mutex<Vec<Seen>>>,
    open: Arc<watch::Sender<usize>>,
}

/// Counts a call while its body lives.
struct Guest(Arc<watch::Sender<usize>>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Room {
    fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let index = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(Seen {
                path: parts.uri.path().to_owned(),
                headers: parts.headers.clone(),
                trailers: HeaderMap::new(),
            });
            seen.len() - 1
        };
        self.open.send_modify(|open| *open += 1);
        let guest = Guest(Arc::clone(&self.open));
        let seen = Arc::clone(&self.seen);
        let body = body.map_frame(move |frame| {
            let _stays = &guest;
            if let Some(trailers) = frame.trailers_ref() {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(seen) = seen.get_mut(index) {
                    seen.trailers.clone_from(trailers);
                }
            }
            frame
        });
        let mut trailers = mirrored(&parts.headers, "x-mirror-trailer");
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let body = body.with_trailers(async { Some(Ok(trailers)) });
        let mut response = Response::new(body.boxed());
        let headers = response.headers_mut();
        headers.extend(mirrored(&parts.headers, "x-mirror-header"));
        for name in ["content-type", "grpc-encoding"] {
            if let Some(value) = parts.headers.get(name) {
                headers.insert(HeaderName::from_static(name), value.clone());
            }
        }
        response
    }
}

/// Returns the headers that begin so, in their order.
fn mirrored(sent: &HeaderMap, prefix: &str) -> HeaderMap {
    let wanted = sent
        .iter()
        .filter(|(name, _)| name.as_str().starts_with(prefix));
    let mut found = HeaderMap::new();
    for (name, value) in wanted {
        found.append(name.clone(), value.clone());
    }
    found
}

/// Compiles the proto of the service and returns the file of its descriptors.
fn descriptors() -> Result<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut compiler = protox::Compiler::new([here.join("proto"), here.join("../../proto")])?;
    compiler.include_imports(true).open_file("echo.proto")?;
    let file = scratch::folder("descriptors")?.join("echo.binpb");
    std::fs::write(&file, compiler.encode_file_descriptor_set())?;
    Ok(file)
}
