//! The gateway, put together: the stack of layers stands here once, top to
//! bottom.

use std::sync::Arc;

use resido_observability::Metrics;
use resido_proto::identity_api::v1::{
    GetJwksRequest, api_key_service_client::ApiKeyServiceClient,
    auth_service_client::AuthServiceClient,
};
use resido_tenancy::{context::Signer, directory::Directory};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tower::{ServiceBuilder, util::BoxCloneSyncService};

use crate::{
    admin::Admin,
    auth::{ApiKeys, Ask, Authenticator, KeySource},
    catalog::{Catalog, RouteInfo},
    config::Config,
    context::Minter,
    error::Error,
    internal::ControlPlane,
    layers::{
        Authenticate, Authorize, ClassifyLayer, CorsLayer, DeadlineLayer, FindMethod, Forward,
        GateLayer, ObserveLayer, RefuseMalformed, RenderLayer, ResolveTenant, ServePagesLayer,
        Shed, ShedStreams, TranscodeLayer,
    },
    listener::{self, Port, Service},
    pages::{Documents, Health, builtin, openapi},
    render::Renderer,
    standing::Standings,
    upstream::Upstream,
    watch::{Link, Watch},
};

/// The gateway. Clones are the same gateway.
#[derive(Clone)]
pub struct Gateway {
    parts: Arc<Parts>,
}

struct Parts {
    config: Config,
    catalog: Arc<Catalog>,
    directory: Directory,
    authenticator: Arc<Authenticator>,
    minter: Arc<Minter>,
    metrics: Metrics,
    control_plane: Option<ControlPlane>,
    health: Option<Health>,
    link: watch::Sender<Link>,
}

impl Gateway {
    /// Puts a gateway together. The upstream named `control-plane`, if there is
    /// one, tells it tenants and keys; contexts are signed by `signer`.
    ///
    /// # Errors
    /// [`Error`] with every fault of the upstreams.
    pub fn new(
        config: &Config,
        mut upstreams: Vec<Upstream>,
        signer: Signer,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let faults = config.faults();
        if !faults.is_empty() {
            return Err(Error::Config(faults));
        }
        let minter = Arc::new(Minter::new(signer));
        let control_plane = upstreams
            .iter()
            .find(|upstream| upstream.name == ControlPlane::NAME)
            .map(|upstream| ControlPlane::new(upstream.transport.clone(), Arc::clone(&minter)));
        let mut health = None;
        if config.describe {
            let (own, reporter) = builtin(&upstreams)?;
            upstreams.push(own);
            health = Some(reporter);
        }
        let keys = key_source(control_plane.clone());
        let authenticator = Authenticator::new(keys, &config.issuer, &config.audiences)
            .with_api_keys(api_keys(control_plane.clone(), &metrics))
            .with_shared_secret(config.shared_secret.as_ref());
        let link = watch::Sender::new(match control_plane {
            Some(_) => Link::Waiting,
            None => Link::Absent,
        });
        Ok(Self {
            parts: Arc::new(Parts {
                config: config.clone(),
                catalog: Arc::new(Catalog::new(&upstreams)?),
                directory: Directory::new(),
                authenticator: Arc::new(authenticator),
                minter,
                metrics,
                control_plane,
                health,
                link,
            }),
        })
    }

    /// Serves until `shutdown`; then takes no new connections, lets calls under
    /// way end, and returns.
    ///
    /// # Errors
    /// [`Error::Origin`].
    pub async fn serve(
        self,
        listener: TcpListener,
        admin: Option<TcpListener>,
        shutdown: CancellationToken,
    ) -> Result<(), Error> {
        let service = self.service()?;
        let config = &self.parts.config;
        let port = |service, trusted: Vec<_>| Port {
            service,
            limits: config.limits.clone(),
            trusted: trusted.into(),
        };
        let calls = port(service, config.trusted());
        let mut tasks = JoinSet::new();
        if let Some(listener) = admin {
            let admin = port(self.admin(), Vec::new());
            tasks.spawn(listener::serve(listener, admin, shutdown.clone()));
        }
        // Followed to the very end: calls that drain still need it.
        let (following, end) = (self.clone(), shutdown.clone());
        let following = tokio::spawn(async move { following.follow(end).await });
        listener::serve(listener, calls, shutdown).await;
        while tasks.join_next().await.is_some() {}
        following.abort();
        Ok(())
    }

    /// Waits until tenants and keys are known; at once where there is no control
    /// plane.
    pub async fn until_ready(&self) {
        let mut link = self.parts.link.subscribe();
        // Fails only when the sender is gone, and this keeps it.
        let _ready = link.wait_for(|link| link.is_ready()).await.is_ok();
    }

    /// Describes everything that is routed, as OpenAPI 3.1.
    #[must_use]
    pub fn openapi(&self) -> serde_json::Value {
        openapi(&self.parts.catalog)
    }

