//! The admin port: what operators and their tools look at. On loopback unless
//! configured otherwise; nothing here changes anything.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use resido_observability::Metrics;
use resido_tenancy::directory::Directory;
use serde_json::json;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;

use crate::{
    catalog::Catalog,
    context::Minter,
    listener::Service,
    watch::Link,
    wire::{Reply, Request},
};

/// What the admin port shows.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) directory: Directory,
    pub(crate) metrics: Metrics,
    pub(crate) minter: Arc<Minter>,
    pub(crate) link: tokio::sync::watch::Receiver<Link>,
}

impl Admin {
    /// Returns the service of the port.
    pub(crate) fn service(self) -> Service {
        let admin = Arc::new(self);
        BoxCloneSyncService::new(tower::service_fn(move |request: Request| {
            let reply = admin.reply(&request);
            async move { Ok::<_, Infallible>(reply) }
        }))
    }

    fn reply(&self, request: &Request) -> Reply {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return json_reply(
                StatusCode::METHOD_NOT_ALLOWED,
                &json!({ "error": "GET only" }),
            );
        }
        match request.uri().path() {
            "/metrics" => reply(
                StatusCode::OK,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                self.metrics.render(),
            ),
            "/healthz" => json_reply(StatusCode::OK, &json!({ "status": "ok" })),
            "/readyz" => self.readiness(),
            "/routes" => json_reply(StatusCode::OK, &json!({ "routes": self.catalog.routes() })),
            "/tenants" => json_reply(StatusCode::OK, &json!({ "count": self.directory.len() })),
            "/context-jwks.json" => json_reply(StatusCode::OK, &json!(self.minter.jwks())),
            _ => json_reply(
                StatusCode::NOT_FOUND,
                &json!({ "error": "no such page", "pages": PAGES }),
            ),
        }
    }

    /// A gateway that lost the control plane goes on with what it knows, and
    /// says for how long.
    fn readiness(&self) -> Reply {
        let link = *self.link.borrow();
        let (name, lost) = match link {
            Link::Absent => ("absent", None),
            Link::Waiting => ("waiting", None),
            Link::Connected => ("connected", None),
            Link::Lost(since) => ("lost", Some(since.elapsed().as_secs())),
        };
        let status = if link.is_ready() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let body = json!({
            "ready": link.is_ready(),
            "control_plane": name,
            "lost_seconds": lost,
            "tenants": self.directory.len(),
        });
        json_reply(status, &body)
    }
}

const PAGES: [&str; 6] = [
    "/metrics",
    "/healthz",
    "/readyz",
    "/routes",
    "/tenants",
    "/context-jwks.json",
];

fn json_reply(status: StatusCode, body: &serde_json::Value) -> Reply {
    reply(status, "application/json", format!("{body}\n"))
}

fn reply(status: StatusCode, kind: &'static str, body: String) -> Reply {
    let mut reply = Reply::new(Body::new(Full::new(Bytes::from(body))));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}
