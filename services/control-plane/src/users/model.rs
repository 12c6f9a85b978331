//! What a person and a membership are, and the rules for their fields.

use std::{str::FromStr, time::SystemTime};

use resido_proto::{
    email::Email,
    error::Violation,
    identity::{Role, Subject},
    identity_api::v1 as proto,
    ids::UserId,
    validate::Checks,
};
use resido_tenancy::context::CallContext;
use secrecy::SecretString;

use crate::{Error, passwords, tokens};

/// What a person says when registering.
pub(crate) struct Registration {
    /// Hash of the token; none if the text cannot be a token.
    pub(super) token: Option<Vec<u8>>,
    pub(super) email: Email,
    pub(super) password: SecretString,
    pub(super) names: Names,
}

/// What a person is called and reached by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) phone: String,
}

impl Registration {
    /// Checks a request.
    ///
    /// # Errors
    /// Every fault. That a text is no token is none: it is as wrong as an unknown
    /// one.
    pub(crate) fn parse(request: proto::RegisterUserRequest) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        let token = &request.activation_token;
        checks.require(!token.is_empty(), "activation_token", "is required");
        let email = checks.take(Email::parse("email", &request.email));
        let password = checks.take(passwords::new("password", request.password));
        checks.text("first_name", &request.first_name, 0, 100);
        checks.text("last_name", &request.last_name, 0, 100);
        checks.text("phone", &request.phone, 0, 50);
        let (Some(email), Some(password)) = (email, password) else {
            return Err(checks.finish().err().unwrap_or_default());
        };
        checks.finish()?;
        Ok(Self {
            token: tokens::hash_of(&request.activation_token),
            email,
            password,
            names: Names {
                first_name: request.first_name,
                last_name: request.last_name,
                phone: request.phone,
            },
        })
    }
}

/// Whose record is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The caller's own.
    Me,
    /// A member's.
    User(UserId),
}

impl Who {
    /// Reads `users/<uuid>` or `users/me`.
    ///
    /// # Errors
    /// One violation of `name`.
    pub(crate) fn parse(name: &str) -> Result<Self, Vec<Violation>> {
        Self::parse_in("name", name)
    }

    /// As [`parse`](Self::parse), out of another field.
    ///
    /// # Errors
    /// One violation of the field.
    pub(crate) fn parse_in(field: &'static str, name: &str) -> Result<Self, Vec<Violation>> {
        if name == "users/me" {
            return Ok(Self::Me);
        }
        UserId::from_resource_name(name)
            .map(Self::User)
            .map_err(|_| {
                let fault = "must be `users/<uuid>` or `users/me`";
                vec![Violation::new(field, fault)]
            })
    }

    /// Returns the person who is meant.
    ///
    /// # Errors
    /// [`Error::NotFound`] if that is a caller who is no person.
    pub(crate) fn of(self, ctx: &CallContext) -> Result<UserId, Error> {
        match (self, &ctx.principal().subject) {
            (Self::User(user), _) => Ok(user),
            (Self::Me, Subject::User(user)) => Ok(*user),
            (Self::Me, _) => Err(Error::NotFound("user")),
        }
    }
}

/// Whether a membership lets a person in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MembershipState {
    /// Invited, not yet registered.
    Pending,
    /// May log in.
    Active,
    /// May not log in.
    Suspended,
}

impl MembershipState {
    /// Returns the name that is stored.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

impl FromStr for MembershipState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "pending" => Ok(Self::Pending),
            "active" => Ok(Self::Active),
            "suspended" => Ok(Self::Suspended),
            _ => Err(Error::Fault("a stored membership state is unknown")),
        }
    }
}

impl From<MembershipState> for proto::user::State {
    fn from(state: MembershipState) -> Self {
        match state {
            MembershipState::Pending => Self::Pending,
            MembershipState::Active => Self::Active,
            MembershipState::Suspended => Self::Suspended,
        }
    }
}

/// A person as stored.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) names: Names,
    pub(crate) last_login: Option<SystemTime>,
    pub(crate) created: SystemTime,
    pub(crate) revision: i64,
    pub(crate) email_verified: bool,
}

/// What a person is in one tenant, or on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) roles: Vec<Role>,
    pub(crate) state: MembershipState,
    pub(crate) epoch: i64,
    pub(crate) created: SystemTime,
}

