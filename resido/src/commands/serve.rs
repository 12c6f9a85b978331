//! `resido gateway`, `resido control-plane` and `resido housing`: one part alone.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use resido_control_plane::{ControlPlane, KeyRing};
use resido_gateway::Gateway;
use resido_observability::Metrics;
use resido_tenancy::{
    context::{Signer, Verifier},
    db::{PublicDatabase, TenantDatabase},
    keys::SigningKey,
};
use secrecy::SecretString;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    admin::Pages,
    cli,
    data_dir::{DataDir, secret_file},
    ending::{self, Tasks, together},
    jwks::Source,
    migrating::{self, Migrating},
    operator,
    progress::Progress,
    serving::{Door, serve},
    settings::Settings,
    terminal, token_keys,
    wiring::{self, CONTROL_PLANE, HOUSING, Part},
};

/// Runs the gateway until a signal.
pub(crate) async fn gateway(flags: &cli::Gateway, mut settings: Settings) -> Result<ExitCode> {
    let end = ending::on_signal()?;
    let config = &mut settings.gateway;
    config.listen = flags.listen.unwrap_or(config.listen);
    config.admin_listen = flags.admin_listen.unwrap_or(config.admin_listen);
    if let Some(url) = &flags.control_plane {
        config.control_plane = Some(url.clone());
    }
    let upstreams = wiring::apart(&mut settings, &flags.upstreams)?;
    let pem = secret_file(&flags.context_key_file, || Ok(SigningKey::generate_pem()?))?;
    let signer = Signer::new(SigningKey::from_pem(&pem)?);
    let config = &settings.gateway;
    let (port, admin) = (bind(config.listen).await?, bind(config.admin_listen).await?);
    tell("gateway", port.local_addr()?);
    let gateway = Gateway::new(config, upstreams, signer, Metrics::default())?;
    let mut parts = Tasks::new();
    let serving = gateway.serve(port, Some(admin), end.clone());
    parts.spawn(async { Ok(serving.await?) });
    together(parts, end).await.map(|()| ExitCode::SUCCESS)
}

/// Runs the control plane until a signal.
pub(crate) async fn control_plane(
    flags: &cli::ControlPlane,
    settings: Settings,
) -> Result<ExitCode> {
    let end = ending::on_signal()?;
    let settings = settings.with_migrations(&flags.migrations)?;
    let alone = Alone::open(CONTROL_PLANE, 50051, &flags.service).await?;
    let prepared = tokio::select! {
        prepared = prepare(flags, settings, &alone.metrics) => prepared?,
        () = end.cancelled() => {
            terminal::note("stopped before it was ready");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let service = prepared.service;
    let mut parts = Tasks::new();
    let following = token_keys::follow(prepared.dir, prepared.keys, service.clone(), end.clone());
    parts.spawn(async {
        following.await;
        Ok(())
    });
    let background = service.clone().run(end.clone());
    parts.spawn(async {
        background.await;
        Ok(())
    });
    let ended = alone.run(service.routes(), parts, end).await;
    if let Some(migrating) = prepared.migrating {
        migrating.end().await;
    }
    ended.map(|()| ExitCode::SUCCESS)
}

/// A control plane that can be run, and the keys of its access tokens.
struct Prepared {
    service: ControlPlane,
    dir: DataDir,
    keys: KeyRing,
    /// Migrations that are still going on.
    migrating: Option<Migrating>,
}

/// Migrates what is to be migrated and prepares the control plane.
async fn prepare(
    flags: &cli::ControlPlane,
    settings: Settings,
    metrics: &Metrics,
) -> Result<Prepared> {
    let dir = DataDir::open(&flags.data_dir)?;
    let config = settings
        .database
        .control(flags.control_database_url.clone());
    let db = PublicDatabase::new(config, metrics.clone())?;
    let sets = migrating::sets(&settings)?;
    let progress = Progress::new(terminal::note);
    let migrating = migrating::at_start(&db, &sets, &settings, &progress).await?;
    let keys = token_keys::load(&dir)?;
    let credentials = operator::credentials(&dir, &db).await?;
    let config = wiring::control_plane(&settings, &dir);
    let service = ControlPlane::new(db, sets, keys.clone(), config, metrics.clone());
    match credentials {
        Some(operator) => {
            let password = SecretString::from(operator.password);
            service.ensure_operator(&password).await?;
        }
        // Others can do without: one of several control planes, say.
        None => tracing::warn!(
            advice = operator::advice(&dir),
            "the operator's password is left as it is"
        ),
    }
    Ok(Prepared {
        service,
        dir,
        keys,
        migrating,
    })
}

/// Runs the housing service until a signal.
pub(crate) async fn housing(flags: &cli::Housing, settings: Settings) -> Result<ExitCode> {
    let end = ending::on_signal()?;
    let alone = Alone::open(HOUSING, 50052, &flags.service).await?;
    let sets = migrating::sets(&settings)?;
    let config = wiring::housing_database(&settings, flags.app_database_url.clone(), &sets);
    let db = TenantDatabase::new(config, alone.metrics.clone())?;
    let routes = resido_housing::routes(db);
    let ended = alone.run(routes, Tasks::new(), end).await;
    ended.map(|()| ExitCode::SUCCESS)
}

/// What a service that runs alone has around it. It trusts nothing until keys
/// come.
struct Alone {
    part: Part,
    metrics: Metrics,
    port: TcpListener,
    admin: Option<TcpListener>,
    keys: Source,
    verifier: Arc<Verifier>,
    door: Door,
    keys_came: watch::Sender<bool>,
}

impl Alone {
    async fn open(part: Part, port: u16, flags: &cli::Service) -> Result<Self> {
        let metrics = Metrics::default();
        let none = jsonwebtoken::jwk::JwkSet { keys: Vec::new() };
        let (verifier, layer) = part.layer(&none, &metrics);
        let (keys_came, ready) = watch::channel(false);
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Self {
            part,
            metrics,
            port: bind(flags.listen.unwrap_or(loopback)).await?,
            admin: match flags.admin_listen {
                Some(address) => Some(bind(address).await?),
                None => None,
            },
            keys: Source::parse(&flags.context_jwks)?,
            verifier,
            door: Door { layer, ready },
            keys_came,
        })
    }

    /// Serves the routes beside other tasks until the end, or until one fails.
    async fn run(self, routes: Routes, mut parts: Tasks, end: CancellationToken) -> Result<()> {
        tell(self.part.name, self.port.local_addr()?);
        if let Some(admin) = self.admin {
            let name = format!("{}'s admin port", self.part.name);
            tell(&name, admin.local_addr()?);
            let pages = Pages {
                metrics: self.metrics,
                ready: self.door.ready.clone(),
            };
            parts.spawn(pages.serve(admin, end.clone()));
        }
        let following = self.keys.follow(self.verifier, self.keys_came, end.clone());
        parts.spawn(async {
            following.await;
            Ok(())
        });
        let name = self.part.name;
        parts.spawn(serve(self.port, name, routes, self.door, end.clone()));
        together(parts, end).await
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

fn tell(name: &str, address: SocketAddr) {
    terminal::line(&format!("{name} listens on {address}"));
}
