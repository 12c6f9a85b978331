//! What a unit is, and the rules for its fields.

use std::time::SystemTime;

use resido_proto::{error::Violation, housing::v1 as proto, ids::parse_uuid, validate::Checks};
use uuid::Uuid;

use crate::{id, mask::Mask, properties::model::PropertyId};

/// The fields an update mask may name.
pub(crate) const CHANGEABLE: &[&str] = &["display_name", "floor", "area_sqm"];

/// The id of a unit, below its property's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnitId {
    pub(crate) property: PropertyId,
    pub(crate) id: Uuid,
}

impl UnitId {
    /// Reads `properties/<uuid>/units/<uuid>`.
    pub(crate) fn parse(field: &'static str, name: &str) -> Result<Self, Vec<Violation>> {
        name.split_once("/units/")
            .and_then(|(property, unit)| {
                let property = PropertyId::parse(field, property).ok()?;
                Some(Self {
                    property,
                    id: parse_uuid(unit).ok()?,
                })
            })
            .ok_or_else(|| {
                vec![Violation::new(
                    field,
                    "must be `properties/<uuid>/units/<uuid>`",
                )]
            })
    }

    /// Returns the resource name.
    pub(crate) fn name(self) -> String {
        format!("{}/units/{}", self.property.name(), self.id)
    }
}

/// What people say of a unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fields {
    pub(crate) display_name: String,
    pub(crate) floor: i32,
    pub(crate) area_sqm: f64,
}

impl Fields {
    /// Checks a unit as a caller sent it.
    ///
    /// # Errors
    /// Every fault, with paths below `unit`.
    fn parse(unit: proto::Unit) -> Result<Self, Vec<Violation>> {
        let fields = Self::unchecked(unit);
        fields.check()?;
        Ok(fields)
    }

    fn unchecked(unit: proto::Unit) -> Self {
        Self {
            display_name: unit.display_name,
            floor: unit.floor,
            area_sqm: unit.area_sqm,
        }
    }

    fn check(&self) -> Result<(), Vec<Violation>> {
        let mut checks = Checks::default();
        checks.text("unit.display_name", &self.display_name, 1, 200);
        checks.require(
            (-20..=200).contains(&self.floor),
            "unit.floor",
            "must be from -20 to 200",
        );
        checks.require(
            (0.0..=100_000.0).contains(&self.area_sqm),
            "unit.area_sqm",
            "must be from 0 to 100,000",
        );
        checks.finish()
    }
}

/// A unit to be made.
#[derive(Debug)]
pub(crate) struct NewUnit {
    pub(crate) id: UnitId,
    pub(crate) fields: Fields,
}

impl NewUnit {
    /// Reads the whole request.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn parse(request: proto::CreateUnitRequest) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        let property = checks.take(PropertyId::parse("parent", &request.parent));
        let id = checks.take(id::wanted("unit_id", &request.unit_id));
        let fields = checks.take(Fields::parse(request.unit.unwrap_or_default()));
        let ((property, id), fields) = checks.finish_with(property.zip(id).zip(fields))?;
        Ok(Self {
            id: UnitId { property, id },
            fields,
        })
    }
}

/// A change of some fields of a unit.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) id: UnitId,
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
    pub(crate) fn parse(request: proto::UpdateUnitRequest) -> Result<Self, Vec<Violation>> {
        let unit = request.unit.unwrap_or_default();
        let mut checks = Checks::default();
        let id = checks.take(UnitId::parse("unit.name", &unit.name));
        let mask = Mask::parse(request.update_mask, CHANGEABLE, &mut checks);
        let etag = unit.etag.clone();
        let fields = Fields::unchecked(unit);
        checks.take(mask.only("unit", fields.check()));
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
            display_name: mask.pick("display_name", new.display_name, old.display_name),
            floor: mask.pick("floor", new.floor, old.floor),
            area_sqm: mask.pick("area_sqm", new.area_sqm, old.area_sqm),
        }
    }
}

/// A unit as stored.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) id: UnitId,
    pub(crate) fields: Fields,
    pub(crate) created: SystemTime,
    pub(crate) updated: SystemTime,
    pub(crate) revision: i64,
}

impl From<Unit> for proto::Unit {
    fn from(unit: Unit) -> Self {
        Self {
            name: unit.id.name(),
            display_name: unit.fields.display_name,
            floor: unit.fields.floor,
            area_sqm: unit.fields.area_sqm,
            create_time: Some(unit.created.into()),
            update_time: Some(unit.updated.into()),
            etag: crate::etag::of(unit.revision),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        let unit = |floor, area_sqm| proto::Unit {
            display_name: "1a".into(),
            floor,
            area_sqm,
            ..Default::default()
        };
        assert!(Fields::parse(unit(-20, 100_000.0)).is_ok());
        for (floor, area) in [
            (-21, 1.0),
            (201, 1.0),
            (0, -1.0),
            (0, f64::NAN),
            (0, f64::INFINITY),
        ] {
            assert_eq!(
                Fields::parse(unit(floor, area)).unwrap_err().len(),
                1,
                "{floor} {area}"
            );
        }
    }

    #[test]
    fn a_new_unit_reports_every_fault_at_once() {
        let faults = NewUnit::parse(proto::CreateUnitRequest {
            parent: "properties/x".into(),
            unit_id: "y".into(),
            ..Default::default()
        });
        let faults: Vec<_> = faults.unwrap_err().into_iter().map(|v| v.field).collect();
        assert_eq!(faults, ["parent", "unit_id", "unit.display_name"]);
    }

    #[test]
    fn a_change_checks_and_touches_only_what_the_mask_names() {
        let id = UnitId {
            property: PropertyId(Uuid::now_v7()),
            id: Uuid::now_v7(),
        };
        let change = |floor, paths: &[&str]| {
            let paths = paths.iter().map(ToString::to_string).collect();
            Change::parse(proto::UpdateUnitRequest {
                unit: Some(proto::Unit {
                    name: id.name(),
                    floor,
                    etag: "r1".into(),
                    ..Default::default()
                }),
                update_mask: Some(prost_types::FieldMask { paths }),
            })
        };
        let faults = change(999, &["floor", "display_name"]).unwrap_err();
        let faults: Vec<_> = faults.into_iter().map(|v| v.field).collect();
        assert_eq!(faults, ["unit.display_name", "unit.floor"]);
        assert_eq!(change(999, &["area_sqm"]).unwrap().etag, "r1");
        let old = Fields {
            display_name: "1a".into(),
            floor: 1,
            area_sqm: 40.0,
        };
        let new = change(7, &["floor"]).unwrap().apply(old.clone());
        assert_eq!(new, Fields { floor: 7, ..old });
    }

    #[test]
    fn names_read_back_what_they_write() {
        let id = UnitId {
            property: PropertyId(Uuid::now_v7()),
            id: Uuid::now_v7(),
        };
        assert_eq!(UnitId::parse("name", &id.name()), Ok(id));
        for name in ["", "units/1", "properties/x/units/y", "properties//units/"] {
            assert!(UnitId::parse("name", name).is_err(), "{name}");
        }
    }
}