    /// Lists what is routed.
    #[must_use]
    pub fn routes(&self) -> Vec<RouteInfo> {
        self.parts.catalog.routes()
    }

    async fn follow(self, shutdown: CancellationToken) {
        let parts = &self.parts;
        let watch = parts.control_plane.clone().map(|control_plane| Watch {
            control_plane,
            directory: parts.directory.clone(),
            authenticator: Arc::clone(&parts.authenticator),
            metrics: parts.metrics.clone(),
            link: parts.link.clone(),
        });
        let announce = async {
            self.until_ready().await;
            if let Some(health) = &parts.health {
                health.set(true).await;
                shutdown.cancelled().await;
                // Those who look before they call go elsewhere from now on.
                health.set(false).await;
            }
        };
        if let Some(health) = &parts.health {
            let ready = parts.link.borrow().is_ready();
            health.set(ready).await;
        }
        match watch {
            Some(watch) => {
                let keys = parts.authenticator.keys();
                tokio::join!(watch.run(), keys.keep_fresh(), announce);
            }
            None => announce.await,
        }
    }

    /// One request from socket to upstream and back.
    fn service(&self) -> Result<Service, Error> {
        let parts = &self.parts;
        let (config, catalog) = (&parts.config, &parts.catalog);
        let renderer = Renderer::new(Arc::clone(catalog));
        let documents = config.describe.then(|| Arc::new(Documents::new(catalog)));
        let standings = Standings::new(parts.directory.clone(), Arc::clone(&parts.authenticator));
        let calls = ServiceBuilder::new()
            // The path's method and the bindings.
            .layer(GateLayer::new(FindMethod::new(Arc::clone(catalog))))
            // Streams of nobody known: few, so that they crowd nobody out.
            .layer(GateLayer::new(ShedStreams::new(
                config.limits.anonymous_streams,
            )))
            // Who calls.
            .layer(GateLayer::new(Authenticate::new(Arc::clone(
                &parts.authenticator,
            ))))
            // For which tenant, and whether it takes calls.
            .layer(GateLayer::new(ResolveTenant::new(
                parts.directory.clone(),
                &config.base_domains,
            )))
            // Whether the method's policy admits the caller.
            .layer(GateLayer::new(Authorize::new(parts.metrics.clone())))
            // For how long.
            .layer(DeadlineLayer::new(config.limits.bounds()))
            // Path, query and body into a message; its reply into JSON.
            .layer(TranscodeLayer::new(&config.limits, renderer.clone()))
            .service(Forward::new(
                Arc::clone(&parts.minter),
                standings,
                config.limits.body_bytes,
            ));
        let service = ServiceBuilder::new()
            // Request id, span; log line and counts at the end.
            .layer(ObserveLayer::new(parts.metrics.clone()))
            // Preflights are answered here.
            .layer(CorsLayer::new(&config.allowed_origins)?)
            // The protocol; identity is stripped; gRPC-Web becomes gRPC.
            .layer(ClassifyLayer)
            // What stops a call becomes an answer in its protocol.
            .layer(RenderLayer::new(renderer))
            // What was found malformed on the way.
            .layer(GateLayer::new(RefuseMalformed))
            // Beyond the limit: refused at once.
            .layer(GateLayer::new(Shed::new(config.limits.requests)))
            // What is no call.
            .layer(ServePagesLayer::new(Arc::clone(catalog), documents))
            .service(calls);
        Ok(BoxCloneSyncService::new(service))
    }

    fn admin(&self) -> Service {
        let parts = &self.parts;
        Admin {
            catalog: Arc::clone(&parts.catalog),
            directory: parts.directory.clone(),
            metrics: parts.metrics.clone(),
            minter: Arc::clone(&parts.minter),
            link: parts.link.subscribe(),
        }
        .service()
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

/// Fetches the keys of access tokens from the control plane.
fn key_source(control_plane: Option<ControlPlane>) -> KeySource {
    let Some(control_plane) = control_plane else {
        return KeySource::none();
    };
    KeySource::new(Box::new(move || {
        let mut client = AuthServiceClient::new(control_plane.clone());
        Box::pin(async move {
            let body = client.get_jwks(GetJwksRequest {}).await?;
            Ok(serde_json::from_slice(&body.into_inner().data)?)
        })
    }))
}

/// Asks the control plane whose API keys are.
fn api_keys(control_plane: Option<ControlPlane>, metrics: &Metrics) -> ApiKeys {
    let Some(control_plane) = control_plane else {
        return ApiKeys::none();
    };
    let ask: Ask = Box::new(move |request| {
        let mut client = ApiKeyServiceClient::new(control_plane.clone());
        Box::pin(async move { Ok(client.resolve_api_key(request).await?.into_inner()) })
    });
    ApiKeys::new(ask, metrics.clone())
}
