//! How everything is started.

use std::{net::SocketAddr, path::PathBuf};

use crate::{progress::Progress, settings::Settings};

/// How everything is started.
#[derive(Debug, Clone)]
pub struct UpOptions {
    /// Address of the gateway; port 0 takes any.
    pub listen: SocketAddr,
    /// Address of the admin port; port 0 takes any.
    pub admin_listen: SocketAddr,
    /// Where keys, passwords and the embedded database are kept.
    pub data_dir: PathBuf,
    /// Administrator's URL of a database to use instead of the embedded one.
    pub database_url: Option<String>,
    /// Folder with the PostgreSQL programs to run.
    pub pg_bin: Option<PathBuf>,
    /// Whether the embedded database survives a loss of power; default true.
    pub durable: bool,
    /// Whether the demo's tenants are made.
    pub demo: bool,
    /// Addresses of the control plane and of housing, if they are to be opened.
    pub expose_services: Option<(SocketAddr, SocketAddr)>,
    /// The configuration; the addresses above win over its own.
    pub settings: Settings,
    /// Hears what is going on.
    pub progress: Progress,
}

impl Default for UpOptions {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            listen: settings.gateway.listen,
            admin_listen: settings.gateway.admin_listen,
            data_dir: PathBuf::from(".resido"),
            database_url: None,
            pg_bin: None,
            durable: true,
            demo: false,
            expose_services: None,
            settings,
            progress: Progress::default(),
        }
    }
}
