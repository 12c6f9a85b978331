//! The calls that turn credentials into tokens.

use resido_proto::{
    error::Violation, google::api::HttpBody, identity_api::v1 as proto, validate::Checks,
};
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
    email::Email,
    passwords::{self, Hasher},
    roles::Grants,
    tokens::Issuer,
    users::{self, Member, Membership, MembershipState, Person},
};

/// Serves the calls about credentials.
#[derive(Clone)]
pub(crate) struct Auth {
    db: PublicDatabase,
    hasher: Hasher,
    issuer: Issuer,
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
        let fault = "must be the slug or the id of a tenant";
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
    /// Checks passwords with `hasher` and signs with `issuer`.
    pub(crate) fn new(db: PublicDatabase, hasher: Hasher, issuer: Issuer) -> Self {
        Self { db, hasher, issuer }
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
        let right = self.hasher.verify(claim.password, hash).await?;
        let (person, hash) = known.filter(|_| right).ok_or(Error::Credentials)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let entered = enter(&tx, person, &hash, claim.tenant.as_ref()).await;
        let (person, way, grants) = tx.finish(entered).await?;
        let seconds = self.issuer.lifetime_seconds();
        Ok(proto::LoginResponse {
            access_token: self.issuer.issue(way.holder(person.id, grants))?,
            refresh_token: String::new(),
            token_type: "Bearer".to_owned(),
            expires_in: i32::try_from(seconds).unwrap_or(i32::MAX),
            user: Some(member(person, way).into()),
        })
    }

    /// Returns the keys that verify access tokens.
    pub(crate) fn jwks(&self) -> Result<HttpBody, Error> {
        Ok(HttpBody {
            content_type: "application/json".to_owned(),
            data: self.issuer.jwks()?,
            extensions: Vec::new(),
        })
    }
}

async fn enter(
    tx: &PublicTx,
    mut person: Person,
    hash: &str,
    tenant: Option<&Selector>,
) -> Result<(Person, Way, Grants), Error> {
    let doors = store::doors(tx, person.id, tenant).await?;
    let platform = store::platform_roles(tx, person.id).await?;
    let way = choose(tenant, doors, platform)?;
    let grants = store::grants(tx, &way).await?;
    let time = store::logged_in(tx, person.id, hash).await?;
    person.last_login = Some(time.ok_or(Error::Credentials)?);
    Ok((person, way, grants))
}

/// Shows a person as what the way makes of them.
fn member(person: Person, way: Way) -> Member {
    let membership = match way {
        Way::Tenant(door) => door.membership,
        Way::Platform(roles) => Membership {
            roles,
            state: MembershipState::Active,
            epoch: 0,
            created: person.created,
        },
    };
    Member { person, membership }
}

#[cfg(test)]
mod tests {
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
        assert!(claim("acme").ok().unwrap().tenant.is_some());
        assert_eq!(claim("").ok().unwrap().email.as_str(), "a@b.example");
    }
}
