//! What a lease is, and the rules for its fields.

use std::time::SystemTime;

use resido_proto::{error::Violation, housing::v1 as proto, ids::parse_uuid, validate::Checks};
use uuid::Uuid;

pub(super) use super::{day::Day, rent::Rent};
use crate::{id, mask::Mask, residents::model::ResidentId, units::model::UnitId};

/// The fields an update mask may name. Unit and resident may be named and may
/// not change.
const CHANGEABLE: &[&str] = &[
    "unit",
    "resident",
    "start_date.year",
    "start_date.month",
    "start_date.day",
    "end_date.year",
    "end_date.month",
    "end_date.day",
    "monthly_rent.currency_code",
    "monthly_rent.units",
    "monthly_rent.nanos",
];

/// The id of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseId(pub(crate) Uuid);

impl LeaseId {
    /// Reads `leases/<uuid>`.
    pub(crate) fn parse(field: &'static str, name: &str) -> Result<Self, Vec<Violation>> {
        name.strip_prefix("leases/")
            .and_then(|id| parse_uuid(id).ok())
            .map(Self)
            .ok_or_else(|| vec![Violation::new(field, "must be `leases/<uuid>`")])
    }

    /// Returns the resource name.
    pub(crate) fn name(self) -> String {
        format!("leases/{}", self.0)
    }
}

/// What of a lease may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The first day.
    pub(crate) start: Day,
    /// The last day; open when none.
    pub(crate) end: Option<Day>,
    /// The rent of a month.
    pub(crate) rent: Rent,
}

impl Terms {
    fn parse(lease: &proto::Lease) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        let start = checks.take(start(lease));
        let end = checks.take(end(lease));
        let rent = checks.take(Rent::parse(lease.monthly_rent.clone()));
        let ((start, end), rent) = checks.finish_with(start.zip(end).zip(rent))?;
        Self { start, end, rent }.in_order()
    }

    fn in_order(self) -> Result<Self, Vec<Violation>> {
        match &self.end {
            Some(end) if *end < self.start => {
                let fault = "must not be before the first day";
                Err(vec![Violation::new("lease.end_date", fault)])
            }
            _ => Ok(self),
        }
    }
}

fn start(lease: &proto::Lease) -> Result<Day, Vec<Violation>> {
    match &lease.start_date {
        Some(date) => Day::parse("lease.start_date", date),
        None => Err(vec![Violation::new("lease.start_date", "is required")]),
    }
}

fn end(lease: &proto::Lease) -> Result<Option<Day>, Vec<Violation>> {
    let date = lease.end_date.as_ref();
    date.map(|date| Day::parse("lease.end_date", date))
        .transpose()
}

/// A lease to be made.
#[derive(Debug)]
pub(crate) struct NewLease {
    pub(crate) id: LeaseId,
    pub(crate) unit: UnitId,
    pub(crate) resident: ResidentId,
    pub(crate) terms: Terms,
}

impl NewLease {
    /// Reads the whole request.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn parse(request: proto::CreateLeaseRequest) -> Result<Self, Vec<Violation>> {
        let lease = request.lease.unwrap_or_default();
        let mut checks = Checks::default();
        let id = checks.take(id::wanted("lease_id", &request.lease_id));
        let unit = checks.take(UnitId::parse("lease.unit", &lease.unit));
        let resident = checks.take(ResidentId::parse("lease.resident", &lease.resident));
        let terms = checks.take(Terms::parse(&lease));
        let whole = id.zip(unit).zip(resident.zip(terms));
        let ((id, unit), (resident, terms)) = checks.finish_with(whole)?;
        Ok(Self {
            id: LeaseId(id),
            unit,
            resident,
            terms,
        })
    }
}

/// A change of some terms of a lease. A date or a sum changes as a whole, whatever
/// part of it the mask names.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) id: LeaseId,
    pub(crate) etag: String,
    /// What must be as it is.
    unit: Option<String>,
    resident: Option<String>,
    start: Option<Day>,
    end: Option<Option<Day>>,
    rent: Option<Rent>,
}

impl Change {
    /// Reads the whole request.
    ///
    /// # Errors
    /// Every fault; what fields hold that the mask does not name is none.
    pub(crate) fn parse(request: proto::UpdateLeaseRequest) -> Result<Self, Vec<Violation>> {
        let lease = request.lease.unwrap_or_default();
        let mut checks = Checks::default();
        let id = checks.take(LeaseId::parse("lease.name", &lease.name));
        let mask = Mask::parse(request.update_mask, CHANGEABLE, &mut checks);
        let named = |value: &str| {
            let mut leaves = CHANGEABLE.iter().filter(|leaf| leaf.starts_with(value));
            leaves.any(|leaf| mask.has(leaf))
        };
        let start = named("start_date").then(|| start(&lease));
        let end = named("end_date").then(|| end(&lease));
        let rent = named("monthly_rent").then(|| Rent::parse(lease.monthly_rent.clone()));
        let (start, end, rent) = (
            start.and_then(|start| checks.take(start)),
            end.and_then(|end| checks.take(end)),
            rent.and_then(|rent| checks.take(rent)),
        );
        let sent = |value: String, leaf| (mask.has(leaf) && !value.is_empty()).then_some(value);
        let id = checks.finish_with(id)?;
        Ok(Self {
            id,
            etag: lease.etag,
            unit: sent(lease.unit, "unit"),
            resident: sent(lease.resident, "resident"),
            start,
            end,
            rent,
        })
    }

    /// Returns the old terms with those changed that the mask names.
    ///
    /// # Errors
    /// Every fault that shows beside the old lease alone.
    pub(crate) fn apply(self, old: Lease) -> Result<Terms, Vec<Violation>> {
        let mut checks = Checks::default();
        let same = |sent: Option<String>, name: String| sent.is_none_or(|sent| sent == name);
        let fault = "cannot be changed";
        checks.require(same(self.unit, old.unit.name()), "lease.unit", fault);
        checks.require(
            same(self.resident, old.resident.name()),
            "lease.resident",
            fault,
        );
        let terms = Terms {
            start: self.start.unwrap_or(old.terms.start),
            end: self.end.unwrap_or(old.terms.end),
            rent: self.rent.unwrap_or(old.terms.rent),
        };
        let terms = checks.take(terms.in_order());
        checks.finish_with(terms)
    }
}

/// A lease as stored.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) id: LeaseId,
    pub(crate) unit: UnitId,
    pub(crate) resident: ResidentId,
    pub(crate) terms: Terms,
    pub(crate) created: SystemTime,
    pub(crate) updated: SystemTime,
    pub(crate) revision: i64,
}

impl From<Lease> for proto::Lease {
    fn from(lease: Lease) -> Self {
        Self {
            name: lease.id.name(),
            unit: lease.unit.name(),
            resident: lease.resident.name(),
            start_date: Some(lease.terms.start.into()),
            end_date: lease.terms.end.map(Into::into),
            monthly_rent: Some(lease.terms.rent.into()),
            create_time: Some(lease.created.into()),
            update_time: Some(lease.updated.into()),
            etag: crate::etag::of(lease.revision),
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
