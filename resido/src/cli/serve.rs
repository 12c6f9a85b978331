//! Flags of the commands that serve.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use secrecy::SecretString;

use super::{Database, Migrations};

/// Flags of `resido up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Address of the gateway [default: 127.0.0.1:8080]
    #[arg(long, env = "RESIDO_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of the admin port [default: 127.0.0.1:9901]
    #[arg(long, env = "RESIDO_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub(crate) admin_listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) database: Database,
    /// Database URL of the control plane's login, where it exists already
    #[arg(
        long,
        env = "RESIDO_CONTROL_DATABASE_URL",
        hide_env_values = true,
        requires = "app_database_url",
        value_name = "URL"
    )]
    pub(crate) control_database_url: Option<SecretString>,
    /// Database URL of the services' login, where it exists already
    #[arg(
        long,
        env = "RESIDO_APP_DATABASE_URL",
        hide_env_values = true,
        requires = "control_database_url",
        value_name = "URL"
    )]
    pub(crate) app_database_url: Option<SecretString>,
    /// Create two demo tenants with people and properties
    #[arg(long)]
    pub(crate) demo: bool,
    /// Also open the services' own ports, 50051 and 50052
    #[arg(long)]
    pub(crate) expose_services: bool,
    #[command(flatten)]
    pub(crate) migrations: Migrations,
}

/// Flags of `resido gateway`.
#[derive(Debug, Args)]
pub(crate) struct Gateway {
    /// Address of the gateway [default: 127.0.0.1:8080]
    #[arg(long, env = "RESIDO_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of the admin port [default: 127.0.0.1:9901]
    #[arg(long, env = "RESIDO_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// URL of the control plane
    #[arg(long, env = "RESIDO_CONTROL_PLANE", value_name = "URL")]
    pub(crate) control_plane: Option<String>,
    /// A built-in service that runs apart, such as `housing=http://10.0.0.7:50052`
    #[arg(
        long = "upstream",
        env = "RESIDO_UPSTREAMS",
        value_delimiter = ',',
        value_name = "NAME=URL"
    )]
    pub(crate) upstreams: Vec<String>,
    /// Private key that signs contexts, shared by all gateways; made if the file
    /// does not exist
    #[arg(
        long,
        env = "RESIDO_CONTEXT_KEY_FILE",
        default_value = ".resido/context-key.pem",
        value_name = "FILE"
    )]
    pub(crate) context_key_file: PathBuf,
}

/// Flags of a service that runs alone.
#[derive(Debug, Args)]
pub(crate) struct Service {
    /// Address of the service [default: 127.0.0.1:50051 for the control plane,
    /// 127.0.0.1:50052 for housing]
    #[arg(long, env = "RESIDO_SERVICE_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of an admin port with /metrics, /healthz and /readyz [default: none]
    #[arg(long, env = "RESIDO_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Public keys of the gateway: a file, or the URL of its admin port's
    /// `/context-jwks.json`
    #[arg(long, env = "RESIDO_CONTEXT_JWKS", value_name = "FILE|URL")]
    pub(crate) context_jwks: String,
}

/// Flags of `resido control-plane`.
#[derive(Debug, Args)]
pub(crate) struct ControlPlane {
    #[command(flatten)]
    pub(crate) service: Service,
    /// Database URL of the control plane's login
    #[arg(
        long,
        env = "RESIDO_CONTROL_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) control_database_url: SecretString,
    /// Where the key of access tokens and the operator's password are kept
    #[arg(
        long,
        env = "RESIDO_DATA_DIR",
        default_value = ".resido",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) migrations: Migrations,
}

/// Flags of `resido housing`.
#[derive(Debug, Args)]
pub(crate) struct Housing {
    #[command(flatten)]
    pub(crate) service: Service,
    /// Database URL of the services' login
    #[arg(
        long,
        env = "RESIDO_APP_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) app_database_url: SecretString,
}
