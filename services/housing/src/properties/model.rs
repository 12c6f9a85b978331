//! What a property is, and the rules for its fields.

use std::time::SystemTime;

use resido_proto::{error::Violation, housing::v1 as proto, ids::parse_uuid, validate::Checks};
use uuid::Uuid;

use crate::{id, mask::Mask};

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
            .and_then(|id| parse_uuid(id).ok())
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
    fn parse(property: proto::Property) -> Result<Self, Vec<Violation>> {
        let fields = Self::unchecked(property);
        fields.check()?;
        Ok(fields)
    }

    fn unchecked(property: proto::Property) -> Self {
        Self {
            display_name: property.display_name,
            address: property.address.unwrap_or_default(),
        }
    }

    fn check(&self) -> Result<(), Vec<Violation>> {
        let address = &self.address;
        let mut checks = Checks::default();
        checks.text("property.display_name", &self.display_name, 1, 200);
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
        checks.finish()
    }
}

/// A property to be made.
#[derive(Debug)]
pub(crate) struct NewProperty {
    pub(crate) id: PropertyId,
    pub(crate) fields: Fields,
}

impl NewProperty {
    /// Reads the whole request.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn parse(request: proto::CreatePropertyRequest) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        let id = checks.take(id::wanted("property_id", &request.property_id));
        let fields = checks.take(Fields::parse(request.property.unwrap_or_default()));
        let (id, fields) = checks.finish_with(id.zip(fields))?;
        Ok(Self {
            id: PropertyId(id),
            fields,
        })
    }
}

/// A change of some fields of a property.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) id: PropertyId,
    pub(crate) etag: String,
    mask: Mask,
    /// Checked where the mask names them, and of no meaning elsewhere.
    fields: Fields,
}

impl Change {
    /// Reads the whole request.
    ///
    /// # Errors
    /// Every fault; what fields hold that the mask does not name is none.
    pub(crate) fn parse(request: proto::UpdatePropertyRequest) -> Result<Self, Vec<Violation>> {
        let property = request.property.unwrap_or_default();
        let mut checks = Checks::default();
        let id = checks.take(PropertyId::parse("property.name", &property.name));
        let mask = Mask::parse(request.update_mask, CHANGEABLE, &mut checks);
        let etag = property.etag.clone();
        let fields = Fields::unchecked(property);
        checks.take(mask.only("property", fields.check()));
        let id = checks.finish_with(id)?;
        Ok(Self {
            id,
            etag,
            mask,
            fields,
        })
    }

    /// Returns the old fields with those changed that the mask names.
    pub(crate) fn apply(self, old: Fields) -> Fields {
        let mask = self.mask;
        let (new, old_address) = (self.fields.address, old.address);
        let pick = |path: &str, new, old| mask.pick(path, new, old);
        Fields {
            display_name: pick("display_name", self.fields.display_name, old.display_name),
            address: proto::Address {
                line1: pick("address.line1", new.line1, old_address.line1),
                line2: pick("address.line2", new.line2, old_address.line2),
                city: pick("address.city", new.city, old_address.city),
                postal_code: pick(
                    "address.postal_code",
                    new.postal_code,
                    old_address.postal_code,
                ),
                country_code: pick(
                    "address.country_code",
                    new.country_code,
                    old_address.country_code,
                ),
            },
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

    fn fields(faults: Vec<Violation>) -> Vec<String> {
        let names = faults.into_iter().map(|fault| fault.field.into_owned());
        names.collect()
    }

    fn update(property: proto::Property, paths: &[&str]) -> proto::UpdatePropertyRequest {
        let paths = paths.iter().map(ToString::to_string).collect();
        proto::UpdatePropertyRequest {
            property: Some(property),
            update_mask: Some(prost_types::FieldMask { paths }),
        }
    }

    #[test]
    fn a_new_property_reports_every_fault_at_once() {
        let request = |property_id: &str, property| proto::CreatePropertyRequest {
            property: Some(property),
            property_id: property_id.into(),
            ..Default::default()
        };
        let faults = NewProperty::parse(request("x", property("", "de"))).unwrap_err();
        let expected = [
            "property_id",
            "property.display_name",
            "property.address.country_code",
        ];
        assert_eq!(fields(faults), expected);
        assert!(NewProperty::parse(request("", property("North tower", "DE"))).is_ok());
    }

    #[test]
    fn a_change_reports_every_fault_at_once() {
        let paths = ["display_name", "address", "etag"];
        let faults = Change::parse(update(property("", "de"), &paths)).unwrap_err();
        let expected = [
            "property.name",
            "update_mask",
            "property.display_name",
            "property.address.country_code",
        ];
        assert_eq!(fields(faults), expected);
        let nothing = Change::parse(proto::UpdatePropertyRequest::default());
        assert_eq!(
            fields(nothing.unwrap_err()),
            ["property.name", "update_mask"]
        );
    }

    #[test]
    fn a_change_touches_only_what_the_mask_names() {
        let old = Fields::parse(property("Old", "DE")).unwrap();
        let sent = proto::Property {
            name: PropertyId(Uuid::now_v7()).name(),
            // Wrong, and not meant.
            ..property("New", "fr")
        };
        let change = Change::parse(update(sent, &["display_name"])).unwrap();
        let new = change.apply(old);
        assert_eq!(new.display_name, "New");
        assert_eq!(new.address.country_code, "DE");
    }
}
