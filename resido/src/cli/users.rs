//! What operators do with people.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand};

use super::{ControlTarget, Listed};

/// A member of a tenant.
#[derive(Debug, Args)]
pub(crate) struct OneUser {
    /// The person's address, or `users/<uuid>`
    pub(crate) user: String,
    /// The tenant's slug or id
    #[arg(long)]
    pub(crate) tenant: String,
}

/// Govern the people of a tenant
#[derive(Debug, Args)]
pub(crate) struct UserCommands {
    #[command(flatten)]
    pub(crate) target: ControlTarget,
    #[command(subcommand)]
    pub(crate) command: Users,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    /// List the people of a tenant
    List {
        /// The tenant's slug or id
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        listed: Listed,
    },
    /// Show one person
    Show(OneUser),
    /// Invite a person by mail
    Invite {
        /// The person's address
        email: String,
        /// The tenant's slug or id
        #[arg(long)]
        tenant: String,
        /// A role to give; may be repeated
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
    },
    /// List, send again and withdraw invitations
    #[command(subcommand)]
    Invitations(Invitations),
    /// Set the roles of a person
    SetRoles {
        #[command(flatten)]
        who: OneUser,
        /// A role from now on; may be repeated
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
    },
    /// Let a deactivated person in again
    Activate(OneUser),
    /// Keep a person out until activated again
    Deactivate(OneUser),
    /// Remove a person from a tenant
    Remove {
        #[command(flatten)]
        who: OneUser,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Mail a person a token to reset the password
    ResetPassword {
        /// The person's address
        email: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Invitations {
    /// List the invitations that are open, latest first
    List {
        /// The tenant's slug or id
        #[arg(long)]
        tenant: String,
        /// How many at most, from 1
        #[arg(long, default_value = "1000", value_name = "N")]
        limit: NonZeroUsize,
    },
    /// Mail a new token; the tokens before are void
    Resend(OneInvitation),
    /// Withdraw an invitation
    Revoke(OneInvitation),
}

/// An invitation to a tenant.
#[derive(Debug, Args)]
pub(crate) struct OneInvitation {
    /// The invited address, or `invitations/<uuid>`
    pub(crate) invitation: String,
    /// The tenant's slug or id
    #[arg(long)]
    pub(crate) tenant: String,
}
