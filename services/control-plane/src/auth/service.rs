//! Logging in, and what every way of it ends in.

use resido_proto::{email::Email, error::Violation, identity_api::v1 as proto, validate::Checks};
use resido_tenancy::{
    context::CallContext,
    db::{PublicDatabase, PublicTx},
    tenant::Selector,
};
use secrecy::SecretString;

use super::{
    model::{Way, choose},
    store,
};
use crate::{
    Error,
    attempts::Guard,
    audit::{self, Actor, Event},
    mail::Post,
    passwords::{self, Hasher},
    roles::Grants,
    sessions::{self, Lives},
    tokens::Issuer,
    users::{self, Member, Membership, MembershipState, Person},
};

/// Serves the calls about credentials.
#[derive(Clone)]
pub(crate) struct Auth {
    pub(super) db: PublicDatabase,
    pub(super) guard: Guard,
    pub(super) hasher: Hasher,
    pub(super) lives: Lives,
    pub(super) post: Post,
    issuer: Issuer,
}

/// Who has come in, and by which way.
pub(super) struct Entered {
    pub(super) person: Person,
    pub(super) way: Way,
    pub(super) grants: Grants,
    /// The token that goes on.
    pub(super) refresh_token: String,
}

/// Who has proved a password, and what is known of it.
struct Proven {
    person: Person,
    /// The hash that the password was compared with.
    hash: String,
    /// A stronger one of the same password.
    stronger: Option<String>,
}

/// What somebody claims.
struct Claim {
    email: Email,
    password: SecretString,
    tenant: Option<Selector>,
}

impl Claim {
    fn parse(request: proto::LoginRequest) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks::default();
        let email = checks.take(Email::parse("email", &request.email));
        let password = checks.take(passwords::given("password", request.password));
        let tenant = (!request.tenant.is_empty()).then(|| request.tenant.parse());
        let fault = "must be the slug, the id or the name of a tenant";
        checks.require(!matches!(tenant, Some(Err(_))), "tenant", fault);
        let (Some(email), Some(password)) = (email, password) else {
            return Err(checks.finish().err().unwrap_or_default());
        };
        checks.finish()?;
        Ok(Self {
            email,
            password,
            tenant: tenant.and_then(Result::ok),
        })
    }
}

impl Auth {
    /// Checks passwords with the guard, hashes new ones, and signs with `issuer`.
    pub(crate) fn new(
        db: PublicDatabase,
        (guard, hasher): (Guard, Hasher),
        issuer: Issuer,
        lives: Lives,
        post: Post,
    ) -> Self {
        Self {
            db,
            guard,
            hasher,
            lives,
            post,
            issuer,
        }
    }

    /// Checks a password, and only then anything else: without it nobody learns
    /// who has an account, or where.
    pub(crate) async fn login(
        &self,
        ctx: &CallContext,
        request: proto::LoginRequest,
    ) -> Result<proto::LoginResponse, Error> {
        let claim = Claim::parse(request)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let found = users::person_by_email(&tx, &claim.email).await;
        let known = tx.finish(found).await?;
        let hash = known.as_ref().map(|(_, hash)| hash.clone());
        let password = claim.password.clone();
        let right = self.guard.prove(ctx, &claim.email, password, hash).await?;
        let (person, hash) = known.filter(|_| right).ok_or(Error::Credentials)?;
        let proven = Proven {
            stronger: self.hasher.strengthen(claim.password, &hash).await,
            person,
            hash,
        };
        let tx = self.db.begin(ctx.deadline()).await?;
        let entered = self.enter(&tx, ctx, proven, claim.tenant.as_ref()).await;
        let entered = tx.finish(entered).await?;
        self.admit(entered)
    }

    /// Makes the reply to who has come in.
    pub(super) fn admit(&self, entered: Entered) -> Result<proto::LoginResponse, Error> {
        let Entered {
            person,
            way,
            grants,
            refresh_token,
        } = entered;
        let seconds = self.issuer.lifetime_seconds();
        Ok(proto::LoginResponse {
            access_token: self.issuer.issue(way.holder(person.id, grants))?,
            refresh_token,
            token_type: "Bearer".to_owned(),
            expires_in: i32::try_from(seconds).unwrap_or(i32::MAX),
            user: Some(member(person, way).into()),
        })
    }

    async fn enter(
        &self,
        tx: &PublicTx,
        ctx: &CallContext,
        proven: Proven,
        tenant: Option<&Selector>,
    ) -> Result<Entered, Error> {
        let mut person = proven.person;
        let doors = store::doors(tx, person.id, tenant).await?;
        let staff = store::staff(tx, person.id).await?;
        let way = choose(tenant, doors, staff)?;
        sessions::hold(tx, person.id, way.tenant()).await?;
        // What was read before the lock may have changed since.
        let way = store::way(tx, person.id, way.tenant()).await?;
        let grants = store::grants(tx, &way).await?;
        let time = store::logged_in(tx, person.id, &proven.hash).await?;
        person.last_login = Some(time.ok_or(Error::Credentials)?);
        if let Some(stronger) = &proven.stronger {
            store::strengthen(tx, person.id, stronger).await?;
        }
        let refresh_token = sessions::begin(tx, person.id, way.tenant(), self.lives).await?;
        let event = Event {
            action: "auth.login",
            resource: person.id.resource_name(),
            tenant: way.tenant(),
            before: None,
            after: None,
        };
        audit::record(tx, &Actor::person(person.id, ctx), event).await?;
        Ok(Entered {
            person,
            way,
            grants,
            refresh_token,
        })
    }
}

/// Shows a person as what the way makes of them.
fn member(person: Person, way: Way) -> Member {
    let membership = match way {
        Way::Tenant(door) => door.membership,
        Way::Platform(staff) => Membership {
            roles: staff.roles,
            state: MembershipState::Active,
            epoch: staff.epoch,
            created: person.created,
        },
    };
    Member { person, membership }
}

#[cfg(test)]
mod tests {
    use resido_proto::ids::TenantId;

    use super::*;

    #[test]
    fn a_claim_reports_every_fault_at_once() {
        let faults = Claim::parse(proto::LoginRequest {
            tenant: "No Slug".into(),
            ..Default::default()
        });
        let faults = faults.err().unwrap();
        let fields: Vec<_> = faults.iter().map(|fault| &*fault.field).collect();
        assert_eq!(fields, ["email", "password", "tenant"]);
    }

    #[test]
    fn a_claim_needs_no_tenant() {
        let claim = |tenant: &str| {
            Claim::parse(proto::LoginRequest {
                email: "A@b.example".into(),
                password: "x".into(),
                tenant: tenant.into(),
            })
        };
        assert!(claim("").ok().unwrap().tenant.is_none());
        let name = TenantId::new().resource_name();
        for tenant in ["acme", &name] {
            assert!(claim(tenant).ok().unwrap().tenant.is_some(), "{tenant}");
        }
        assert_eq!(claim("").ok().unwrap().email.as_str(), "a@b.example");
    }
}
