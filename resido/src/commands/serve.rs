//! `resido gateway`, `resido control-plane` and `resido housing`: one part alone.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use resido_control_plane::{ControlPlane, OPERATOR_EMAIL};
use resido_gateway::Gateway;
use resido_observability::Metrics;
use resido_tenancy::{
    context::{Signer, Verifier},
    db::{PublicDatabase, TenantDatabase},
    keys::SigningKey,
    server::ContextLayer,
};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    cli,
    data_dir::{DataDir, secret_file},
    jwks::Source,
    migrating,
    progress::Progress,
    serving::serve,
    settings::Settings,
    signals::Signals,
    terminal,
    wiring::{self, CONTROL_PLANE, HOUSING, Part, TOKEN_KEY},
};

/// Runs the gateway until a signal.
pub(crate) async fn gateway(flags: &cli::Gateway, mut settings: Settings) -> Result<ExitCode> {
    let end = end_on_signal()?;
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
    gateway.serve(port, Some(admin), end).await?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the control plane until a signal.
pub(crate) async fn control_plane(
    flags: &cli::ControlPlane,
    settings: Settings,
) -> Result<ExitCode> {
    let end = end_on_signal()?;
    let settings = settings.with_migrations(&flags.migrations)?;
    let (verifier, layer, metrics) = door(CONTROL_PLANE);
    let keys = Source::parse(&flags.service.context_jwks)?;
    let dir = DataDir::open(&flags.data_dir)?;
    let url = SecretString::from(flags.control_database_url.as_str());
    let db = PublicDatabase::new(settings.database.control(url), metrics.clone())?;
    let port = bind(flags.service.listen.unwrap_or_else(|| loopback(50051))).await?;

    let sets = migrating::sets(&settings)?;
    let progress = Progress::new(terminal::note);
    let migrating = migrating::at_start(&db, &sets, &settings, &progress).await?;
    let key = wiring::key(&dir, TOKEN_KEY)?;
    let service = ControlPlane::new(db, sets, key, settings.control_plane, metrics);
    let operator = dir.operator(OPERATOR_EMAIL)?;
    service
        .ensure_operator(&SecretString::from(operator.password))
        .await?;

    tell(CONTROL_PLANE.name, port.local_addr()?);
    let routes = service.routes();
    let (served, (), ()) = tokio::join!(
        serve(port, CONTROL_PLANE.name, routes, layer, end.clone()),
        service.run(end.clone()),
        keys.follow(verifier, end.clone()),
    );
    if let Some(migrating) = migrating {
        migrating.abort();
    }
    served.map(|()| ExitCode::SUCCESS)
}

/// Runs the housing service until a signal.
pub(crate) async fn housing(flags: &cli::Housing, settings: Settings) -> Result<ExitCode> {
    let end = end_on_signal()?;
    let (verifier, layer, metrics) = door(HOUSING);
    let keys = Source::parse(&flags.service.context_jwks)?;
    let url = SecretString::from(flags.app_database_url.as_str());
    let db = TenantDatabase::new(settings.database.app(url), metrics)?;
    let port = bind(flags.service.listen.unwrap_or_else(|| loopback(50052))).await?;
    tell(HOUSING.name, port.local_addr()?);
    let routes = resido_housing::routes(db);
    let (served, ()) = tokio::join!(
        serve(port, HOUSING.name, routes, layer, end.clone()),
        keys.follow(verifier, end.clone()),
    );
    served.map(|()| ExitCode::SUCCESS)
}

/// Returns what stands before a part; it trusts nothing until keys come.
fn door(part: Part) -> (Arc<Verifier>, ContextLayer, Metrics) {
    let metrics = Metrics::default();
    let none = jsonwebtoken::jwk::JwkSet { keys: Vec::new() };
    let (verifier, layer) = part.layer(&none, &metrics);
    (verifier, layer, metrics)
}

fn end_on_signal() -> Result<CancellationToken> {
    let mut signals = Signals::listen()?;
    let end = CancellationToken::new();
    let sign = end.clone();
    tokio::spawn(async move {
        signals.next().await;
        sign.cancel();
    });
    Ok(end)
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn tell(name: &str, address: SocketAddr) {
    terminal::line(&format!("{name} listens on {address}"));
}
