//! What a key is, and the rules for its fields.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use resido_proto::{
    error::Violation,
    identity::Role,
    identity_api::v1 as proto,
    ids::{ApiKeyId, TenantId},
    validate::Checks,
};

use super::secret::{MARK, same};
use crate::roles::Permissions;

/// Keys of a tenant that work, at most.
pub(super) const MAX_LIVE: i64 = 100;
const MAX_ROLES: usize = 20;
const MAX_SCOPES: usize = 50;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_LIFE: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);
const MAX_OVERLAP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A key of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKey {
    pub(super) id: ApiKeyId,
    pub(super) prefix: String,
    pub(super) display_name: String,
    pub(super) roles: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) creator: String,
    pub(super) created: SystemTime,
    pub(super) expires: Option<SystemTime>,
    /// Whether its time is over.
    pub(super) is_expired: bool,
    pub(super) last_use: Option<SystemTime>,
    pub(super) revoked: Option<SystemTime>,
    pub(super) overlap_end: Option<SystemTime>,
}

impl ApiKey {
    /// Returns whether it works.
    pub(super) fn state(&self) -> proto::api_key::State {
        match (self.revoked, self.is_expired) {
            (Some(_), _) => proto::api_key::State::Revoked,
            (None, true) => proto::api_key::State::Expired,
            (None, false) => proto::api_key::State::Active,
        }
    }
}

impl From<ApiKey> for proto::ApiKey {
    fn from(key: ApiKey) -> Self {
        Self {
            name: key.id.resource_name(),
            state: key.state().into(),
            prefix: format!("{MARK}{}", key.prefix),
            display_name: key.display_name,
            roles: key.roles,
            scopes: key.scopes,
            creator: key.creator,
            create_time: Some(key.created.into()),
            expire_time: key.expires.map(Into::into),
            last_use_time: key.last_use.map(Into::into),
            revoke_time: key.revoked.map(Into::into),
            overlap_end_time: key.overlap_end.map(Into::into),
        }
    }
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) display_name: String,
    pub(super) roles: Vec<Role>,
    pub(super) scopes: Vec<String>,
    pub(super) expires: Option<SystemTime>,
}

impl Draft {
    /// Reads what is asked for at a moment. Whether the roles are the maker's to
    /// give shows later.
    ///
    /// # Errors
    /// Every fault of the fields.
    pub(super) fn parse(
        request: proto::CreateApiKeyRequest,
        known: &Permissions,
        now: SystemTime,
    ) -> Result<Self, Vec<Violation>> {
        let key = request.api_key.unwrap_or_default();
        let (roles, scopes) = (distinct(key.roles), distinct(key.scopes));
        let mut checks = Checks::default();
        checks.text("api_key.display_name", &key.display_name, 1, 200);
        checks.require(!roles.is_empty(), "api_key.roles", "is required");
        let few = roles.len() <= MAX_ROLES;
        checks.require(few, "api_key.roles", "has more than 20 roles");
        let few = scopes.len() <= MAX_SCOPES;
        checks.require(few, "api_key.scopes", "has more than 50 permissions");
        known.check("api_key.scopes", &scopes, &mut checks);
        let expires = checks.take(expiry(key.expire_time, now));
        checks.finish_with(expires.map(|expires| Self {
            display_name: key.display_name,
            roles: roles.into_iter().map(Role::named).collect(),
            scopes,
            expires,
        }))
    }
}

fn distinct(texts: Vec<String>) -> Vec<String> {
    let texts: BTreeSet<_> = texts.into_iter().collect();
    texts.into_iter().collect()
}

fn expiry(
    time: Option<prost_types::Timestamp>,
    now: SystemTime,
) -> Result<Option<SystemTime>, Vec<Violation>> {
    let Some(time) = time else {
        return Ok(None);
    };
    let within = |time: &SystemTime| {
        let left = time.duration_since(now);
        left.is_ok_and(|left| !left.is_zero() && left <= MAX_LIFE)
    };
    let time = SystemTime::try_from(time).ok().filter(within);
    let fault = "must be in the future, in ten years at most";
    time.map(Some)
        .ok_or_else(|| vec![Violation::new("api_key.expire_time", fault)])
}

/// Reads the name of a key.
///
/// # Errors
/// One violation of `name`.
pub(super) fn name(name: &str) -> Result<ApiKeyId, Vec<Violation>> {
    ApiKeyId::from_resource_name(name)
        .map_err(|_| vec![Violation::new("name", "must be `api-keys/<uuid>`")])
}

/// Reads which key gets a new secret, and how long the old one works still.
///
/// # Errors
/// Every fault.
pub(super) fn rotation(
    request: &proto::RotateApiKeyRequest,
) -> Result<(ApiKeyId, Duration), Vec<Violation>> {
    let mut checks = Checks::default();
    let id = checks.take(name(&request.name));
    let overlap = match request.overlap {
        None => Some(DAY),
        Some(overlap) => Duration::try_from(overlap).ok(),
    };
    let overlap = overlap.filter(|overlap| *overlap <= MAX_OVERLAP);
    checks.require(overlap.is_some(), "overlap", "must be from 0 to 30 days");
    checks.finish_with(id.zip(overlap))
}

/// What is kept of a key that a caller shows.
pub(super) struct Candidate {
    pub(super) id: ApiKeyId,
    pub(super) tenant: TenantId,
    pub(super) roles: Vec<String>,
    pub(super) scopes: Vec<String>,
    /// Whether it is neither revoked nor expired, and its tenant there.
    pub(super) works: bool,
    pub(super) hash: Vec<u8>,
    /// The hash before the last rotation, until when it counts, and whether it
    /// does.
    pub(super) old_hash: Vec<u8>,
    pub(super) overlap_end: Option<SystemTime>,
    pub(super) overlaps: bool,
    pub(super) expires: Option<SystemTime>,
}

impl Candidate {
    /// Whether the secret is this key's and works, and until when. All of it is
    /// compared whatever the outcome.
    pub(super) fn admits(&self, shown: &[u8]) -> Option<Option<SystemTime>> {
        let is_new = same(&self.hash, shown);
        let is_old = same(&self.old_hash, shown) && self.overlaps;
        let end = match (is_new, is_old) {
            (true, _) => self.expires,
            (false, true) => [self.expires, self.overlap_end].into_iter().flatten().min(),
            (false, false) => return None,
        };
        self.works.then_some(end)
    }
}
