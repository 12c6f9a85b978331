//! What a unit is, and the rules for its fields.

use std::time::SystemTime;

use resido_proto::{error::Violation, housing::v1 as proto, validate::Checks};
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
                    id: id::parse(unit)?,
                })
            })
            .ok_or_else(|| {
                vec![Violation::new(
                    field,
                    "must be `properties/<uuid>/units/<uuid>`",
                )]
            })
    }

    fn name(self) -> String {
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
    pub(crate) fn parse(unit: proto::Unit) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        checks.text("unit.display_name", &unit.display_name, 1, 200);
        checks.require(
            (-20..=200).contains(&unit.floor),
            "unit.floor",
            "must be from -20 to 200",
        );
        checks.require(
            (0.0..=100_000.0).contains(&unit.area_sqm),
            "unit.area_sqm",
            "must be from 0 to 100,000",
        );
        checks.finish()?;
        Ok(Self {
            display_name: unit.display_name,
            floor: unit.floor,
            area_sqm: unit.area_sqm,
        })
    }

    /// Takes over the fields that the mask names.
    pub(crate) fn merge(&self, changes: proto::Unit, mask: &Mask) -> proto::Unit {
        let old = self.clone();
        proto::Unit {
            display_name: if mask.has("display_name") {
                changes.display_name
            } else {
                old.display_name
            },
            floor: if mask.has("floor") {
                changes.floor
            } else {
                old.floor
            },
            area_sqm: if mask.has("area_sqm") {
                changes.area_sqm
            } else {
                old.area_sqm
            },
            ..proto::Unit::default()
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
