//! What people are called and reached by.

use resido_proto::{
    error::Violation,
    identity::{Role, Subject},
    identity_api::v1 as proto,
    mask::Mask,
    validate::Checks,
};
use resido_tenancy::{
    context::{CallContext, TenantContext},
    db::PublicTx,
};
use serde_json::json;

use super::{
    Users,
    members::belongs_elsewhere,
    model::{Member, Names, Who},
    store,
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    fence, roles,
};

const GOVERN: [Role; 2] = [Role::OWNER, Role::ADMIN];
const OWN: &str = "profile.write";
const OTHERS: &str = "users.write";
const KNOWN: &[&str] = &["first_name", "last_name", "phone"];

/// How a person is to change.
struct Change {
    who: Who,
    names: Names,
    mask: Mask,
    etag: String,
}

impl Change {
    fn parse(request: proto::UpdateUserRequest) -> Result<Self, Vec<Violation>> {
        let user = request.user.unwrap_or_default();
        let mut checks = Checks::default();
        let who = checks.take(Who::parse_in("user.name", &user.name));
        let mask = Mask::parse(request.update_mask, KNOWN, &mut checks);
        let mut named = Checks::default();
        named.text("user.first_name", &user.first_name, 0, 100);
        named.text("user.last_name", &user.last_name, 0, 100);
        named.text("user.phone", &user.phone, 0, 50);
        checks.take(mask.only("user", named.finish()));
        let names = Names {
            first_name: user.first_name,
            last_name: user.last_name,
            phone: user.phone,
        };
        checks.finish_with(who.map(|who| Self {
            who,
            names,
            mask,
            etag: user.etag,
        }))
    }

    fn of(self, old: &Names) -> Names {
        let Names {
            first_name,
            last_name,
            phone,
        } = old.clone();
        let Self { names, mask, .. } = self;
        Names {
            first_name: mask.pick("first_name", names.first_name, first_name),
            last_name: mask.pick("last_name", names.last_name, last_name),
            phone: mask.pick("phone", names.phone, phone),
        }
    }
}

impl Users {
    /// Changes what a person is called: oneself, or somebody who belongs to this
    /// tenant alone. Who belongs to others too is nobody's to rename.
    pub(crate) async fn update(
        &self,
        ctx: &CallContext,
        request: proto::UpdateUserRequest,
    ) -> Result<proto::User, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&[], OWN)?;
        let change = Change::parse(request)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let updated = update_in(&tx, &tenant, change).await;
        Ok(tx.finish(updated).await?.into())
    }
}

async fn update_in(tx: &PublicTx, tenant: &TenantContext, change: Change) -> Result<Member, Error> {
    let (ctx, id) = (tenant.call(), tenant.id());
    let user = change.who.of(ctx)?;
    let is_own = ctx.principal().subject == Subject::User(user);
    if !is_own && ctx.require(&GOVERN, OTHERS).is_err() {
        return Err(Error::SelfOnly);
    }
    fence::lock(tx, tenant).await?;
    let old = store::get(tx, id, user).await?;
    if !is_own {
        roles::may_touch(tx, ctx, id, &old.membership.roles).await?;
        if belongs_elsewhere(tx, id, user).await? {
            return Err(Error::SelfOnly);
        }
    }
    old.check(&change.etag)?;
    let names = change.of(&old.person.names);
    if names == old.person.names {
        return Ok(old);
    }
    store::rename(tx, user, &names).await?;
    let event = Event {
        action: "users.update",
        resource: user.resource_name(),
        tenant: Some(id),
        before: None,
        // Personal: that they changed is enough.
        after: Some(json!({"changed": changed(&old.person.names, &names)})),
    };
    audit::record(tx, &Actor::of(ctx), event).await?;
    store::get(tx, id, user).await
}

fn changed(old: &Names, new: &Names) -> Vec<&'static str> {
    let pairs = [
        (&old.first_name, &new.first_name),
        (&old.last_name, &new.last_name),
        (&old.phone, &new.phone),
    ];
    let fields = KNOWN.iter().zip(pairs);
    fields
        .filter(|(_, (old, new))| old != new)
        .map(|(field, _)| *field)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(paths: &[&str]) -> proto::UpdateUserRequest {
        proto::UpdateUserRequest {
            user: Some(proto::User {
                name: "users/me".into(),
                first_name: "Ada".into(),
                last_name: "a\nb".into(),
                phone: "0".repeat(51),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(ToString::to_string).collect(),
            }),
        }
    }

    #[test]
    fn only_what_the_mask_names_is_checked_and_changes() {
        let old = Names {
            first_name: "A".into(),
            last_name: "L".into(),
            phone: "1".into(),
        };
        let change = Change::parse(request(&["first_name"])).ok().unwrap();
        let new = change.of(&old);
        assert_eq!((&*new.first_name, &*new.last_name), ("Ada", "L"));
        assert_eq!(changed(&old, &new), ["first_name"]);
        assert!(changed(&old, &old).is_empty());
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let fields = |request| -> Vec<_> {
            let faults = Change::parse(request).err().unwrap();
            faults.into_iter().map(|fault| fault.field).collect()
        };
        assert_eq!(fields(request(&["*"])), ["user.last_name", "user.phone"]);
        for path in ["email", "roles", "name", "nonsense"] {
            assert_eq!(fields(request(&[path])), ["update_mask"], "{path}");
        }
        let empty = proto::UpdateUserRequest::default();
        assert_eq!(fields(empty), ["user.name", "update_mask"]);
    }
}
