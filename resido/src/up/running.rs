//! Starts everything, and ends it.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, Error, Result, bail};
use resido_control_plane::ControlPlane;
use resido_observability::Metrics;
use resido_tenancy::{
    context::Signer,
    db::{PublicDatabase, TenantDatabase},
};
use secrecy::SecretString;

use super::{
    UpOptions,
    database::Database,
    listeners::Listeners,
    parts::{Parts, Services},
};
use crate::{
    data_dir::{DataDir, Operator},
    demo,
    logins::Urls,
    migrating, operator,
    settings::Settings,
    token_keys,
    wiring::{self, CONTEXT_KEY, CONTROL_PLANE, HOUSING},
};

/// Everything, running. Dropped, it ends at once; [`stop`](Self::stop) ends it in
/// order.
#[derive(Debug)]
pub struct Running {
    /// Address of the gateway.
    pub gateway: SocketAddr,
    /// Address of the admin port.
    pub admin: SocketAddr,
    /// Addresses of the control plane and of housing, if they were opened.
    pub services: Option<(SocketAddr, SocketAddr)>,
    /// The bootstrap operator's credentials.
    pub operator: Operator,
    /// File with the operator's credentials.
    pub operator_file: PathBuf,
    /// The data directory.
    pub data_dir: PathBuf,
    /// How the two logins reach the database.
    pub urls: Urls,
    parts: Parts,
    database: Database,
}

/// Starts everything and returns when it serves.
///
/// # Errors
/// If any part does not start; nothing is left running then.
pub async fn start(mut options: UpOptions) -> Result<Running> {
    refuse_doubles(&options.settings)?;
    // First, so that a taken port is known before a database is made.
    let listeners = Listeners::bind(&options).await?;
    let addresses = listeners.addresses()?;
    announce(&mut options.settings, addresses.gateway);
    let dir = DataDir::open(&options.data_dir)?;
    let (database, urls) = Database::open(&options, &dir).await?;
    let (services, operator) = Box::pin(services(&options, &dir, &urls)).await?;
    let parts = Box::pin(Parts::start(&options, &dir, services, listeners)).await?;
    Ok(Running {
        gateway: addresses.gateway,
        admin: addresses.admin,
        services: addresses.services,
        operator,
        operator_file: dir.operator_file(),
        data_dir: dir.path().to_owned(),
        urls,
        parts,
        database,
    })
}

impl Running {
    /// Ends everything in order: calls under way are answered, then the database
    /// stops.
    ///
    /// # Errors
    /// If a part failed, or did not end in time.
    pub async fn stop(self) -> Result<()> {
        let ended = self.parts.stop().await;
        self.database.stop().await.and(ended)
    }

    /// Waits until a part fails, which none should, and says why. While this waits,
    /// an embedded database that ends by itself is started again.
    pub async fn failed(&mut self) -> Error {
        tokio::select! {
            error = self.database.failed() => error,
            error = self.parts.failed() => error,
        }
    }
}

/// Brings the database up to date and prepares what the services work with.
async fn services(options: &UpOptions, dir: &DataDir, urls: &Urls) -> Result<(Services, Operator)> {
    let (settings, metrics) = (&options.settings, Metrics::default());
    let control = settings.database.control(urls.control.clone());
    let control = PublicDatabase::new(control, metrics.clone())?;
    let sets = migrating::sets(settings)?;
    let housing = wiring::housing_database(settings, urls.app.clone(), &sets);
    let housing = TenantDatabase::new(housing, metrics.clone())?;
    let migrating = migrating::at_start(&control, &sets, settings, &options.progress).await?;

    let credentials = operator::credentials(dir, &control).await?;
    let operator = credentials.with_context(|| operator::advice(dir))?;
    let keys = token_keys::load(dir)?;
    let config = wiring::control_plane(settings, dir);
    let control_plane = ControlPlane::new(control, sets, keys.clone(), config, metrics.clone());
    let password = SecretString::from(operator.password.as_str());
    control_plane.ensure_operator(&password).await?;
    if options.demo {
        options.progress.tell("making the demo's tenants");
        let tenants = demo::seed_people(&control_plane).await?;
        let signer = Signer::new(wiring::key(dir, CONTEXT_KEY)?);
        demo::seed_housing(&tenants, &housing, &signer, &metrics).await?;
    }
    let services = Services {
        control_plane,
        keys,
        housing,
        metrics,
        migrating,
    };
    Ok((services, operator))
}

/// Where nobody said at which address people reach the product, it is the
/// gateway's own.
fn announce(settings: &mut Settings, gateway: SocketAddr) {
    let public_url = &mut settings.control_plane.public_url;
    if *public_url == resido_control_plane::Config::default().public_url {
        *public_url = format!("http://{gateway}");
    }
}

/// A part that runs here cannot be an upstream elsewhere as well.
fn refuse_doubles(settings: &Settings) -> Result<()> {
    for upstream in &settings.gateway.upstreams {
        if [CONTROL_PLANE.name, HOUSING.name].contains(&upstream.name.as_str()) {
            bail!(
                "upstream `{}` runs within `resido up`; use `resido gateway` for one that runs apart",
                upstream.name
            );
        }
    }
    Ok(())
}
