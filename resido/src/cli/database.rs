//! Where the database is, and the commands on it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use secrecy::SecretString;

/// Where the database is.
#[derive(Debug, Clone, Args)]
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

#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Print the database's URL, for `psql` and other tools
    Url(Database),
    /// Create the roles and logins in the database of an administrator's URL
    Init(Database),
}
