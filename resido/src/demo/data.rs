//! What the demo consists of. Nothing in it is the same in both tenants, so that
//! whoever asks one for what is the other's sees that it is not there.

use resido_proto::{
    housing::v1::{
        Address, CreateLeaseRequest, CreatePropertyRequest, CreateResidentRequest,
        CreateUnitRequest, CreateWorkOrderRequest, Property, Unit, work_order::Priority,
    },
    identity::Role,
};
use uuid::Uuid;

use super::living::Living;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "demo-password";
/// Names of the people and what they may do.
pub(super) const PEOPLE: [(&str, Role); 3] = [
    (OWNER, Role::OWNER),
    ("member", Role::MEMBER),
    ("viewer", Role::VIEWER),
];
/// Who answers for a tenant, and by whose address the demo knows its own.
pub(super) const OWNER: &str = "owner";

/// A tenant and what it lets.
#[derive(Debug)]
pub(crate) struct DemoTenant {
    pub(crate) slug: &'static str,
    pub(super) display_name: &'static str,
    /// The tenant's ids count from here, so that doing it again finds what is
    /// there.
    first_id: u128,
    properties: [DemoProperty; 3],
    living: Living,
}

#[derive(Debug)]
struct DemoProperty {
    name: &'static str,
    city: &'static str,
    country: &'static str,
    /// Name, floor and square metres.
    units: &'static [(&'static str, i32, f64)],
}

/// Both tenants.
pub(crate) const TENANTS: [DemoTenant; 2] = [
    DemoTenant {
        slug: "acme",
        display_name: "Acme Homes",
        first_id: 0x0190_0000_0000_7000_8000_0000_0000_0000,
        properties: [
            DemoProperty {
                name: "North Tower",
                city: "Oslo",
                country: "NO",
                units: &[
                    ("1a", 1, 54.5),
                    ("1b", 1, 61.0),
                    ("2a", 2, 54.5),
                    ("2b", 2, 61.0),
                ],
            },
            DemoProperty {
                name: "Harbour House",
                city: "Lisbon",
                country: "PT",
                units: &[
                    ("Ground left", 0, 72.0),
                    ("Ground right", 0, 68.5),
                    ("Loft", 3, 95.0),
                ],
            },
            DemoProperty {
                name: "Garden Court",
                city: "Vienna",
                country: "AT",
                units: &[("A", 0, 40.0), ("B", 0, 42.0), ("C", 1, 81.5)],
            },
        ],
        living: Living {
            residents: [
                ("Astrid", "Berg", 1450),
                ("Marek", "Novak", 1600),
                ("Ines", "Duarte", 1390),
            ],
            currency: "EUR",
            work: [
                ("The kitchen tap drips", Priority::Normal),
                ("No hot water", Priority::Urgent),
                ("Paint the stairs", Priority::Low),
            ],
        },
    },
    DemoTenant {
        slug: "globex",
        display_name: "Globex Living",
        first_id: 0x0190_0000_0001_7000_8000_0000_0000_0000,
        properties: [
            DemoProperty {
                name: "Mill Lofts",
                city: "Ghent",
                country: "BE",
                units: &[
                    ("Spinning hall", 0, 88.0),
                    ("Weaving hall", 1, 84.0),
                    ("Boiler house", 0, 120.5),
                ],
            },
            DemoProperty {
                name: "Lake View",
                city: "Zurich",
                country: "CH",
                units: &[
                    ("101", 1, 49.0),
                    ("102", 1, 58.0),
                    ("201", 2, 49.0),
                    ("202", 2, 58.0),
                ],
            },
            DemoProperty {
                name: "Station Yard",
                city: "Turin",
                country: "IT",
                units: &[("East", 0, 37.5), ("Middle", 0, 35.0), ("West", 0, 37.5)],
            },
        ],
        living: Living {
            residents: [
                ("Lotte", "Peeters", 1250),
                ("Bruno", "Keller", 2100),
                ("Chiara", "Conti", 980),
            ],
            currency: "CHF",
            work: [
                ("A window does not close", Priority::High),
                ("The lift is loud", Priority::Normal),
                ("New letter boxes", Priority::Low),
            ],
        },
    },
];

/// Returns the e-mail of one of a tenant's people.
pub(crate) fn email(name: &str, tenant: &str) -> String {
    format!("{name}@{tenant}.example")
}

impl DemoTenant {
    /// Returns whom to write to about the tenant.
    pub(super) fn contact(&self) -> String {
        email(OWNER, self.slug)
    }

