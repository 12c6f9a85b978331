//! What a log-in that goes on is, and how long it may.

use resido_proto::ids::{TenantId, UserId};
use uuid::Uuid;

use crate::Config;

/// How long tokens and log-ins live, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lives {
    /// A refresh token's.
    pub(super) token: i64,
    /// A log-in's, however often it was renewed.
    pub(super) login: i64,
}

impl From<&Config> for Lives {
    fn from(config: &Config) -> Self {
        Self {
            token: config.refresh_token_seconds.into(),
            login: config.login_seconds.into(),
        }
    }
}

/// Whose log-in a token belongs to, and where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) family: Uuid,
    pub(crate) user: UserId,
    /// None for the platform.
    pub(crate) tenant: Option<TenantId>,
    /// Whether the token was changed for the next one.
    pub(crate) is_spent: bool,
}
