//! How everything is started.

use std::{fmt, net::SocketAddr, path::PathBuf};

use crate::{logins::Urls, progress::Progress, settings::Settings};

/// How everything is started.
#[derive(Clone)]
pub struct UpOptions {
    /// Address of the gateway; port 0 takes any.
    pub listen: SocketAddr,
    /// Address of the admin port; port 0 takes any.
    pub admin_listen: SocketAddr,
    /// Where keys, passwords and the embedded database are kept.
    pub data_dir: PathBuf,
    /// Administrator's URL of a database to use instead of the embedded one.
    /// Its two logins are made if they do not exist.
    pub database_url: Option<String>,
    /// The two logins of a database that is prepared already; then no
    /// administrator is needed, and `database_url` is not used.
    pub logins: Option<Urls>,
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
            logins: None,
            pg_bin: None,
            durable: true,
            demo: false,
            expose_services: None,
            settings,
            progress: Progress::default(),
        }
    }
}

impl fmt::Debug for UpOptions {
    /// Leaves out what may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpOptions")
            .field("listen", &self.listen)
            .field("admin_listen", &self.admin_listen)
            .field("data_dir", &self.data_dir)
            .field("pg_bin", &self.pg_bin)
            .field("durable", &self.durable)
            .field("demo", &self.demo)
            .field("expose_services", &self.expose_services)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let url = "postgresql://u:hunter2@h/d";
        let options = UpOptions {
            database_url: Some(url.to_owned()),
            logins: Some(Urls {
                control: url.into(),
                app: url.into(),
            }),
            ..UpOptions::default()
        };
        let shown = format!("{options:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
