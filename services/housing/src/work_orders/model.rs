//! What a work order is, the rules for its fields, and how far it may go.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use resido_proto::{
    error::Violation, housing::v1 as proto, housing::v1::work_order as words, ids::parse_uuid,
    validate::Checks,
};
use uuid::Uuid;

use crate::{Error, id, mask::Mask, units::model::UnitId};

/// The fields an update mask may name. The unit may be named and may not change.
const CHANGEABLE: &[&str] = &["unit", "title", "description", "priority"];
/// Characters of a description at most.
const MAX_DESCRIPTION: usize = 5000;
/// How far the clocks of caller and service may be apart.
const SKEW: Duration = Duration::from_secs(60);
/// The end of the year 9999, the last that a timestamp can hold.
const END_OF_TIME: i64 = 253_402_300_800;

/// The id of a work order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkOrderId(pub(crate) Uuid);

impl WorkOrderId {
    /// Reads `work-orders/<uuid>`.
    pub(crate) fn parse(field: &'static str, name: &str) -> Result<Self, Vec<Violation>> {
        name.strip_prefix("work-orders/")
            .and_then(|id| parse_uuid(id).ok())
            .map(Self)
            .ok_or_else(|| vec![Violation::new(field, "must be `work-orders/<uuid>`")])
    }

    /// Returns the resource name.
    pub(crate) fn name(self) -> String {
        format!("work-orders/{}", self.0)
    }
}

/// How far a work order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Scheduled,
    Done,
    Cancelled,
}

impl State {
    /// All of them: the name in filters, and the stored text.
    pub(super) const WORDS: &[(&str, &str)] = &[
        ("OPEN", "open"),
        ("SCHEDULED", "scheduled"),
        ("DONE", "done"),
        ("CANCELLED", "cancelled"),
    ];

    /// Returns the stored text.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Scheduled => "scheduled",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Takes what was stored.
    pub(super) fn stored(text: &str) -> Option<Self> {
        let all = [Self::Open, Self::Scheduled, Self::Done, Self::Cancelled];
        all.into_iter().find(|state| state.as_str() == text)
    }

    /// Makes sure that there is still something to do.
    ///
    /// # Errors
    /// [`Error::WorkOrderState`].
    pub(super) fn is_pending(self) -> Result<(), Error> {
        match self {
            Self::Open | Self::Scheduled => Ok(()),
            Self::Done | Self::Cancelled => Err(Error::WorkOrderState(self.as_str())),
        }
    }
}

/// A step on the way of a work order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Sets its time, or another one.
    Schedule(SystemTime),
    /// Says that it is done.
    Complete,
    /// Gives it up.
    Cancel,
}

impl Step {
    /// Returns where the step leads to from a state.
    ///
    /// # Errors
    /// [`Error::WorkOrderState`].
    pub(super) fn from(self, state: State) -> Result<State, Error> {
        state.is_pending()?;
        match (self, state) {
            (Self::Schedule(_), _) => Ok(State::Scheduled),
            (Self::Complete, State::Scheduled) => Ok(State::Done),
            (Self::Complete, _) => Err(Error::WorkOrderState(state.as_str())),
            (Self::Cancel, _) => Ok(State::Cancelled),
        }
    }
}

/// What people say of a work order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) title: String,
    pub(crate) description: String,
    /// As the proto numbers it.
    pub(crate) priority: i16,
}

impl Fields {
    /// Checks a work order as a caller sent it.
    ///
    /// # Errors
    /// Every fault, with paths below `work_order`.
    fn parse(work_order: proto::WorkOrder) -> Result<Self, Vec<Violation>> {
        let fields = Self::unchecked(work_order);
        fields.check()?;
        Ok(fields)
    }

    fn unchecked(work_order: proto::WorkOrder) -> Self {
        let priority = match work_order.priority {
            0 => words::Priority::Normal as i32,
            given => given,
        };
        Self {
            title: work_order.title,
            description: work_order.description,
            priority: i16::try_from(priority).unwrap_or_default(),
        }
    }

    fn check(&self) -> Result<(), Vec<Violation>> {
        let mut checks = Checks::default();
        checks.text("work_order.title", &self.title, 1, 200);
        let text = &self.description;
        checks.require(
            text.chars().count() <= MAX_DESCRIPTION,
            "work_order.description",
            "has more than 5000 characters",
        );
        let strange = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        checks.require(
            !text.contains(strange),
            "work_order.description",
            "has control characters other than tabs and line ends",
        );
        checks.require(
            (1..=4).contains(&self.priority),
            "work_order.priority",
            "must be LOW, NORMAL, HIGH or URGENT",
        );
        checks.finish()
    }
}

