//! Cross-origin calls of web pages.
//!
//! A preflight is answered here, without a credential and without a service. An
//! `OPTIONS` that is none goes on: it asks what a path takes.
//!
//! *Source*: Fetch Standard, section 3.2.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::Either;
use http::{
    HeaderName, HeaderValue, Method,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ETAG, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE},
};
use resido_proto::headers;
use tower::{Layer, Service};
use tower_http::cors::{self, AllowHeaders, AllowMethods, AllowOrigin};

use crate::{
    call::Trail,
    config::parse_origin,
    error::Error,
    wire::{Reply, Request},
};

/// How long a browser may remember the answer to a preflight.
const MAX_AGE: Duration = Duration::from_secs(600);
/// Headers of an answer that a page may read.
const EXPOSED: [HeaderName; 10] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static(headers::GRPC_STATUS_DETAILS),
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static(headers::REQUEST_ID),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    RETRY_AFTER,
    ETAG,
    WWW_AUTHENTICATE,
];

/// Answers preflights and marks answers to pages of allowed origins.
#[derive(Debug, Clone)]
pub(crate) struct CorsLayer {
    rules: cors::CorsLayer,
}

impl CorsLayer {
    /// Allows pages of these origins; `*` allows all, none of them with cookies.
    ///
    /// # Errors
    /// [`Error::Origin`].
    pub(crate) fn new(origins: &[String]) -> Result<Self, Error> {
        let origin = if origins.iter().any(|origin| origin == "*") {
            AllowOrigin::any()
        } else {
            let origins: Result<Vec<_>, _> = origins.iter().map(|origin| parse(origin)).collect();
            AllowOrigin::list(origins?)
        };
        let rules = cors::CorsLayer::new()
            .allow_origin(origin)
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(EXPOSED)
            .max_age(MAX_AGE);
        Ok(Self { rules })
    }
}

fn parse(origin: &str) -> Result<HeaderValue, Error> {
    parse_origin(origin).ok_or_else(|| Error::Origin(origin.to_owned()))
}

impl<S: Clone> Layer<S> for CorsLayer {
    type Service = Cors<S>;

    fn layer(&self, inner: S) -> Cors<S> {
        Cors {
            marked: self.rules.layer(inner.clone()),
            inner,
        }
    }
}

/// A service that pages of allowed origins may call.
#[derive(Debug, Clone)]
pub(crate) struct Cors<S> {
    marked: cors::Cors<S>,
    inner: S,
}

impl<S> Service<Request> for Cors<S>
where
    S: Service<Request, Response = Reply, Error = Infallible>,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Either<<cors::Cors<S> as Service<Request>>::Future, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let headers = request.headers();
        let preflight =
            headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() != Method::OPTIONS {
            return Either::Left(self.marked.call(request));
        }
        if !preflight {
            return Either::Right(self.inner.call(request));
        }
        if let Some(trail) = request.extensions().get::<Arc<Trail>>() {
            trail.set_code(0);
        }
        Either::Left(self.marked.call(request))
    }
}
