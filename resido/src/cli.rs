//! The command line: what a person types, before anything is decided.
//!
//! Flags win over the environment, the environment over `resido.toml`, and that
//! over the documented defaults; what neither a flag nor a variable said is
//! `None` here.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use resido_tenancy::tenant::Selector;

/// Multi-tenant backend for SaaS teams: gRPC, gRPC-Web and REST on one port, a
/// PostgreSQL schema for each tenant.
#[derive(Debug, Parser)]
#[command(name = "resido", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Configuration file; `resido.toml` in this folder is read if it exists
    #[arg(long, global = true, env = "RESIDO_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// How log lines are written
    #[arg(long, global = true, value_enum, env = "RESIDO_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Which log lines are written, such as `info` or `resido_gateway=debug`
    #[arg(long, global = true, env = "RESIDO_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole product in one process, on an embedded PostgreSQL
    Up(Box<Up>),
    /// Run the gateway alone
    Gateway(Gateway),
    /// Run the control plane alone: tenants, people, credentials
    ControlPlane(Service),
    /// Run the housing service alone
    Housing(Service),
    /// Look at and apply database migrations
    #[command(subcommand)]
    Migrate(Migrate),
    /// Prepare a database, or find the running one
    #[command(subcommand)]
    Db(Db),
    /// List the routes of the gateway and who may call them
    Routes,
    /// Print the OpenAPI document of the gateway
    Openapi,
    /// Check a configuration file and report every fault
    CheckConfig,
    /// Print a completion script
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
}

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
    /// Create two demo tenants with people and properties
    #[arg(long)]
    pub(crate) demo: bool,
    /// Also open the services' own ports, 50051 and 50052
    #[arg(long)]
    pub(crate) expose_services: bool,
    #[command(flatten)]
    pub(crate) migrations: Migrations,
}

/// Where the database is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Database {
    /// Where keys, passwords and the embedded database are kept
    #[arg(long, env = "RESIDO_DATA_DIR", default_value = ".resido", value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Administrator's URL of a PostgreSQL to use instead of the embedded one
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// Folder with the PostgreSQL programs to run
    #[arg(long, env = "RESIDO_PG_BIN", value_name = "DIR")]
    pub(crate) pg_bin: Option<PathBuf>,
}

/// Which migrations there are and when they run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Migrations {
    /// Folder with `public` and `tenant` migrations in place of the built-in ones
    #[arg(long = "migrations", env = "RESIDO_MIGRATIONS_DIR", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Which migrations run at start
    #[arg(long, env = "RUN_MIGRATIONS", value_enum)]
    pub(crate) run_migrations: Option<RunMigrations>,
    /// Tenants migrated at once [default: by the number of cores]
    #[arg(long, env = "TENANT_MIGRATE_CONCURRENCY", value_name = "N")]
    pub(crate) tenant_concurrency: Option<u16>,
    /// Bound of one tenant's migration, as `30s`, `500ms` or in milliseconds
    #[arg(long, env = "TENANT_MIGRATE_TIMEOUT", value_name = "TIME", value_parser = duration)]
    pub(crate) tenant_timeout: Option<std::time::Duration>,
    /// Log each tenant that is migrated
    #[arg(long, env = "TENANT_MIGRATE_LOG")]
    pub(crate) tenant_log: bool,
    /// Migrate this tenant alone
    #[arg(long, env = "TENANT_MIGRATE_TENANT_ID", value_name = "ID")]
    pub(crate) tenant: Option<Selector>,
}

/// Which migrations run at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunMigrations {
    /// None.
    #[value(alias = "false")]
    Off,
    /// Those of the control plane's own tables.
    Public,
    /// Those and every tenant's.
    #[value(alias = "true")]
    All,
    /// None, but refuse to start while something is behind.
    Require,
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
    /// Private key that signs contexts; made if the file does not exist
    #[arg(long, env = "RESIDO_CONTEXT_KEY_FILE", value_name = "FILE")]
    pub(crate) context_key_file: Option<PathBuf>,
}

/// Flags of a service that runs alone.
#[derive(Debug, Args)]
pub(crate) struct Service {
    /// Address of the service
    #[arg(long, env = "RESIDO_SERVICE_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Public keys of the gateway: a file, or the URL of its admin port's
    /// `/context-jwks.json`
    #[arg(long, env = "RESIDO_CONTEXT_JWKS", value_name = "FILE|URL")]
    pub(crate) context_jwks: String,
    /// Database URL of the control plane's login
    #[arg(long, env = "RESIDO_CONTROL_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) control_database_url: Option<String>,
    /// Database URL of the services' login
    #[arg(long, env = "RESIDO_APP_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) app_database_url: Option<String>,
    /// Where the control plane keeps its keys
    #[arg(long, env = "RESIDO_DATA_DIR", default_value = ".resido", value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) migrations: Migrations,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Migrate {
    /// Show what is applied and what is missing
    Status(MigrateTarget),
    /// Apply what is missing: control plane first, then each tenant
    Up(MigrateTarget),
    /// Create the next migration file
    New {
        /// Which set the file belongs to
        #[arg(value_enum)]
        set: SetName,
        /// What it does, such as `add_unit_floor`
        name: String,
        /// Folder that holds `public` and `tenant`
        #[arg(
            long = "migrations",
            env = "RESIDO_MIGRATIONS_DIR",
            default_value = "migrations",
            value_name = "DIR"
        )]
        dir: PathBuf,
    },
}

/// A set of migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SetName {
    /// Of the control plane's own tables.
    Public,
    /// Of every tenant's schema.
    Tenant,
}

/// What the migration commands work on.
#[derive(Debug, Args)]
pub(crate) struct MigrateTarget {
    #[command(flatten)]
    pub(crate) database: Database,
    #[command(flatten)]
    pub(crate) migrations: Migrations,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Print the database's URL, for `psql` and other tools
    Url(Database),
    /// Create the roles and logins in the database of an administrator's URL
    Init(Database),
}

/// Reads a time as `30s`, `500ms`, `2m`, or a bare number of milliseconds, which
/// is how the variable was read before.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "expected a number and a unit".to_owned())?;
    let milliseconds = match unit {
        "" | "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        _ => return Err(format!("unknown unit `{unit}`; use ms, s or m")),
    };
    milliseconds
        .filter(|milliseconds| (1..=86_400_000).contains(milliseconds))
        .map(std::time::Duration::from_millis)
        .ok_or_else(|| "must be from 1 ms to 24 h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read_with_their_units() {
        for (text, milliseconds) in [("30s", 30_000), ("500ms", 500), ("2m", 120_000), ("60000", 60_000)]
        {
            assert_eq!(duration(text).unwrap().as_millis(), milliseconds, "{text}");
        }
        for text in ["", "s", "0", "1h", "-1s", "99999999999999999999s", "25000m"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_old_words_for_migrations_still_work() {
        let parse = |word: &str| match Cli::try_parse_from(["resido", "up", "--run-migrations", word])
            .unwrap()
            .command
        {
            Command::Up(up) => up.migrations.run_migrations,
            other => panic!("{other:?}"),
        };
        assert_eq!(parse("true"), Some(RunMigrations::All));
        assert_eq!(parse("false"), Some(RunMigrations::Off));
    }
}
