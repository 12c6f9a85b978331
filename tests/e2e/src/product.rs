//! The whole product, running in this process on a database of its own.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, Result};
use resido::{Operator, Running, Settings, UpOptions};
use tokio::{runtime::Runtime, sync::OnceCell};

use crate::{
    client::{Client, Wire},
    cluster::{self, Cluster},
    database, scratch,
};

/// The product. It runs on threads of its own, so that it outlives the test that
/// starts it.
#[derive(Debug)]
pub struct Product {
    /// Address of the gateway.
    pub gateway: SocketAddr,
    /// Address of the admin port.
    pub admin: SocketAddr,
    /// Addresses of the control plane and of housing.
    pub services: (SocketAddr, SocketAddr),
    /// The operator's credentials.
    pub operator: Operator,
    /// Administrator's URL of the database.
    pub admin_url: String,
    /// Folder with its keys and passwords.
    pub data_dir: PathBuf,
    running: Option<Running>,
    runtime: Option<Runtime>,
}

/// Returns the product that tests share which keep to tenants of their own.
///
/// # Errors
/// If it does not start.
pub async fn shared() -> Result<&'static Product> {
    static SHARED: OnceCell<Product> = OnceCell::const_new();
    let start = || async { Product::start(cluster::shared().await?, Settings::default()).await };
    SHARED.get_or_try_init(start).await
}

impl Product {
    /// Starts the product with these settings on a new database of a server.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(cluster: &Cluster, settings: Settings) -> Result<Self> {
        let name = database::create(cluster).await?;
        Self::start_on(cluster.admin_url(&name), settings).await
    }

    /// Starts the product on a database.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_on(admin_url: String, settings: Settings) -> Result<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = UpOptions {
            listen: any,
            admin_listen: any,
            data_dir: scratch::folder("product")?,
            database_url: Some(admin_url.clone()),
            expose_services: Some((any, any)),
            settings,
            ..UpOptions::default()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let running = match runtime.spawn(resido::start(options)).await? {
            Ok(running) => running,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error.context("the product does not start"));
            }
        };
        Ok(Self {
            gateway: running.gateway,
            admin: running.admin,
            services: running.services.context("the services have no ports")?,
            operator: running.operator.clone(),
            data_dir: running.data_dir.clone(),
            admin_url,
            running: Some(running),
            runtime: Some(runtime),
        })
    }

    /// Returns a client of the gateway, without a credential.
    #[must_use]
    pub fn client(&self, wire: Wire) -> Client {
        Client::new(self.gateway, wire)
    }

    /// Ends the product in order.
    ///
    /// # Errors
    /// If a part does not end well.
    pub async fn stop(mut self) -> Result<()> {
        let running = self.running.take().context("it is stopped")?;
        match &self.runtime {
            Some(runtime) => runtime.spawn(running.stop()).await?,
            None => Ok(()),
        }
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
