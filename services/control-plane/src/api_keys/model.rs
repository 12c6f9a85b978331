//! What a key is, and who may make one.

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
use resido_tenancy::context::Principal;

use super::secret::{MARK, same};
use crate::roles::is_permission;

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
    pub(super) roles: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) expires: Option<SystemTime>,
}

impl Draft {
    /// Reads what `maker` asks for at a moment.
    ///
    /// # Errors
    /// Every fault of the fields, and every role or scope that is not the
    /// maker's to give.
    pub(super) fn parse(
        request: proto::CreateApiKeyRequest,
        maker: &Principal,
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
        let well = scopes.iter().all(|scope| is_permission(scope));
        let fault = "must be permissions such as `properties.read`";
        checks.require(well, "api_key.scopes", fault);
        let given = roles.iter().all(|role| gives_role(maker, role));
        let fault = "has a role that you cannot give";
        checks.require(given, "api_key.roles", fault);
        let fault = "must be some of your own permissions";
        checks.require(gives_scopes(maker, &scopes), "api_key.scopes", fault);
        let expires = checks.take(expiry(key.expire_time, now));
        checks.finish_with(expires.map(|expires| Self {
            display_name: key.display_name,
            roles,
            scopes,
            expires,
        }))
    }
}

/// Whether somebody may hand out a key with these roles and scopes: a new one,
/// or a new secret of an old one.
pub(super) fn may_give(maker: &Principal, roles: &[String], scopes: &[String]) -> bool {
    roles.iter().all(|role| gives_role(maker, role)) && gives_scopes(maker, scopes)
}

/// Owners give every role, admins every one but the owner's, others those that
/// they have.
fn gives_role(maker: &Principal, role: &str) -> bool {
    let has = |role: &Role| maker.roles.contains(role);
    has(&Role::OWNER)
        || (has(&Role::ADMIN) && role != Role::OWNER.as_str())
        || maker.roles.iter().any(|held| held.as_str() == role)
}

/// Whoever is narrowed makes keys that are narrowed as much.
fn gives_scopes(maker: &Principal, scopes: &[String]) -> bool {
    match &maker.permissions {
        None => true,
        Some(held) => !scopes.is_empty() && scopes.iter().all(|scope| held.contains(scope)),
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
