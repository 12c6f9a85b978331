//! What a property is, and the rules for its fields.

use std::time::SystemTime;

use resido_proto::{error::Violation, housing::v1 as proto, validate::Checks};
use uuid::Uuid;

use crate::mask::Mask;

/// The fields an update mask may name.
pub(crate) const CHANGEABLE: &[&str] = &[
    "display_name",
    "address.line1",
    "address.line2",
    "address.city",
    "address.postal_code",
    "address.country_code",
];

/// The id of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PropertyId(pub(crate) Uuid);

impl PropertyId {
    /// Reads `properties/<uuid>`.
    pub(crate) fn parse(field: &'static str, name: &str) -> Result<Self, Vec<Violation>> {
        name.strip_prefix("properties/")
            .and_then(crate::id::parse)
            .map(Self)
            .ok_or_else(|| vec![Violation::new(field, "must be `properties/<uuid>`")])
    }

    /// Returns the resource name.
    pub(crate) fn name(self) -> String {
        format!("properties/{}", self.0)
    }
}

/// What people say of a property.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fields {
    /// The name people see.
    pub(crate) display_name: String,
    /// Where it stands.
    pub(crate) address: proto::Address,
}

impl Fields {
    /// Checks a property as a caller sent it.
    ///
    /// # Errors
    /// Every fault, with paths below `property`.
    pub(crate) fn parse(property: proto::Property) -> Result<Self, Vec<Violation>> {
        let address = property.address.unwrap_or_default();
        let mut checks = Checks::default();
        checks.text("property.display_name", &property.display_name, 1, 200);
        checks.text("property.address.line1", &address.line1, 0, 200);
        checks.text("property.address.line2", &address.line2, 0, 200);
        checks.text("property.address.city", &address.city, 0, 100);
        checks.text("property.address.postal_code", &address.postal_code, 0, 20);
        let country = address.country_code.as_bytes();
        checks.require(
            country.is_empty() || country.len() == 2 && country.iter().all(u8::is_ascii_uppercase),
            "property.address.country_code",
            "must be two capital letters of ISO 3166-1",
        );
        checks.finish()?;
        Ok(Self {
            display_name: property.display_name,
            address,
        })
    }

    /// Takes over the fields that the mask names.
    pub(crate) fn merge(&self, changes: proto::Property, mask: &Mask) -> proto::Property {
        let address = changes.address.unwrap_or_default();
        let pick = |path: &str, new: String, old: &String| {
            if mask.has(path) { new } else { old.clone() }
        };
        let old = &self.address;
        proto::Property {
            display_name: pick("display_name", changes.display_name, &self.display_name),
            address: Some(proto::Address {
                line1: pick("address.line1", address.line1, &old.line1),
                line2: pick("address.line2", address.line2, &old.line2),
                city: pick("address.city", address.city, &old.city),
                postal_code: pick("address.postal_code", address.postal_code, &old.postal_code),
                country_code: pick(
                    "address.country_code",
                    address.country_code,
                    &old.country_code,
                ),
            }),
            ..proto::Property::default()
        }
    }
}

/// A property as stored.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(crate) id: PropertyId,
    pub(crate) fields: Fields,
    pub(crate) created: SystemTime,
    pub(crate) updated: SystemTime,
    pub(crate) revision: i64,
}

impl From<Property> for proto::Property {
    fn from(property: Property) -> Self {
        let address = property.fields.address;
        Self {
            name: property.id.name(),
            display_name: property.fields.display_name,
            address: (address != proto::Address::default()).then_some(address),
            create_time: Some(property.created.into()),
            update_time: Some(property.updated.into()),
            etag: crate::etag::of(property.revision),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(display_name: &str, country: &str) -> proto::Property {
        proto::Property {
            display_name: display_name.into(),
            address: Some(proto::Address {
                country_code: country.into(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn every_fault_is_named() {
        let fields: Vec<_> = Fields::parse(property("", "de"))
            .unwrap_err()
            .into_iter()
            .map(|v| v.field)
            .collect();
        assert_eq!(
            fields,
            ["property.display_name", "property.address.country_code"]
        );
        assert!(Fields::parse(property("North tower", "DE")).is_ok());
    }

    #[test]
    fn a_merge_touches_only_what_the_mask_names() {
        let old = Fields::parse(property("Old", "DE")).unwrap();
        let paths = vec!["display_name".to_owned()];
        let mask = Mask::parse(Some(prost_types::FieldMask { paths }), CHANGEABLE).unwrap();
        let merged = old.merge(property("New", "FR"), &mask);
        assert_eq!(merged.display_name, "New");
        assert_eq!(merged.address.unwrap().country_code, "DE");
    }
}
