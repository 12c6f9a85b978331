//! What a resident is, and the rules for their fields.

use std::time::SystemTime;

use resido_proto::{
    email::Email, error::Violation, housing::v1 as proto, ids::parse_uuid, validate::Checks,
};
use uuid::Uuid;

use crate::{id, mask::Mask};

/// The fields an update mask may name.
const CHANGEABLE: &[&str] = &["given_name", "family_name", "email", "phone"];

/// The id of a resident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResidentId(pub(crate) Uuid);

impl ResidentId {
    /// Reads `residents/<uuid>`.
    pub(crate) fn parse(field: &'static str, name: &str) -> Result<Self, Vec<Violation>> {
        name.strip_prefix("residents/")
            .and_then(|id| parse_uuid(id).ok())
            .map(Self)
            .ok_or_else(|| vec![Violation::new(field, "must be `residents/<uuid>`")])
    }

    /// Returns the resource name.
    pub(crate) fn name(self) -> String {
        format!("residents/{}", self.0)
    }
}

/// What people say of a resident.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) given_name: String,
    pub(crate) family_name: String,
    /// In lower case; empty if there is none.
    pub(crate) email: String,
    pub(crate) phone: String,
}

impl Fields {
    /// Checks a resident as a caller sent it.
    ///
    /// # Errors
    /// Every fault, with paths below `resident`.
    fn parse(resident: proto::Resident) -> Result<Self, Vec<Violation>> {
        let fields = Self::unchecked(resident);
        fields.check()?;
        Ok(fields)
    }

    fn unchecked(resident: proto::Resident) -> Self {
        Self {
            given_name: resident.given_name,
            family_name: resident.family_name,
            email: resident.email.to_ascii_lowercase(),
            phone: resident.phone,
        }
    }

    fn check(&self) -> Result<(), Vec<Violation>> {
        let mut checks = Checks::default();
        checks.text("resident.given_name", &self.given_name, 1, 100);
        checks.text("resident.family_name", &self.family_name, 1, 100);
        if !self.email.is_empty() {
            checks.take(Email::parse("resident.email", &self.email));
        }
        checks.text("resident.phone", &self.phone, 0, 50);
        checks.finish()
    }
}

/// A resident to be made.
#[derive(Debug)]
pub(crate) struct NewResident {
    pub(crate) id: ResidentId,
    pub(crate) fields: Fields,
}

impl NewResident {
    /// Reads the whole request.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn parse(request: proto::CreateResidentRequest) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        let id = checks.take(id::wanted("resident_id", &request.resident_id));
        let fields = checks.take(Fields::parse(request.resident.unwrap_or_default()));
        let (id, fields) = checks.finish_with(id.zip(fields))?;
        Ok(Self {
            id: ResidentId(id),
            fields,
        })
    }
}

/// A change of some fields of a resident.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) id: ResidentId,
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
    pub(crate) fn parse(request: proto::UpdateResidentRequest) -> Result<Self, Vec<Violation>> {
        let resident = request.resident.unwrap_or_default();
        let mut checks = Checks::default();
        let id = checks.take(ResidentId::parse("resident.name", &resident.name));
        let mask = Mask::parse(request.update_mask, CHANGEABLE, &mut checks);
        let etag = resident.etag.clone();
        let fields = Fields::unchecked(resident);
        checks.take(mask.only("resident", fields.check()));
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
        let (mask, new) = (self.mask, self.fields);
        Fields {
            given_name: mask.pick("given_name", new.given_name, old.given_name),
            family_name: mask.pick("family_name", new.family_name, old.family_name),
            email: mask.pick("email", new.email, old.email),
            phone: mask.pick("phone", new.phone, old.phone),
        }
    }
}

/// A resident as stored.
#[derive(Debug, Clone)]
pub(crate) struct Resident {
    pub(crate) id: ResidentId,
    pub(crate) fields: Fields,
    pub(crate) created: SystemTime,
    pub(crate) updated: SystemTime,
    pub(crate) revision: i64,
}

impl From<Resident> for proto::Resident {
    fn from(resident: Resident) -> Self {
        Self {
            name: resident.id.name(),
            given_name: resident.fields.given_name,
            family_name: resident.fields.family_name,
            email: resident.fields.email,
            phone: resident.fields.phone,
            create_time: Some(resident.created.into()),
            update_time: Some(resident.updated.into()),
            etag: crate::etag::of(resident.revision),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident(given_name: &str, email: &str) -> proto::Resident {
        proto::Resident {
            given_name: given_name.into(),
            family_name: "Lovelace".into(),
            email: email.into(),
            ..Default::default()
        }
    }

    fn fields(faults: Vec<Violation>) -> Vec<String> {
        let names = faults.into_iter().map(|fault| fault.field.into_owned());
        names.collect()
    }

    #[test]
    fn a_new_resident_reports_every_fault_at_once() {
        let parse = |id: &str, resident| {
            NewResident::parse(proto::CreateResidentRequest {
                resident: Some(resident),
                resident_id: id.into(),
                ..Default::default()
            })
        };
        let phone = "1".repeat(51);
        let faulty = proto::Resident {
            phone,
            ..resident("", "a@b")
        };
        let expected = [
            "resident_id",
            "resident.given_name",
            "resident.email",
            "resident.phone",
        ];
        assert_eq!(fields(parse("x", faulty).unwrap_err()), expected);
        assert!(parse("", resident("Ada", "")).is_ok());
        let ada = parse("", resident("Ada", "ADA@Acme.Example")).unwrap();
        assert_eq!(ada.fields.email, "ada@acme.example");
    }

    #[test]
    fn a_change_touches_only_what_the_mask_names() {
        let old = Fields::parse(resident("Ada", "ada@acme.example")).unwrap();
        let change = |paths: &[&str], resident: proto::Resident| {
            let paths = paths.iter().map(ToString::to_string).collect();
            Change::parse(proto::UpdateResidentRequest {
                resident: Some(proto::Resident {
                    name: ResidentId(Uuid::now_v7()).name(),
                    ..resident
                }),
                update_mask: Some(prost_types::FieldMask { paths }),
            })
        };
        // A wrong address that is not meant.
        let named = change(&["given_name"], resident("Augusta", "wrong")).unwrap();
        let new = named.apply(old.clone());
        assert_eq!(new.given_name, "Augusta");
        assert_eq!(new.email, "ada@acme.example");
        let without = change(&["email"], resident("", "")).unwrap();
        assert_eq!(without.apply(old).email, "");
        let faults = change(&["email", "name"], resident("", "wrong")).unwrap_err();
        assert_eq!(fields(faults), ["update_mask", "resident.email"]);
    }
}
