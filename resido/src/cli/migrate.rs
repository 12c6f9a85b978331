//! Migrations: which, when, and the commands on them.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use resido_migrations::Tolerance;
use resido_proto::ids::MigrationRunId;
use resido_tenancy::tenant::Selector;

use super::{ControlTarget, time};
use crate::settings::RunMigrations;

/// Which migrations there are and when they run.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Migrations {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Which migrations run at start
    #[arg(long, env = "RUN_MIGRATIONS", value_enum)]
    pub(crate) run_migrations: Option<RunMigrations>,
    #[command(flatten)]
    pub(crate) speed: Speed,
    #[command(flatten)]
    pub(crate) named: Named,
}

/// Which migrations there are.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Files {
    /// Folder with `public` and `tenant` migrations in place of the built-in ones
    #[arg(long = "migrations", env = "RESIDO_MIGRATIONS_DIR", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// How fast tenants are migrated, and whether each is shown.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Speed {
    /// Tenants migrated at once [default: by the number of cores]
    #[arg(long, env = "TENANT_MIGRATE_CONCURRENCY", value_name = "N")]
    pub(crate) tenant_concurrency: Option<u16>,
    /// Bound of one tenant's migration, as `30s`, `500ms` or in milliseconds
    #[arg(long, env = "TENANT_MIGRATE_TIMEOUT", value_name = "TIME", value_parser = time::parse)]
    pub(crate) tenant_timeout: Option<Duration>,
    /// Show each tenant that is migrated
    #[arg(long, env = "TENANT_MIGRATE_LOG", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) tenant_log: bool,
}

/// Tenants that are named; all if there is none.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Named {
    /// This tenant alone, by its id or slug; may be repeated
    #[arg(
        long,
        env = "TENANT_MIGRATE_TENANT_ID",
        value_name = "TENANT",
        value_delimiter = ','
    )]
    pub(crate) tenant: Vec<Selector>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Migrate {
    /// Show what is applied and what is missing
    Status(MigrateTarget),
    /// Show what `up` would do, and do nothing
    Plan(MigratePlan),
    /// Apply what is missing: control plane first, then each tenant
    Up(MigrateUp),
    /// Try those tenants again that failed in a run
    Retry(MigrateOn),
    /// Go on with a run that was halted, interrupted or abandoned
    Resume(MigrateOn),
    /// Undo what a run applied, in the tenants that it changed
    Rollback {
        #[command(flatten)]
        on: MigrateOn,
        #[command(flatten)]
        stages: Stages,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Take what was applied to tenants for what the files are now
    Repair {
        #[command(flatten)]
        look: MigrateLook,
        /// Say that the files were edited without a change of what they do
        #[arg(long, required = true)]
        accept: bool,
    },
    /// List the runs, latest first, or show one with the tenants that failed in it
    Runs {
        /// The run to show
        run: Option<MigrationRunId>,
        #[command(flatten)]
        target: MigrateTarget,
    },
    /// Compare schemas with the files, and the baseline with what it stands for
    Verify(MigrateLook),
    /// Create the next migration file
    New {
        /// Which set the file belongs to
        #[arg(value_enum)]
        set: SetName,
        /// What it does, such as `add_unit_floor`
        name: String,
        /// Folder that holds `public` or `tenant` already
        #[arg(
            long = "migrations",
            env = "RESIDO_MIGRATIONS_DIR",
            default_value = NEW_DIR,
            value_name = "DIR"
        )]
        dir: PathBuf,
    },
}

/// Where new files go; made where there is none.
pub(crate) const NEW_DIR: &str = "migrations";

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
    pub(crate) control: ControlTarget,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Tenants that are looked at.
#[derive(Debug, Args)]
pub(crate) struct MigrateLook {
    #[command(flatten)]
    pub(crate) target: MigrateTarget,
    #[command(flatten)]
    pub(crate) named: Named,
}

/// A run that is planned.
#[derive(Debug, Args)]
pub(crate) struct MigratePlan {
    #[command(flatten)]
    pub(crate) target: MigrateTarget,
    #[command(flatten)]
    pub(crate) selected: Selected,
    #[command(flatten)]
    pub(crate) stages: Stages,
}

/// A run that is made.
#[derive(Debug, Args)]
pub(crate) struct MigrateUp {
    #[command(flatten)]
    pub(crate) plan: MigratePlan,
    #[command(flatten)]
    pub(crate) speed: Speed,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Apply, say how it went, and undo it
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) rehearse: bool,
}

/// A run that another one follows.
#[derive(Debug, Args)]
pub(crate) struct MigrateOn {
    /// The run
    pub(crate) run: MigrationRunId,
    #[command(flatten)]
    pub(crate) target: MigrateTarget,
    #[command(flatten)]
    pub(crate) speed: Speed,
}

/// Which tenants, and how far.
#[derive(Debug, Args)]
pub(crate) struct Selected {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Those that a filter lets through, as `plan=free`: over `slug`, `plan`, `state`,
    /// `placement`, `schema_version`, `create_time`
    #[arg(
        long = "where",
        value_name = "FILTER",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) filter: String,
    /// Not this tenant, by its id or slug; may be repeated
    #[arg(long, value_name = "TENANT", value_delimiter = ',')]
    pub(crate) exclude: Vec<Selector>,
    /// No more than so many tenants
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// No further than this migration
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) to: Option<i64>,
    /// Apply older migrations after newer ones where they are missing
    #[arg(long)]
    pub(crate) allow_out_of_order: bool,
}

/// In what order, and when a run halts.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Stages {
    /// Who comes first: a number of tenants, or tenants by id or slug
    #[arg(long, value_name = "N|TENANT", value_delimiter = ',')]
    pub(crate) canary: Vec<String>,
    /// How much of the rest is done with after each wave, ascending, as `1%,10%,100%`
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', value_parser = percent)]
    pub(crate) waves: Vec<f64>,
    /// Failures that halt the run, as `5` or `2%` [default: 1 among the canary, 2% after it]
    #[arg(long, value_name = "N|P%")]
    pub(crate) max_failures: Option<Tolerance>,
    /// Halt at the first failure
    #[arg(long, conflicts_with = "max_failures")]
    pub(crate) fail_fast: bool,
}

fn percent(text: &str) -> Result<f64, &'static str> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse();
    let share = number.ok().filter(|share| (0.0..=100.0).contains(share));
    share.ok_or("takes percentages from 0 to 100")
}
