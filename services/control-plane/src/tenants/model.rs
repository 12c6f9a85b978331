//! What a tenant is, and the rules for its fields.

use std::time::SystemTime;

use prost::Message as _;
use resido_proto::{
    email::Email,
    error::Violation,
    ids::{OperationId, TenantId},
    tenancy::v1 as proto,
    validate::Checks,
};
use resido_tenancy::tenant::{Slug, State};
use sha2::{Digest as _, Sha256};

use super::settings::Settings;
use crate::Error;

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
    pub(crate) settings: Settings,
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
        let display_name = checks.take(display_name(tenant.display_name));
        let contact_phone = checks.take(contact_phone(tenant.contact_phone));
        let plan = checks.take(plan(tenant.plan));
        let settings = checks.take(Settings::parse(tenant.settings));
        let names = slug.zip(display_name).zip(plan.zip(settings));
        let made = names.zip(contact_email.zip(contact_phone));
        let (((slug, display_name), (plan, settings)), (contact_email, contact_phone)) =
            checks.finish_with(made)?;
        Ok(Self {
            slug,
            display_name,
            contact_email,
            contact_phone,
            plan,
            settings,
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
        let mut digest = Sha256::new_with_prefix(tenant.encode_to_vec());
        // Apart from the message: the entries of its map have no order.
        if !self.settings.is_empty() {
            digest.update(self.settings.to_json().to_string());
        }
        digest.finalize().to_vec()
    }
}

/// Reads the name that people see.
///
/// # Errors
/// One violation.
pub(super) fn display_name(text: String) -> Result<String, Vec<Violation>> {
    let mut checks = Checks::default();
    checks.text("tenant.display_name", &text, 1, 200);
    checks.finish_with(Some(text))
}

/// Reads a telephone number; it may be empty.
///
/// # Errors
/// One violation.
pub(super) fn contact_phone(text: String) -> Result<String, Vec<Violation>> {
    let mut checks = Checks::default();
    checks.text("tenant.contact_phone", &text, 0, 50);
    checks.finish_with(Some(text))
}

/// Reads the name of a plan; an empty one is that of who names none.
///
/// # Errors
/// One violation.
pub(super) fn plan(text: String) -> Result<String, Vec<Violation>> {
    let mut checks = Checks::default();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    checks.require(
        text.len() <= 40 && text.bytes().all(plain),
        "tenant.plan",
        "must be up to 40 characters of a-z, 0-9 and `-`",
    );
    checks.finish_with(Some(if text.is_empty() {
        DEFAULT_PLAN.to_owned()
    } else {
        text
    }))
}

/// Reads why something is done; it may be empty.
///
/// # Errors
/// One violation of `reason`.
pub(super) fn stated_reason(text: String) -> Result<String, Vec<Violation>> {
    let mut checks = Checks::default();
    checks.text("reason", &text, 0, 500);
    checks.finish_with(Some(text))
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
    pub(crate) settings: Settings,
    /// Former slugs that select the tenant still.
    pub(crate) aliases: Vec<String>,
    pub(crate) deleted: Option<SystemTime>,
    /// The state of before the deletion.
    pub(crate) previous: Option<State>,
}

impl Tenant {
    /// Returns a tenant for tests.
    #[cfg(test)]
    pub(super) fn sample(state: State) -> Self {
        Self {
            id: TenantId::new(),
            lock_no: 1,
            slug: "acme".into(),
            display_name: "Acme".into(),
            contact_email: "owner@acme.example".into(),
            contact_phone: String::new(),
            plan: "free".into(),
            state,
            epoch: 2,
            schema_version: 1,
            read_only: false,
            created: SystemTime::UNIX_EPOCH,
            updated: SystemTime::UNIX_EPOCH,
            purge: None,
            revision: 1,
            domains: Vec::new(),
            settings: Settings::default(),
            aliases: Vec::new(),
            deleted: None,
            previous: None,
        }
    }

    /// Refuses a call whose etag is not the tenant's; an empty one asks for
    /// nothing.
    ///
    /// # Errors
    /// [`Error::EtagMismatch`].
    pub(super) fn check_etag(&self, sent: &str) -> Result<(), Error> {
        if sent.is_empty() || sent == self.etag() {
            Ok(())
        } else {
            Err(Error::EtagMismatch)
        }
    }

    fn etag(&self) -> String {
        format!("r{}", self.revision)
    }
}

impl From<Tenant> for proto::Tenant {
    fn from(tenant: Tenant) -> Self {
        Self {
            etag: tenant.etag(),
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
            domains: tenant.domains,
            schema_version: tenant.schema_version,
            settings: tenant.settings.into(),
            read_only: tenant.read_only,
            aliases: tenant.aliases,
            delete_time: tenant.deleted.map(Into::into),
        }
    }
}

/// What an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperationKind {
    /// Makes a tenant.
    Provision,
    /// Removes a tenant's data.
    Purge,
}

impl OperationKind {
    /// Returns the kind as it is stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Purge => "purge",
        }
    }

    /// Reads a stored kind.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Provision, Self::Purge];
        all.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Long work on a tenant, as whoever does it sees it.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) id: OperationId,
    pub(crate) kind: OperationKind,
    pub(crate) tenant: TenantId,
    /// Who asked for it.
    pub(crate) actor: String,
    /// Digest of what was asked for.
    pub(crate) request: Option<Vec<u8>>,
    /// Which attempt this is, from one.
    pub(crate) attempt: i32,
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
        let set = |entries: [(&str, &str); 2]| proto::Tenant {
            settings: entries.map(|(k, v)| (k.into(), v.into())).into(),
            ..tenant()
        };
        let (some, swapped) = ([("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")]);
        assert_eq!(digest(set(some)), digest(set(swapped)));
        assert_ne!(digest(set(some)), digest(set([("a", "1"), ("b", "3")])));
        assert_ne!(digest(set(some)), digest(tenant()));
    }

    #[test]
    fn an_etag_is_of_one_revision() {
        let tenant = Tenant::sample(State::Active);
        assert_eq!(proto::Tenant::from(tenant.clone()).etag, "r1");
        assert!(tenant.check_etag("").is_ok() && tenant.check_etag("r1").is_ok());
        for etag in ["r2", "1", " "] {
            let refused = tenant.check_etag(etag);
            assert!(matches!(refused, Err(Error::EtagMismatch)), "{etag}");
        }
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
}
