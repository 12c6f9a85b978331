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
    /// Whether it believes who says to call for somebody else.
    has_proxy: bool,
    running: Option<Running>,
    runtime: Option<Runtime>,
}

/// Returns the product that tests share which keep to tenants of their own. It
/// believes that it is behind a proxy on this machine.
///
/// # Errors
/// If it does not start.
pub async fn shared() -> Result<&'static Product> {
    static SHARED: OnceCell<Product> = OnceCell::const_new();
    let start = || async {
        let mut settings = Settings::default();
        settings.gateway.trusted_proxies = vec!["127.0.0.0/8".to_owned()];
        let mut product = Product::start(cluster::shared().await?, settings).await?;
        product.has_proxy = true;
        anyhow::Ok(product)
    };
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
            has_proxy: false,
            running: Some(running),
            runtime: Some(runtime),
        })
    }

    /// Returns a client of the gateway, without a credential. Those of the product
    /// that tests share are each on another machine: what one does wrong blocks no
    /// other.
    #[must_use]
    pub fn client(&self, wire: Wire) -> Client {
        let client = Client::new(self.gateway, wire);
        if self.has_proxy {
            client.on_another_machine()
        } else {
            client
        }
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
