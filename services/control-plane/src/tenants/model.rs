//! What a tenant is, the rules for its fields, and how its state may change.

use std::time::SystemTime;

use prost::Message as _;
use resido_proto::{
    error::Violation,
    ids::{OperationId, TenantId},
    tenancy::v1 as proto,
    validate::Checks,
};
use resido_tenancy::tenant::{Slug, State};
use sha2::{Digest as _, Sha256};

use crate::email::Email;

/// The plan of a tenant whose creator names none.
const DEFAULT_PLAN: &str = "free";

/// What people say of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) slug: Slug,
    pub(crate) display_name: String,
    pub(crate) contact_email: Email,
    pub(crate) contact_phone: String,
    pub(crate) plan: String,
}

impl Fields {
    /// Checks a tenant as a caller sent it; output-only fields are passed over.
    ///
    /// # Errors
    /// Every fault, with paths below `tenant`.
    pub(crate) fn parse(tenant: proto::Tenant) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        let slug = checks.take(slug("tenant.slug", &tenant.slug));
        let email = Email::parse("tenant.contact_email", &tenant.contact_email);
        let contact_email = checks.take(email);
        checks.text("tenant.display_name", &tenant.display_name, 1, 200);
        checks.text("tenant.contact_phone", &tenant.contact_phone, 0, 50);
        let plan = if tenant.plan.is_empty() {
            DEFAULT_PLAN.to_owned()
        } else {
            tenant.plan
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        checks.require(
            plan.len() <= 40 && plan.bytes().all(plain),
            "tenant.plan",
            "must be up to 40 characters of a-z, 0-9 and `-`",
        );
        let (Some(slug), Some(contact_email)) = (slug, contact_email) else {
            return Err(checks.finish().err().unwrap_or_default());
        };
        checks.finish()?;
        Ok(Self {
            slug,
            display_name: tenant.display_name,
            contact_email,
            contact_phone: tenant.contact_phone,
            plan,
        })
    }

    /// Returns what two requests for the same tenant have in common.
    pub(crate) fn digest(&self) -> Vec<u8> {
        let tenant = proto::Tenant {
            slug: self.slug.to_string(),
            display_name: self.display_name.clone(),
            contact_email: self.contact_email.to_string(),
            contact_phone: self.contact_phone.clone(),
            plan: self.plan.clone(),
            ..proto::Tenant::default()
        };
        Sha256::digest(tenant.encode_to_vec()).to_vec()
    }
}

/// Reads a slug.
///
/// # Errors
/// One violation of `field`.
pub(crate) fn slug(field: &'static str, text: &str) -> Result<Slug, Vec<Violation>> {
    if text.is_empty() {
        return Err(vec![Violation::new(field, "is required")]);
    }
    text.parse()
        .map_err(|fault: resido_tenancy::tenant::InvalidSlug| {
            vec![Violation::new(field, fault.to_string())]
        })
}

/// Reads `tenants/<uuid>`.
///
/// # Errors
/// One violation of `name`.
pub(crate) fn tenant_name(name: &str) -> Result<TenantId, Vec<Violation>> {
    TenantId::from_resource_name(name)
        .map_err(|_| vec![Violation::new("name", "must be `tenants/<uuid>`")])
}

/// Reads an idempotency key; none if it is empty.
///
/// # Errors
/// One violation of `request_id`.
pub(crate) fn request_id(text: String) -> Result<Option<String>, Vec<Violation>> {
    let mut checks = Checks::default();
    checks.text("request_id", &text, 0, 128);
    checks.finish()?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A tenant as stored.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) lock_no: i32,
    pub(crate) slug: String,
    pub(crate) display_name: String,
    pub(crate) contact_email: String,
    pub(crate) contact_phone: String,
    pub(crate) plan: String,
    pub(crate) state: State,
    pub(crate) epoch: i64,
    pub(crate) schema_version: i64,
    pub(crate) read_only: bool,
    pub(crate) created: SystemTime,
    pub(crate) updated: SystemTime,
    pub(crate) purge: Option<SystemTime>,
    pub(crate) revision: i64,
    pub(crate) domains: Vec<String>,
}