    /// Returns the requests that make each property, with those that make its
    /// units.
    pub(super) fn requests(&self) -> Vec<(CreatePropertyRequest, Vec<CreateUnitRequest>)> {
        let mut unit_number = 0x100;
        let properties = (0..).zip(&self.properties);
        let requests = properties.map(|(number, of)| {
            let property = of.request(self.id(number));
            let units = of.units.iter().map(|of| {
                unit_number += 1;
                unit(&property.property_id, self.id(unit_number), of)
            });
            let units = units.collect();
            (property, units)
        });
        requests.collect()
    }

    /// Returns the requests that make the residents.
    pub(super) fn residents(&self) -> Vec<CreateResidentRequest> {
        self.living.residents(self.slug, |number| self.id(number))
    }

    /// Returns the requests that let some of the units.
    pub(super) fn leases(&self) -> Vec<CreateLeaseRequest> {
        self.living.leases(&self.units(), |number| self.id(number))
    }

    /// Returns the requests that make the work orders.
    pub(super) fn work_orders(&self) -> Vec<CreateWorkOrderRequest> {
        self.living
            .work_orders(&self.units(), |number| self.id(number))
    }

    /// Returns the resource names of the units.
    fn units(&self) -> Vec<String> {
        let units = self.requests().into_iter().flat_map(|(_, units)| units);
        units
            .map(|unit| format!("{}/units/{}", unit.parent, unit.unit_id))
            .collect()
    }

    /// Returns the resource name of the tenant's first property.
    pub(super) fn first_property(&self) -> String {
        format!("properties/{}", self.id(0))
    }

    fn id(&self, number: u128) -> String {
        Uuid::from_u128(self.first_id + number).to_string()
    }
}

impl DemoProperty {
    fn request(&self, property_id: String) -> CreatePropertyRequest {
        CreatePropertyRequest {
            property_id,
            property: Some(Property {
                display_name: self.name.to_owned(),
                address: Some(Address {
                    city: self.city.to_owned(),
                    country_code: self.country.to_owned(),
                    ..Address::default()
                }),
                ..Property::default()
            }),
            ..Default::default()
        }
    }
}

fn unit(
    property: &str,
    unit_id: String,
    (name, floor, area_sqm): &(&str, i32, f64),
) -> CreateUnitRequest {
    CreateUnitRequest {
        parent: format!("properties/{property}"),
        unit_id,
        unit: Some(Unit {
            display_name: (*name).to_owned(),
            floor: *floor,
            area_sqm: *area_sqm,
            ..Unit::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn ids_and_names(tenant: &DemoTenant) -> Vec<String> {
        let mut found = Vec::new();
        for (property, units) in tenant.requests() {
            found.extend([
                property.property_id,
                property.property.unwrap().display_name,
            ]);
            for unit in units {
                found.extend([unit.unit_id, unit.unit.unwrap().display_name]);
            }
        }
        for resident in tenant.residents() {
            found.extend([resident.resident_id, resident.resident.unwrap().email]);
        }
        for lease in tenant.leases() {
            found.extend([lease.lease_id, lease.lease.unwrap().unit]);
        }
        for work_order in tenant.work_orders() {
            let title = work_order.work_order.unwrap().title;
            found.extend([work_order.work_order_id, title]);
        }
        found
    }

    #[test]
    fn the_tenants_have_nothing_in_common() {
        let all: Vec<_> = TENANTS.iter().flat_map(ids_and_names).collect();
        let different: HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "{all:?}");
    }

    #[test]
    fn ids_are_the_same_every_time() {
        for tenant in &TENANTS {
            assert_eq!(ids_and_names(tenant), ids_and_names(tenant));
            let requests = tenant.requests();
            let units = requests.iter().map(|(_, units)| units.len());
            assert_eq!((requests.len(), units.sum()), (3, 10));
            for (property, _) in requests {
                Uuid::parse_str(&property.property_id).unwrap();
            }
        }
    }

    #[test]
    fn residents_live_in_units_that_are_there() {
        for tenant in &TENANTS {
            let (units, leases) = (tenant.units(), tenant.leases());
            let residents: Vec<_> = tenant.residents();
            assert_eq!((leases.len(), tenant.work_orders().len()), (3, 3));
            for (lease, resident) in leases.into_iter().zip(residents) {
                let lease = lease.lease.unwrap();
                assert!(units.contains(&lease.unit));
                let name = format!("residents/{}", resident.resident_id);
                assert_eq!(lease.resident, name);
            }
        }
    }

    #[test]
    fn units_are_in_their_property() {
        for (property, units) in TENANTS[0].requests() {
            let name = format!("properties/{}", property.property_id);
            assert!(units.iter().all(|unit| unit.parent == name));
        }
    }
}
