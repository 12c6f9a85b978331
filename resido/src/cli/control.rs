//! What operators do with tenants and the record.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use secrecy::SecretString;

use super::{Database, database::DATABASE};

/// Which control plane a command works on.
#[derive(Debug, Args)]
#[command(next_help_heading = DATABASE)]
pub(crate) struct ControlTarget {
    #[command(flatten)]
    pub(crate) database: Database,
    /// Database URL of the control plane's login, where it exists already
    #[arg(
        long,
        global = true,
        env = "RESIDO_CONTROL_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) control_database_url: Option<SecretString>,
}

/// Which part of a list is printed.
#[derive(Debug, Args)]
pub(crate) struct Listed {
    /// Which ones (AIP-160), such as `state = ACTIVE`
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "FILTER"
    )]
    pub(crate) filter: String,
    /// In which order (AIP-132), such as `create_time desc`
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "FIELDS"
    )]
    pub(crate) order_by: String,
    /// How many at most, from 1
    #[arg(long, default_value = "1000", value_name = "N")]
    pub(crate) limit: NonZeroUsize,
}

/// A tenant that is there.
#[derive(Debug, Args)]
pub(crate) struct OneTenant {
    /// Its slug or id
    pub(crate) tenant: String,
}

/// Create, find and govern tenants
#[derive(Debug, Args)]
pub(crate) struct TenantCommands {
    #[command(flatten)]
    pub(crate) target: ControlTarget,
    #[command(subcommand)]
    pub(crate) command: Tenants,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tenants {
    /// Create a tenant and print the token of its first owner
    Create {
        /// Its slug: 3 to 40 characters of a-z, 0-9 and `-`
        slug: String,
        /// The name people see [default: the slug]
        #[arg(long)]
        name: Option<String>,
        /// Address of its first owner
        #[arg(long)]
        email: String,
        /// Telephone number of the contact
        #[arg(long, default_value = "", hide_default_value = true)]
        phone: String,
        /// Its plan [default: free]
        #[arg(long, default_value = "", hide_default_value = true)]
        plan: String,
        /// Key that makes repeating the command harmless
        #[arg(long, default_value = "", hide_default_value = true)]
        request_id: String,
    },
    /// List tenants
    List(Listed),
    /// Show one tenant
    Show(OneTenant),
    /// Change a tenant; a new slug leaves the old one working for 90 days
    Update {
        #[command(flatten)]
        which: OneTenant,
        /// A new slug
        #[arg(long)]
        slug: Option<String>,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// A new contact address
        #[arg(long)]
        email: Option<String>,
        /// A new telephone number
        #[arg(long)]
        phone: Option<String>,
        /// Another plan
        #[arg(long)]
        plan: Option<String>,
        /// Sets a setting; with an empty value, as `KEY=`, it is removed
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Refuse a tenant's calls until it is resumed
    Suspend {
        #[command(flatten)]
        which: OneTenant,
        /// Why, for the record
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Serve a suspended tenant again
    Resume(OneTenant),
    /// Make a tenant read-only, close it, or end that
    Maintenance {
        #[command(flatten)]
        which: OneTenant,
        /// What goes on
        #[arg(value_enum)]
        mode: Maintenance,
        /// Why, for the record
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Delete a tenant; it can be restored until its grace is over
    Delete {
        #[command(flatten)]
        which: OneTenant,
        /// Days in which it can be restored, 0 to 365; with 0 its data is gone at once
        #[arg(long, default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(0..=365))]
        grace: u16,
        /// Why, for the record
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Restore a deleted tenant
    Undelete(OneTenant),
    /// Remove a deleted tenant's data for good
    Purge {
        #[command(flatten)]
        which: OneTenant,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Print a new token for the first owner; older ones are void
    Activation(OneTenant),
    /// Register a domain that selects the tenant
    AddDomain {
        #[command(flatten)]
        which: OneTenant,
        /// Such as `acme.example`
        domain: String,
    },
    /// Remove a domain
    RemoveDomain {
        #[command(flatten)]
        which: OneTenant,
        /// Such as `acme.example`
        domain: String,
    },
    /// Measure a tenant
    Usage(OneTenant),
    /// Write a tenant's data as a tar archive
    Export {
        #[command(flatten)]
        which: OneTenant,
        /// The file to write, which must not exist, or `-` for standard output
        /// [default: SLUG.tar]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// What goes on in maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Maintenance {
    /// Reads go on.
    ReadOnly,
    /// Nothing goes on.
    Closed,
    /// Maintenance ends.
    Off,
}

/// Print the record of who did what, latest first; ids are shortened, but with
/// `--format json`
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Only what concerns this tenant, by slug or id
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// Which events (AIP-160), such as `action = "tenants.suspend"`
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "FILTER"
    )]
    pub(crate) filter: String,
    /// How many at most, from 1
    #[arg(long, default_value = "50", value_name = "N")]
    pub(crate) limit: NonZeroUsize,
    #[command(flatten)]
    pub(crate) target: ControlTarget,
}
