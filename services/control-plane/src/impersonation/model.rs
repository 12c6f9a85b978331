//! What an operator asks for.

use resido_proto::{
    email::Email, error::Violation, identity_api::v1 as proto, ids::UserId, validate::Checks,
};
use resido_tenancy::tenant::Selector;

/// Life of a token at most, and if nothing else is asked for, in seconds.
const MAX_SECONDS: u32 = 15 * 60;

/// Whom an operator names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Person {
    /// By id.
    Id(UserId),
    /// By address.
    Email(Email),
}

/// As whom to act, and why.
pub(super) struct Ask {
    pub(super) tenant: Selector,
    pub(super) person: Person,
    pub(super) reason: String,
    pub(super) seconds: u32,
}

impl Ask {
    /// Checks a request.
    ///
    /// # Errors
    /// Every fault.
    pub(super) fn parse(request: proto::ImpersonateUserRequest) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        let tenant: Option<Selector> = request.tenant.parse().ok();
        let fault = "must be the slug, the id or the name of a tenant";
        checks.require(tenant.is_some(), "tenant", fault);
        let person = person(&request.user);
        let fault = "must be `users/<uuid>` or an e-mail address";
        checks.require(person.is_some(), "user", fault);
        checks.text("reason", &request.reason, 5, 500);
        let seconds = seconds(request.duration);
        let fault = "must be from 1 second to 15 minutes, in whole seconds";
        checks.require(seconds.is_some(), "duration", fault);
        let made = tenant.zip(person).zip(seconds);
        checks.finish_with(made.map(|((tenant, person), seconds)| Self {
            tenant,
            person,
            reason: request.reason,
            seconds,
        }))
    }
}

fn person(text: &str) -> Option<Person> {
    let by_id = UserId::from_resource_name(text).ok().map(Person::Id);
    by_id.or_else(|| Email::parse("user", text).ok().map(Person::Email))
}

fn seconds(asked: Option<prost_types::Duration>) -> Option<u32> {
    let Some(asked) = asked else {
        return Some(MAX_SECONDS);
    };
    let seconds = u32::try_from(asked.seconds).ok()?;
    (asked.nanos == 0 && (1..=MAX_SECONDS).contains(&seconds)).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_reported_at_once() {
        let faults = Ask::parse(proto::ImpersonateUserRequest {
            reason: "why".into(),
            duration: Some(prost_types::Duration {
                seconds: 901,
                nanos: 0,
            }),
            ..Default::default()
        });
        let faults = faults.err().unwrap();
        let fields: Vec<_> = faults.iter().map(|fault| &*fault.field).collect();
        assert_eq!(fields, ["tenant", "user", "reason", "duration"]);
    }

    #[test]
    fn a_person_is_named_by_id_or_by_address() {
        let id = UserId::new();
        assert_eq!(person(&id.resource_name()), Some(Person::Id(id)));
        let email = Email::parse("user", "a@b.example").ok().unwrap();
        assert_eq!(person("A@b.example"), Some(Person::Email(email)));
        for text in ["", "users/me", "users/", "nobody"] {
            assert_eq!(person(text), None, "{text}");
        }
    }

    #[test]
    fn it_lasts_15_minutes_at_most() {
        let ask = |secs, nanos| {
            seconds(Some(prost_types::Duration {
                seconds: secs,
                nanos,
            }))
        };
        assert_eq!(seconds(None), Some(900));
        assert_eq!(ask(1, 0), Some(1));
        assert_eq!(ask(900, 0), Some(900));
        for (secs, nanos) in [(0, 0), (901, 0), (-1, 0), (1, 1), (i64::MAX, 0)] {
            assert_eq!(ask(secs, nanos), None, "{secs}.{nanos}");
        }
    }
}
