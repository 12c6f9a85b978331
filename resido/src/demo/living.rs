//! Who lives in the demo's units, and what is to be repaired there.

use resido_proto::{
    google::r#type::{Date, Money},
    housing::v1::{
        CreateLeaseRequest, CreateResidentRequest, CreateWorkOrderRequest, Lease, Resident,
        WorkOrder, work_order::Priority,
    },
};

/// The residents of a tenant, each in a unit of their own, and the work.
#[derive(Debug)]
pub(super) struct Living {
    /// Given and family name, and the rent of a month.
    pub(super) residents: [(&'static str, &'static str, i64); 3],
    pub(super) currency: &'static str,
    /// Title and urgency.
    pub(super) work: [(&'static str, Priority); 3],
}

/// Where the ids of each kind begin, counted from the tenant's first.
const RESIDENTS: u128 = 0x200;
const LEASES: u128 = 0x300;
const WORK_ORDERS: u128 = 0x400;

impl Living {
    /// Returns the requests that make the residents.
    pub(super) fn residents(
        &self,
        slug: &str,
        id: impl Fn(u128) -> String,
    ) -> Vec<CreateResidentRequest> {
        let residents = (RESIDENTS..).zip(&self.residents);
        let requests = residents.map(|(number, (given_name, family_name, _))| {
            let email = format!("{}@{slug}.example", given_name.to_lowercase());
            CreateResidentRequest {
                resident_id: id(number),
                resident: Some(Resident {
                    given_name: (*given_name).to_owned(),
                    family_name: (*family_name).to_owned(),
                    email,
                    ..Resident::default()
                }),
                ..Default::default()
            }
        });
        requests.collect()
    }

    /// Returns the requests that let a unit to each resident; the first leases have
    /// an end.
    pub(super) fn leases(
        &self,
        units: &[String],
        id: impl Fn(u128) -> String,
    ) -> Vec<CreateLeaseRequest> {
        let lets = (0..).zip(&self.residents).zip(units);
        let requests = lets.map(|((number, (_, _, rent)), unit)| CreateLeaseRequest {
            lease_id: id(LEASES + number),
            lease: Some(Lease {
                unit: unit.clone(),
                resident: format!("residents/{}", id(RESIDENTS + number)),
                start_date: first_of(2025, 3),
                end_date: (number == 0).then(|| first_of(2035, 3)).flatten(),
                monthly_rent: Some(Money {
                    currency_code: self.currency.to_owned(),
                    units: *rent,
                    nanos: 0,
                }),
                ..Lease::default()
            }),
            ..Default::default()
        });
        requests.collect()
    }

    /// Returns the requests that make the work orders.
    pub(super) fn work_orders(
        &self,
        units: &[String],
        id: impl Fn(u128) -> String,
    ) -> Vec<CreateWorkOrderRequest> {
        let work = (WORK_ORDERS..).zip(&self.work).zip(units);
        let requests = work.map(
            |((number, (title, priority)), unit)| CreateWorkOrderRequest {
                work_order_id: id(number),
                work_order: Some(WorkOrder {
                    unit: unit.clone(),
                    title: (*title).to_owned(),
                    priority: (*priority).into(),
                    ..WorkOrder::default()
                }),
                ..Default::default()
            },
        );
        requests.collect()
    }
}

fn first_of(year: i32, month: i32) -> Option<Date> {
    Some(Date {
        year,
        month,
        day: 1,
    })
}
