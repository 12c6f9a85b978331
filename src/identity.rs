//! Who a caller is, as the gateway decided and the services believe.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::ids::{InvalidId, TenantId, UserId};

/// `iss` of every signed context.
pub const CONTEXT_ISSUER: &str = "resido-gateway";
/// `typ` of every signed context; no other token can be taken for one.
pub const CONTEXT_TYPE: &str = "resido-context+jwt";
/// `aud` of the access tokens that the control plane issues.
pub const ACCESS_AUDIENCE: &str = "resido";
/// `iss` of the access tokens that the control plane issues, by default.
pub const ACCESS_ISSUER: &str = "resido";

/// A role, built in or made by a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Role(Cow<'static, str>);

impl Role {
    /// Governs tenants.
    pub const PLATFORM_ADMIN: Self = Self(Cow::Borrowed("platform_admin"));
    /// Looks at tenants' records, changes nothing.
    pub const PLATFORM_SUPPORT: Self = Self(Cow::Borrowed("platform_support"));
    /// May do everything in a tenant.
    pub const OWNER: Self = Self(Cow::Borrowed("owner"));
    /// Manages a tenant's people and data.
    pub const ADMIN: Self = Self(Cow::Borrowed("admin"));
    /// Works with a tenant's data.
    pub const MEMBER: Self = Self(Cow::Borrowed("member"));
    /// Reads a tenant's data.
    pub const VIEWER: Self = Self(Cow::Borrowed("viewer"));

    /// Names a role.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// Returns the role's name as tokens and method options spell it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the role is one of the platform's rather than of a tenant.
    #[must_use]
    pub fn is_platform(&self) -> bool {
        *self == Self::PLATFORM_ADMIN || *self == Self::PLATFORM_SUPPORT
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A person, `users/<uuid>`.
    User(UserId),
    /// A program with an API key, `apiKeys/<id>`.
    ApiKey(String),
    /// A principal of another issuer, `principals/<sub>`.
    External(String),
    /// A part of the product itself, `services/<name>`.
    Service(String),
    /// Nobody known, `anonymous`.
    Anonymous,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "users/{id}"),
            Self::ApiKey(id) => write!(f, "apiKeys/{id}"),
            Self::External(sub) => write!(f, "principals/{sub}"),
            Self::Service(name) => write!(f, "services/{name}"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

impl FromStr for Subject {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text == "anonymous" {
            return Ok(Self::Anonymous);
        }
        let (collection, id) = text.split_once('/').ok_or(InvalidId)?;
        match collection {
            _ if id.is_empty() => Err(InvalidId),
            "users" => id.parse().map(Self::User),
            "apiKeys" => Ok(Self::ApiKey(id.to_owned())),
            "principals" => Ok(Self::External(id.to_owned())),
            "services" => Ok(Self::Service(id.to_owned())),
            _ => Err(InvalidId),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a call may do to the tenant's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Reads and writes.
    #[serde(rename = "rw")]
    ReadWrite,
    /// Reads only, during maintenance.
    #[serde(rename = "ro")]
    ReadOnly,
}

/// The claims of the signed context that the gateway gives to a service.
///
/// A context names no schema: that is a pure function of the tenant's id. It is
/// made per principal, tenant and audience, not per request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextClaims {
    /// Always [`CONTEXT_ISSUER`].
    pub iss: String,
    /// Name of the upstream it is meant for, such as `housing`.
    pub aud: String,
    /// When it was made, in seconds since the epoch.
    pub iat: u64,
    /// When it ends, in seconds since the epoch; at most 60 s after `iat`.
    pub exp: u64,
    /// Who calls.
    pub sub: Subject,
    /// The operator who acts as `sub`, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Subject>,
    /// The caller's roles, in the tenant or on the platform.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Permissions that narrow the roles; none means that nothing is narrowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perm: Option<Vec<String>>,
    /// Permissions that the tenant's own roles give besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// The tenant and how it stands; none for platform and anonymous calls.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantClaims>,
}

/// The part of a context that speaks of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TenantClaims {
    /// The tenant.
    pub tid: TenantId,
    /// The tenant's epoch when the context was made.
    pub epoch: i64,
    /// The tenant's plan.
    pub plan: String,
    /// The database that holds the tenant.
    pub place: String,
    /// Version of the tenant's schema.
    pub sv: i64,
    /// Whether writes are allowed.
    pub mode: Mode,
}

/// The claims of an access token of our own.
///
/// *Source*: RFC 7519 for the registered names; RFC 8693, section 4.1, for
/// `act`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who issued it.
    pub iss: String,
    /// Whom it is for.
    pub aud: String,
    /// Who may use it.
    pub sub: Subject,
    /// When it ends, in seconds since the epoch.
    pub exp: u64,
    /// When it was made.
    pub iat: u64,
    /// Not before this moment.
    pub nbf: u64,
    /// The token's own id.
    pub jti: String,
    /// The tenant, unless it is a platform token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<TenantId>,
    /// Roles in the tenant, or on the platform.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Permissions that narrow the roles; none means that nothing is narrowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perm: Option<Vec<String>>,
    /// Permissions that the tenant's own roles give besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// The operator who acts as `sub`, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Subject>,
    /// Epoch of the membership when the token was made.
    #[serde(default)]
    pub epoch: i64,
    /// Epoch of what the operator was on the platform then, where one acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act_epoch: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(tenant: Option<TenantClaims>) -> ContextClaims {
        ContextClaims {
            iss: CONTEXT_ISSUER.into(),
            aud: "housing".into(),
            iat: 1,
            exp: 61,
            sub: Subject::User(UserId::new()),
            act: None,
            roles: vec![Role::OWNER],
            perm: None,
            grants: Vec::new(),
            tenant,
        }
    }

    #[test]
    fn context_claims_survive_json() {
        let tenant = TenantClaims {
            tid: TenantId::new(),
            epoch: 3,
            plan: "free".into(),
            place: "main".into(),
            sv: 1,
            mode: Mode::ReadOnly,
        };
        for claims in [claims(None), claims(Some(tenant))] {
            let json = serde_json::to_string(&claims).unwrap();
            assert_eq!(
                serde_json::from_str::<ContextClaims>(&json).unwrap(),
                claims
            );
        }
    }

    #[test]
    fn subjects_read_back_what_they_write() {
        for text in [
            "anonymous",
            "apiKeys/rsk_1",
            "services/gateway",
            "principals/auth0|7",
        ] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "users/",
            "users/me",
            "other/1",
            "Anonymous",
            "services/",
        ] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
    }
}
