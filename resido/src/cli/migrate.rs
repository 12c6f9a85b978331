//! Migrations: which, when, and the commands on them.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use resido_tenancy::tenant::Selector;
use secrecy::SecretString;

use super::{Database, time};
use crate::settings::RunMigrations;

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
    #[arg(long, env = "TENANT_MIGRATE_TIMEOUT", value_name = "TIME", value_parser = time::parse)]
    pub(crate) tenant_timeout: Option<Duration>,
    /// Log each tenant that is migrated
    #[arg(long, env = "TENANT_MIGRATE_LOG", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) tenant_log: bool,
    /// Migrate this tenant alone, by its id or slug
    #[arg(long, env = "TENANT_MIGRATE_TENANT_ID", value_name = "TENANT")]
    pub(crate) tenant: Option<Selector>,
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
    /// Database URL of the control plane's login, where it exists already
    #[arg(
        long,
        env = "RESIDO_CONTROL_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) control_database_url: Option<SecretString>,
    #[command(flatten)]
    pub(crate) migrations: Migrations,
}
