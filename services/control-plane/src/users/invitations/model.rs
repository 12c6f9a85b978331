//! What an invitation is, and the rules for its fields.

use std::time::SystemTime;

use resido_proto::{
    email::Email, error::Violation, identity::Role, identity_api::v1 as proto, validate::Checks,
};
use uuid::Uuid;

use crate::{Error, roles};

/// Open invitations of a tenant at most.
pub(super) const MAX_OPEN: i64 = 1000;
const DAY: i64 = 24 * 60 * 60;
const COLLECTION: &str = "invitations/";

/// Whom to invite, to what.
pub(super) struct Offer {
    pub(super) email: Email,
    pub(super) roles: Vec<Role>,
    /// Seconds it can be used.
    pub(super) validity: i32,
}

impl Offer {
    /// Checks a request. Whether there are such roles shows later.
    ///
    /// # Errors
    /// Every fault.
    pub(super) fn parse(request: proto::InviteUserRequest) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        let email = checks.take(Email::parse("email", &request.email));
        let roles = checks.take(roles::names("roles", request.roles));
        let validity = checks.take(validity(request.validity));
        let made = email.zip(roles).zip(validity);
        checks.finish_with(made.map(|((email, roles), validity)| Self {
            email,
            roles,
            validity,
        }))
    }
}

fn validity(asked: Option<prost_types::Duration>) -> Result<i32, Vec<Violation>> {
    let asked = asked.unwrap_or(prost_types::Duration {
        seconds: 7 * DAY,
        nanos: 0,
    });
    let is_whole = asked.nanos == 0 && (DAY..=30 * DAY).contains(&asked.seconds);
    let seconds = i32::try_from(asked.seconds).ok().filter(|_| is_whole);
    let fault = "must be from 1 to 30 days, in whole seconds";
    seconds.ok_or_else(|| vec![Violation::new("validity", fault)])
}

/// Reads `invitations/<uuid>`.
///
/// # Errors
/// One violation of `name`.
pub(super) fn id_of(name: &str) -> Result<Uuid, Vec<Violation>> {
    let id = name.strip_prefix(COLLECTION);
    // One invitation has one name.
    let id = id.and_then(|text| {
        let id: Uuid = text.parse().ok()?;
        (id.to_string() == text).then_some(id)
    });
    id.ok_or_else(|| vec![Violation::new("name", "must be `invitations/<uuid>`")])
}

/// How an invitation is stored to stand; one that is over in time is open still,
/// for it can be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    Accepted,
    Revoked,
}

impl std::str::FromStr for Standing {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "open" => Ok(Self::Open),
            "accepted" => Ok(Self::Accepted),
            "revoked" => Ok(Self::Revoked),
            _ => Err(Error::Fault("a stored state of an invitation is unknown")),
        }
    }
}

/// An invitation as stored.
#[derive(Debug, Clone)]
pub(super) struct Invitation {
    pub(super) id: Uuid,
    pub(super) email: String,
    pub(super) roles: Vec<Role>,
    pub(super) standing: Standing,
    pub(super) inviter: String,
    pub(super) created: SystemTime,
    pub(super) expires: SystemTime,
    /// Whether its time is over.
    pub(super) is_over: bool,
}

impl Invitation {
    /// Returns its name.
    pub(super) fn name(&self) -> String {
        format!("{COLLECTION}{}", self.id)
    }

    fn state(&self) -> proto::invitation::State {
        match (self.standing, self.is_over) {
            (Standing::Open, false) => proto::invitation::State::Open,
            (Standing::Open, true) => proto::invitation::State::Expired,
            (Standing::Accepted, _) => proto::invitation::State::Accepted,
            (Standing::Revoked, _) => proto::invitation::State::Revoked,
        }
    }
}

impl From<Invitation> for proto::Invitation {
    fn from(invitation: Invitation) -> Self {
        Self {
            name: invitation.name(),
            state: invitation.state().into(),
            email: invitation.email,
            roles: invitation.roles.iter().map(ToString::to_string).collect(),
            inviter: invitation.inviter,
            create_time: Some(invitation.created.into()),
            expire_time: Some(invitation.expires.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_reports_every_fault_at_once() {
        let faults = Offer::parse(proto::InviteUserRequest {
            email: "nobody".into(),
            roles: Vec::new(),
            validity: Some(prost_types::Duration {
                seconds: DAY - 1,
                nanos: 0,
            }),
        });
        let faults = faults.err().unwrap();
        let fields: Vec<_> = faults.iter().map(|fault| &*fault.field).collect();
        assert_eq!(fields, ["email", "roles", "validity"]);
    }

    #[test]
    fn an_invitation_is_good_for_1_to_30_days() {
        let ask = |seconds, nanos| {
            let asked = prost_types::Duration { seconds, nanos };
            validity(Some(asked)).ok()
        };
        assert_eq!(validity(None), Ok(604_800));
        assert_eq!(ask(DAY, 0), Some(86_400));
        assert_eq!(ask(30 * DAY, 0), Some(2_592_000));
        for (seconds, nanos) in [
            (DAY - 1, 0),
            (30 * DAY + 1, 0),
            (DAY, 1),
            (i64::MAX, 0),
            (-DAY, 0),
        ] {
            assert_eq!(ask(seconds, nanos), None, "{seconds}.{nanos}");
        }
    }

    #[test]
    fn an_invitation_has_one_name() {
        let id = Uuid::now_v7();
        assert_eq!(id_of(&format!("invitations/{id}")), Ok(id));
        for name in [
            String::new(),
            id.to_string(),
            "invitations/".into(),
            format!("users/{id}"),
            format!("invitations/{}", id.simple()),
            format!("invitations/{}", id.to_string().to_uppercase()),
        ] {
            assert_eq!(id_of(&name).unwrap_err()[0].field, "name", "{name}");
        }
    }

    #[test]
    fn what_is_open_and_over_has_expired() {
        use proto::invitation::State;
        let invitation = |standing: &str, is_over| {
            let stored = Invitation {
                id: Uuid::nil(),
                email: "a@b.example".into(),
                roles: vec![Role::MEMBER],
                standing: standing.parse().unwrap(),
                inviter: "users/x".into(),
                created: SystemTime::UNIX_EPOCH,
                expires: SystemTime::UNIX_EPOCH,
                is_over,
            };
            proto::Invitation::from(stored).state()
        };
        for (standing, is_over, state) in [
            ("open", false, State::Open),
            ("open", true, State::Expired),
            ("accepted", true, State::Accepted),
            ("revoked", false, State::Revoked),
        ] {
            assert_eq!(invitation(standing, is_over), state, "{standing}");
        }
        assert!("expired".parse::<Standing>().is_err());
    }
}
