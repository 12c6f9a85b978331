//! People who are there without having registered: the operator of the first
//! start, and those of demonstrations.

use resido_proto::{
    email::Email,
    identity::Role,
    ids::{TenantId, UserId},
};
use resido_tenancy::db::{PublicDatabase, PublicTx};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{model::Names, store};
use crate::{
    Error,
    audit::{self, Actor, Event},
    outbox,
    passwords::{self, Hasher},
    sessions,
};

/// Puts people into the database without a call.
#[derive(Clone)]
pub(crate) struct Seeds {
    db: PublicDatabase,
    hasher: Hasher,
}

impl Seeds {
    /// Hashes passwords with `hasher`.
    pub(crate) fn new(db: PublicDatabase, hasher: Hasher) -> Self {
        Self { db, hasher }
    }

    /// Makes sure that a platform administrator has this address and password.
    pub(crate) async fn operator(&self, email: &str, password: &SecretString) -> Result<(), Error> {
        let email = Email::parse("email", email)?;
        let password = passwords::new("password", password.expose_secret().to_owned())?;
        let known = self.find(&email).await?;
        let changed = match &known {
            Some((_, hash)) => {
                let right = self.hasher.verify(password.clone(), Some(hash.clone()));
                !right.await?
            }
            None => true,
        };
        let hash = if changed {
            Some(self.hasher.hash(password).await?)
        } else {
            None
        };
        let known = known.map(|(id, _)| id);
        let tx = self.db.begin(None).await?;
        let work = operator_in(&tx, &email, known, hash.as_deref()).await;
        tx.finish(work).await
    }

    /// Makes a person a member of a tenant; changes nothing where it is one.
    pub(crate) async fn member(
        &self,
        tenant: TenantId,
        email: &str,
        password: &SecretString,
        roles: &[Role],
    ) -> Result<UserId, Error> {
        let email = Email::parse("email", email)?;
        let password = passwords::new("password", password.expose_secret().to_owned())?;
        let known = self.find(&email).await?.map(|(id, _)| id);
        let hash = match known {
            Some(_) => String::new(),
            None => self.hasher.hash(password).await?,
        };
        let roles: Vec<_> = roles.iter().map(ToString::to_string).collect();
        let tx = self.db.begin(None).await?;
        let work = async {
            let user = match known {
                Some(user) => user,
                None => store::insert(&tx, &email, &hash, &Names::default()).await?,
            };
            if store::join(&tx, user, tenant, &roles).await? {
                let after = json!({"roles": roles, "state": "active"});
                let event = event("users.seed", user, Some(tenant), after);
                audit::record(&tx, &Actor::system(), event).await?;
                outbox::membership_changed(&tx, tenant, user).await?;
            }
            Ok(user)
        };
        let result = work.await;
        tx.finish(result).await
    }

    async fn find(&self, email: &Email) -> Result<Option<(UserId, String)>, Error> {
        let tx = self.db.begin(None).await?;
        let found = store::person_by_email(&tx, email).await;
        let found = tx.finish(found).await?;
        Ok(found.map(|(person, hash)| (person.id, hash)))
    }
}

async fn operator_in(
    tx: &PublicTx,
    email: &Email,
    known: Option<UserId>,
    hash: Option<&str>,
) -> Result<(), Error> {
    let user = match (known, hash) {
        (Some(user), Some(hash)) => {
            sessions::revoke_user(tx, user).await?;
            store::set_password(tx, user, hash).await?;
            user
        }
        (Some(user), None) => user,
        (None, Some(hash)) => store::insert(tx, email, hash, &Names::default()).await?,
        (None, None) => return Err(Error::Fault("a new person has no password")),
    };
    let granted = store::make_admin(tx, user).await?;
    if granted || hash.is_some() {
        let after = json!({"roles": ["platform_admin"], "password_set": hash.is_some()});
        let event = event("users.bootstrap", user, None, after);
        audit::record(tx, &Actor::system(), event).await?;
        outbox::person_changed(tx, user).await?;
    }
    Ok(())
}

fn event(
    action: &'static str,
    user: UserId,
    tenant: Option<TenantId>,
    after: serde_json::Value,
) -> Event {
    Event {
        action,
        resource: user.resource_name(),
        tenant,
        before: None,
        after: Some(after),
    }
}