/// A work order to be made.
#[derive(Debug)]
pub(crate) struct NewWorkOrder {
    pub(crate) id: WorkOrderId,
    pub(crate) unit: UnitId,
    pub(crate) fields: Fields,
}

impl NewWorkOrder {
    /// Reads the whole request.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn parse(request: proto::CreateWorkOrderRequest) -> Result<Self, Vec<Violation>> {
        let work_order = request.work_order.unwrap_or_default();
        let mut checks = Checks::default();
        let id = checks.take(id::wanted("work_order_id", &request.work_order_id));
        let unit = checks.take(UnitId::parse("work_order.unit", &work_order.unit));
        let fields = checks.take(Fields::parse(work_order));
        let ((id, unit), fields) = checks.finish_with(id.zip(unit).zip(fields))?;
        Ok(Self {
            id: WorkOrderId(id),
            unit,
            fields,
        })
    }
}

/// A change of some fields of a work order.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) id: WorkOrderId,
    pub(crate) etag: String,
    mask: Mask,
    /// What must be as it is.
    unit: String,
    /// Checked where the mask names them, and of no meaning elsewhere.
    fields: Fields,
}

impl Change {
    /// Reads the whole request.
    ///
    /// # Errors
    /// Every fault; what fields hold that the mask does not name is none.
    pub(crate) fn parse(request: proto::UpdateWorkOrderRequest) -> Result<Self, Vec<Violation>> {
        let mut work_order = request.work_order.unwrap_or_default();
        let mut checks = Checks::default();
        let id = checks.take(WorkOrderId::parse("work_order.name", &work_order.name));
        let mask = Mask::parse(request.update_mask, CHANGEABLE, &mut checks);
        let etag = std::mem::take(&mut work_order.etag);
        let unit = std::mem::take(&mut work_order.unit);
        let fields = Fields::unchecked(work_order);
        checks.take(mask.only("work_order", fields.check()));
        let id = checks.finish_with(id)?;
        Ok(Self {
            id,
            etag,
            mask,
            unit,
            fields,
        })
    }

    /// Returns the old fields with those changed that the mask names.
    ///
    /// # Errors
    /// The fault of another unit.
    pub(crate) fn apply(self, old: WorkOrder) -> Result<Fields, Vec<Violation>> {
        let (mask, new) = (self.mask, self.fields);
        let moved = !self.unit.is_empty() && self.unit != old.unit.name();
        if mask.has("unit") && moved {
            return Err(vec![Violation::new("work_order.unit", "cannot be changed")]);
        }
        let old = old.fields;
        Ok(Fields {
            title: mask.pick("title", new.title, old.title),
            description: mask.pick("description", new.description, old.description),
            priority: mask.pick("priority", new.priority, old.priority),
        })
    }
}

/// Reads the time of a work order.
///
/// # Errors
/// One violation of `scheduled_time`.
pub(crate) fn scheduled_time(
    sent: Option<Timestamp>,
    now: SystemTime,
) -> Result<SystemTime, Vec<Violation>> {
    let fault = |fault| vec![Violation::new("scheduled_time", fault)];
    let sent = sent.ok_or_else(|| fault("is required"))?;
    let real = (0..END_OF_TIME).contains(&sent.seconds) && (0..1_000_000_000).contains(&sent.nanos);
    let time = real.then(|| SystemTime::try_from(sent).ok()).flatten();
    let time = time.filter(|time| *time + SKEW > now);
    time.ok_or_else(|| fault("must be in the future"))
}

/// A work order as stored.
#[derive(Debug, Clone)]
pub(crate) struct WorkOrder {
    pub(crate) id: WorkOrderId,
    pub(crate) unit: UnitId,
    pub(crate) fields: Fields,
    pub(crate) state: State,
    pub(crate) scheduled: Option<SystemTime>,
    pub(crate) created: SystemTime,
    pub(crate) updated: SystemTime,
    pub(crate) revision: i64,
}

impl From<WorkOrder> for proto::WorkOrder {
    fn from(work_order: WorkOrder) -> Self {
        let state = match work_order.state {
            State::Open => words::State::Open,
            State::Scheduled => words::State::Scheduled,
            State::Done => words::State::Done,
            State::Cancelled => words::State::Cancelled,
        };
        Self {
            name: work_order.id.name(),
            unit: work_order.unit.name(),
            title: work_order.fields.title,
            description: work_order.fields.description,
            priority: work_order.fields.priority.into(),
            state: state.into(),
            scheduled_time: work_order.scheduled.map(Into::into),
            create_time: Some(work_order.created.into()),
            update_time: Some(work_order.updated.into()),
            etag: crate::etag::of(work_order.revision),
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
