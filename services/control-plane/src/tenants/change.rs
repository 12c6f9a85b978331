//! A change of what is said of a tenant: which fields, to what, and whether they
//! differ at all.

use resido_proto::{
    email::Email, error::Violation, ids::TenantId, mask::Mask, tenancy::v1 as proto,
    validate::Checks,
};
use resido_tenancy::tenant::Slug;
use serde_json::{Map, Value};

use super::{
    model::{self, Tenant},
    settings::Settings,
};

/// The fields an update mask may name.
const CHANGEABLE: &[&str] = &[
    "slug",
    "display_name",
    "contact_email",
    "contact_phone",
    "plan",
    "settings",
];

/// A change of some fields of a tenant; what is none stays.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) id: TenantId,
    pub(super) etag: String,
    pub(super) fields: Fields,
}

/// New values of the fields that change.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) slug: Option<Slug>,
    pub(super) display_name: Option<String>,
    pub(super) contact_email: Option<Email>,
    pub(super) contact_phone: Option<String>,
    pub(super) plan: Option<String>,
    pub(super) settings: Option<Settings>,
}

impl Change {
    /// Reads the whole request.
    ///
    /// # Errors
    /// Every fault; what fields hold that the mask does not name is none.
    pub(super) fn parse(request: proto::UpdateTenantRequest) -> Result<Self, Vec<Violation>> {
        let tenant = request.tenant.unwrap_or_default();
        let mut checks = Checks::default();
        let id = TenantId::from_resource_name(&tenant.name)
            .map_err(|_| vec![Violation::new("tenant.name", "must be `tenants/<uuid>`")]);
        let id = checks.take(id);
        let mask = Mask::parse(request.update_mask, CHANGEABLE, &mut checks);
        let etag = tenant.etag.clone();
        let fields = Fields::parse(tenant, &mask, &mut checks);
        let id = checks.finish_with(id)?;
        Ok(Self { id, etag, fields })
    }
}

impl Fields {
    /// Reads the fields that the mask names, and notes their faults.
    fn parse(tenant: proto::Tenant, mask: &Mask, checks: &mut Checks) -> Self {
        Self {
            slug: named(mask, "slug", tenant.slug)
                .and_then(|text| checks.take(model::slug("tenant.slug", &text))),
            display_name: named(mask, "display_name", tenant.display_name)
                .and_then(|text| checks.take(model::display_name(text))),
            contact_email: named(mask, "contact_email", tenant.contact_email)
                .and_then(|text| checks.take(Email::parse("tenant.contact_email", &text))),
            contact_phone: named(mask, "contact_phone", tenant.contact_phone)
                .and_then(|text| checks.take(model::contact_phone(text))),
            plan: named(mask, "plan", tenant.plan).and_then(|text| checks.take(model::plan(text))),
            settings: named(mask, "settings", tenant.settings)
                .and_then(|settings| checks.take(Settings::parse(settings))),
        }
    }

    /// Leaves out what the tenant has already.
    pub(super) fn differing(self, tenant: &Tenant) -> Self {
        Self {
            slug: self.slug.filter(|slug| slug.as_str() != tenant.slug),
            display_name: self
                .display_name
                .filter(|name| *name != tenant.display_name),
            contact_email: self
                .contact_email
                .filter(|email| email.as_str() != tenant.contact_email),
            contact_phone: self
                .contact_phone
                .filter(|phone| *phone != tenant.contact_phone),
            plan: self.plan.filter(|plan| *plan != tenant.plan),
            settings: self
                .settings
                .filter(|settings| *settings != tenant.settings),
        }
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.slug.is_none()
            && self.display_name.is_none()
            && self.contact_email.is_none()
            && self.contact_phone.is_none()
            && self.plan.is_none()
            && self.settings.is_none()
    }

    /// Whether gateways must hear of it.
    pub(super) fn is_told(&self) -> bool {
        self.slug.is_some() || self.plan.is_some()
    }

