//! Serves what is no call: the documents, and what `OPTIONS` asks of a path.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::{Either, Ready, ready};
use http::{HeaderValue, Method, StatusCode, header};
use resido_observability::metrics::Protocol;
use tonic::body::Body;
use tower::{Layer, Service};

use super::gate::noted;
use crate::{
    call::Trail,
    catalog::Catalog,
    pages::Documents,
    refusal::{Refusal, Stopped},
    wire::{Reply, Request},
};

/// Serves documents.
#[derive(Debug, Clone)]
pub(crate) struct ServePagesLayer {
    catalog: Arc<Catalog>,
    documents: Option<Arc<Documents>>,
}

impl ServePagesLayer {
    /// Serves `documents`, where there are any, and the paths of `catalog`.
    pub(crate) fn new(catalog: Arc<Catalog>, documents: Option<Arc<Documents>>) -> Self {
        Self { catalog, documents }
    }

    fn reply(&self, request: &Request) -> Option<Result<Reply, Stopped>> {
        let path = request.uri().path();
        if noted::<Protocol>(request.extensions()).ok() != Some(Protocol::Rest) {
            return None;
        }
        let document = self
            .documents
            .as_ref()
            .and_then(|documents| documents.get(path));
        let allowed = match (&document, request.method()) {
            (Some(_), &Method::GET) => return document.map(Ok),
            (Some(_), &Method::HEAD) => {
                return document.map(|reply| Ok(reply.map(|_| Body::empty())));
            }
            (Some(_), _) => vec![Method::GET, Method::HEAD],
            (None, &Method::OPTIONS) => self.catalog.api.allowed(path),
            (None, _) => return None,
        };
        if request.method() != Method::OPTIONS {
            return Some(Err(Refusal::MethodNotAllowed(allowed).into()));
        }
        Some(options(&allowed))
    }
}

/// *Source*: RFC 9110, section 9.3.7.
fn options(allowed: &[Method]) -> Result<Reply, Stopped> {
    if allowed.is_empty() {
        return Err(Refusal::RouteNotFound.into());
    }
    let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
    let allow = HeaderValue::from_str(&names.join(", ")).map_err(|_| Refusal::Internal)?;
    let mut reply = Reply::new(Body::empty());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply.headers_mut().insert(header::ALLOW, allow);
    Ok(reply)
}

impl<S> Layer<S> for ServePagesLayer {
    type Service = ServePages<S>;

    fn layer(&self, inner: S) -> ServePages<S> {
        ServePages {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service beside the documents.
#[derive(Debug, Clone)]
pub(crate) struct ServePages<S> {
    inner: S,
    layer: ServePagesLayer,
}

impl<S> Service<Request> for ServePages<S>
where
    S: Service<Request, Response = Reply, Error = Stopped>,
{
    type Response = Reply;
    type Error = Stopped;
    type Future = Either<Ready<Result<Reply, Stopped>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Some(answer) = self.layer.reply(&request) else {
            return Either::Right(self.inner.call(request));
        };
        if let (Ok(_), Some(trail)) = (&answer, request.extensions().get::<Arc<Trail>>()) {
            trail.set_code(0);
        }
        Either::Left(ready(answer))
    }
}