impl From<Tenant> for proto::Tenant {
    fn from(tenant: Tenant) -> Self {
        Self {
            name: tenant.id.resource_name(),
            slug: tenant.slug,
            display_name: tenant.display_name,
            contact_email: tenant.contact_email,
            contact_phone: tenant.contact_phone,
            plan: tenant.plan,
            state: proto::tenant::State::from(tenant.state).into(),
            create_time: Some(tenant.created.into()),
            update_time: Some(tenant.updated.into()),
            purge_time: tenant.purge.map(Into::into),
            etag: format!("r{}", tenant.revision),
            domains: tenant.domains,
            schema_version: tenant.schema_version,
            ..Self::default()
        }
    }
}

/// The making of a tenant, as stored.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) id: OperationId,
    pub(crate) tenant: TenantId,
    /// Who asked for it.
    pub(crate) actor: String,
    /// Digest of what was asked for.
    pub(crate) request: Option<Vec<u8>>,
    /// Which attempt this is, from one.
    pub(crate) attempt: i32,
}

/// A change of state that people ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    /// Refuses the tenant's calls.
    Suspend,
    /// Serves them again.
    Resume,
}

impl Transition {
    /// Returns the state that the change starts from.
    pub(crate) fn from(self) -> State {
        match self {
            Self::Suspend => State::Active,
            Self::Resume => State::Suspended,
        }
    }

    /// Returns the state that the change leads to.
    pub(crate) fn to(self) -> State {
        match self {
            Self::Suspend => State::Suspended,
            Self::Resume => State::Active,
        }
    }

    /// Returns what the audit log calls it.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::Suspend => "tenants.suspend",
            Self::Resume => "tenants.resume",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> proto::Tenant {
        proto::Tenant {
            slug: "acme".into(),
            display_name: "Acme".into(),
            contact_email: "Owner@acme.example".into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_tenant_needs_a_slug_a_name_and_an_address() {
        let fields = Fields::parse(tenant()).unwrap();
        assert_eq!(fields.plan, "free");
        assert_eq!(fields.contact_email.as_str(), "owner@acme.example");
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let faults = Fields::parse(proto::Tenant {
            plan: "Gold Plan".into(),
            contact_phone: "0".repeat(51),
            ..Default::default()
        });
        let mut fields: Vec<_> = faults.unwrap_err().into_iter().map(|v| v.field).collect();
        fields.sort();
        assert_eq!(
            fields,
            [
                "tenant.contact_email",
                "tenant.contact_phone",
                "tenant.display_name",
                "tenant.plan",
                "tenant.slug"
            ]
        );
    }

    #[test]
    fn reserved_and_malformed_slugs_are_refused() {
        for text in ["admin", "ab", "-ab", "Acme", "a_b", "acme-"] {
            let faults = Fields::parse(proto::Tenant {
                slug: text.into(),
                ..tenant()
            });
            assert_eq!(faults.unwrap_err()[0].field, "tenant.slug", "{text}");
        }
    }

    #[test]
    fn the_same_tenant_has_the_same_digest() {
        let digest = |tenant| Fields::parse(tenant).unwrap().digest();
        let spelled = proto::Tenant {
            contact_email: "owner@ACME.example".into(),
            plan: "free".into(),
            name: "tenants/ignored".into(),
            ..tenant()
        };
        assert_eq!(digest(tenant()), digest(spelled));
        let other = proto::Tenant {
            display_name: "Acme Ltd".into(),
            ..tenant()
        };
        assert_ne!(digest(tenant()), digest(other));
    }

    #[test]
    fn names_and_keys_are_checked() {
        let id = TenantId::new();
        assert_eq!(tenant_name(&id.resource_name()), Ok(id));
        for name in ["", "tenants/acme", "users/1", &id.to_string()] {
            assert_eq!(tenant_name(name).unwrap_err()[0].field, "name");
        }
        assert_eq!(request_id(String::new()), Ok(None));
        assert_eq!(request_id("k".into()), Ok(Some("k".into())));
        assert!(request_id("k".repeat(129)).is_err());
        assert!(request_id("k\0".into()).is_err());
    }

    #[test]
    fn suspending_and_resuming_undo_each_other() {
        let (suspend, resume) = (Transition::Suspend, Transition::Resume);
        assert_eq!((suspend.from(), suspend.to()), (resume.to(), resume.from()));
        assert_ne!(suspend.from(), suspend.to());
    }
}