    /// Returns what the audit log says of the tenant before or after: of personal
    /// data and of settings only that they changed.
    pub(super) fn record(&self, tenant: &Tenant, other: &Tenant) -> Value {
        let mut record = Map::new();
        let mut note = |differs: bool, key: &str, value: &str| {
            if differs {
                record.insert(key.to_owned(), value.into());
            }
        };
        note(self.slug.is_some(), "slug", &tenant.slug);
        note(
            self.display_name.is_some(),
            "display_name",
            &tenant.display_name,
        );
        note(self.plan.is_some(), "plan", &tenant.plan);
        let mut changed = Vec::new();
        if self.contact_email.is_some() {
            changed.push("contact_email".to_owned());
        }
        if self.contact_phone.is_some() {
            changed.push("contact_phone".to_owned());
        }
        let keys = tenant.settings.differing(&other.settings).into_iter();
        changed.extend(keys.map(|key| format!("settings.{key}")));
        if !changed.is_empty() {
            record.insert("changed".to_owned(), changed.into());
        }
        record.insert("epoch".to_owned(), tenant.epoch.into());
        record.into()
    }
}

fn named<T>(mask: &Mask, field: &str, value: T) -> Option<T> {
    mask.pick(field, Some(value), None)
}

#[cfg(test)]
mod tests {
    use resido_tenancy::tenant::State;
    use serde_json::json;

    use super::*;

    fn request(tenant: proto::Tenant, paths: &[&str]) -> proto::UpdateTenantRequest {
        let paths = paths.iter().map(ToString::to_string).collect();
        proto::UpdateTenantRequest {
            tenant: Some(proto::Tenant {
                name: TenantId::new().resource_name(),
                ..tenant
            }),
            update_mask: Some(prost_types::FieldMask { paths }),
        }
    }

    fn fields(tenant: proto::Tenant, paths: &[&str]) -> Fields {
        Change::parse(request(tenant, paths)).unwrap().fields
    }

    #[test]
    fn only_what_the_mask_names_is_read() {
        let tenant = proto::Tenant {
            slug: "-".into(),
            display_name: "Acme".into(),
            contact_phone: "\0".into(),
            ..Default::default()
        };
        let read = fields(tenant, &["display_name"]);
        assert_eq!(read.display_name.as_deref(), Some("Acme"));
        assert!(read.slug.is_none() && read.contact_phone.is_none());
        assert!(!read.is_empty() && !read.is_told());
        let plan = fields(proto::Tenant::default(), &["plan"]).plan;
        assert_eq!(plan.as_deref(), Some("free"));
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let mut request = request(proto::Tenant::default(), &["*", "name", "settings.theme"]);
        request.tenant.as_mut().unwrap().name = "acme".into();
        let faults = Change::parse(request).unwrap_err();
        let fields: Vec<_> = faults.into_iter().map(|fault| fault.field).collect();
        assert_eq!(
            fields,
            [
                "tenant.name",
                "update_mask",
                "update_mask",
                "tenant.slug",
                "tenant.display_name",
                "tenant.contact_email",
            ]
        );
        let nothing = Change::parse(proto::UpdateTenantRequest::default());
        assert_eq!(nothing.unwrap_err().len(), 2);
    }

    #[test]
    fn what_the_tenant_has_already_is_no_change() {
        let tenant = Tenant::sample(State::Active);
        let same = proto::Tenant::from(tenant.clone());
        let fields = fields(same, &["*"]).differing(&tenant);
        assert!(fields.is_empty(), "{fields:?}");
    }

    #[test]
    fn records_name_personal_data_and_do_not_show_it() {
        let old = Tenant::sample(State::Active);
        let sent = proto::Tenant {
            slug: "globex".into(),
            contact_email: "other@acme.example".into(),
            contact_phone: "+1 555".into(),
            settings: [("theme".to_owned(), "dark".to_owned())].into(),
            ..Default::default()
        };
        let paths = ["slug", "contact_email", "contact_phone", "settings"];
        let fields = fields(sent, &paths).differing(&old);
        assert!(fields.is_told());
        let new = Tenant {
            slug: "globex".into(),
            settings: fields.settings.clone().unwrap(),
            epoch: old.epoch + 1,
            ..old.clone()
        };
        let changed = json!(["contact_email", "contact_phone", "settings.theme"]);
        assert_eq!(
            fields.record(&old, &new),
            json!({"slug": "acme", "changed": changed, "epoch": old.epoch})
        );
        assert_eq!(
            fields.record(&new, &old),
            json!({"slug": "globex", "changed": changed, "epoch": new.epoch})
        );
    }
}