/// A person as a member.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) person: Person,
    pub(crate) membership: Membership,
}

impl Member {
    /// Returns what changes with the person and with the membership: either may
    /// change by itself, and both only grow.
    fn etag(&self) -> String {
        format!("r{}-{}", self.person.revision, self.membership.epoch)
    }

    /// Refuses an etag that is not the member's; an empty one is none.
    ///
    /// # Errors
    /// [`Error::EtagMismatch`].
    pub(super) fn check(&self, etag: &str) -> Result<(), Error> {
        if etag.is_empty() || etag == self.etag() {
            Ok(())
        } else {
            Err(Error::EtagMismatch)
        }
    }
}

impl From<Member> for proto::User {
    fn from(member: Member) -> Self {
        let etag = member.etag();
        let Member { person, membership } = member;
        let roles = membership.roles.iter().map(ToString::to_string);
        Self {
            name: person.id.resource_name(),
            email: person.email,
            first_name: person.names.first_name,
            last_name: person.names.last_name,
            phone: person.names.phone,
            roles: roles.collect(),
            state: proto::user::State::from(membership.state).into(),
            create_time: Some(membership.created.into()),
            last_login_time: person.last_login.map(Into::into),
            etag,
            email_verified: person.email_verified,
        }
    }
}

/// Reads roles as stored.
pub(crate) fn roles(names: Vec<String>) -> Vec<Role> {
    names.into_iter().map(Role::named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> proto::RegisterUserRequest {
        proto::RegisterUserRequest {
            activation_token: "A".repeat(43),
            email: "Owner@acme.example".into(),
            password: "a long password".into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_registration_reports_every_fault_at_once() {
        assert!(Registration::parse(request()).is_ok());
        let faults = Registration::parse(proto::RegisterUserRequest {
            password: "short".into(),
            first_name: "x".repeat(101),
            last_name: "a\nb".into(),
            phone: "0".repeat(51),
            ..Default::default()
        });
        let mut fields: Vec<_> = faults
            .err()
            .unwrap()
            .into_iter()
            .map(|violation| violation.field)
            .collect();
        fields.sort();
        let expected = [
            "activation_token",
            "email",
            "first_name",
            "last_name",
            "password",
            "phone",
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_text_that_is_no_token_is_no_fault_of_form() {
        let registration = Registration::parse(proto::RegisterUserRequest {
            activation_token: "nonsense".into(),
            ..request()
        });
        assert_eq!(registration.ok().unwrap().token, None);
    }

    #[test]
    fn me_is_a_name() {
        let id = UserId::new();
        assert_eq!(Who::parse("users/me"), Ok(Who::Me));
        assert_eq!(Who::parse(&id.resource_name()), Ok(Who::User(id)));
        for name in ["", "me", "users/", "users/ME", "users/me/", "tenants/me"] {
            assert_eq!(Who::parse(name).unwrap_err()[0].field, "name", "{name}");
        }
    }

    #[test]
    fn an_etag_changes_with_the_person_and_with_the_membership() {
        let user = |revision, epoch| {
            proto::User::from(Member {
                person: Person {
                    id: UserId::new(),
                    email: "a@b.c".into(),
                    names: Names::default(),
                    last_login: None,
                    created: SystemTime::UNIX_EPOCH,
                    revision,
                    email_verified: true,
                },
                membership: Membership {
                    roles: vec![Role::OWNER],
                    state: MembershipState::Active,
                    epoch,
                    created: SystemTime::UNIX_EPOCH,
                },
            })
        };
        let first = user(1, 1);
        assert_eq!(first.roles, ["owner"]);
        assert_eq!(first.state(), proto::user::State::Active);
        assert_ne!(first.etag, user(2, 1).etag);
        assert_ne!(first.etag, user(1, 2).etag);
    }

    #[test]
    fn stored_states_read_back_and_others_are_faults() {
        for (text, state) in [
            ("pending", MembershipState::Pending),
            ("active", MembershipState::Active),
            ("suspended", MembershipState::Suspended),
        ] {
            assert_eq!(text.parse::<MembershipState>().unwrap(), state);
            assert_eq!(state.name(), text);
        }
        assert!("Active".parse::<MembershipState>().is_err());
    }
}
