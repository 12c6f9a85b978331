//! Where the database is, and the commands on it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use secrecy::SecretString;

/// Heads the flags about it in help texts.
pub(super) const DATABASE: &str = "Database";

/// Where the database is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = DATABASE)]
pub(crate) struct Database {
    /// Where keys, passwords and the embedded database are kept
    #[arg(
        long,
        global = true,
        env = "RESIDO_DATA_DIR",
        default_value = ".resido",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
    /// Administrator's URL of a PostgreSQL to use instead of the embedded one
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) database_url: Option<SecretString>,
    // Not by `env`: the search for the programs reads the variable, for tests too.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help = "Folder with the PostgreSQL programs to run [env: RESIDO_PG_BIN=]"
    )]
    pub(crate) pg_bin: Option<PathBuf>,
}

/// A login of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Login {
    /// The control plane's, which sees its own tables.
    Control,
    /// That of the services, which enter the schemas of tenants.
    App,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Print the database's URL, for `psql`, other tools, and services of yours
    Url {
        #[command(flatten)]
        database: Database,
        /// Whose URL
        #[arg(long, value_enum, default_value_t = Login::Control)]
        login: Login,
    },
    /// Create the roles and logins in the database of an administrator's URL
    Init(Database),
}
