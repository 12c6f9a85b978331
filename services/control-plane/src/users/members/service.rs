//! The calls that change memberships.

use resido_proto::{identity::Role, identity_api::v1 as proto, ids::UserId, validate::Checks};
use resido_tenancy::{
    context::{CallContext, TenantContext},
    db::PublicTx,
};
use serde_json::{Value, json};

use super::store;
use crate::{
    Error,
    audit::{self, Actor, Event},
    fence, outbox, roles, sessions,
    users::{
        Users,
        model::{Member, Membership, MembershipState, Who},
        store as people,
    },
};

const GOVERN: [Role; 2] = [Role::OWNER, Role::ADMIN];
const WRITE: &str = "users.write";

/// What a member is to be.
struct Target {
    action: &'static str,
    roles: Vec<Role>,
    state: MembershipState,
}

impl Users {
    /// Lets a member in again, which gives back their roles; one who is in stays as
    /// they are.
    pub(crate) async fn activate(
        &self,
        ctx: &CallContext,
        request: proto::ActivateUserRequest,
    ) -> Result<proto::User, Error> {
        roles::refuse_impersonated(ctx)?;
        self.turn(ctx, &request.name, |member| Target {
            action: "users.activate",
            roles: member.membership.roles.clone(),
            state: MembershipState::Active,
        })
        .await
    }

    /// Keeps a member out; one who is out stays as they are.
    pub(crate) async fn deactivate(
        &self,
        ctx: &CallContext,
        request: proto::DeactivateUserRequest,
    ) -> Result<proto::User, Error> {
        self.turn(ctx, &request.name, |member| Target {
            action: "users.deactivate",
            roles: member.membership.roles.clone(),
            state: MembershipState::Suspended,
        })
        .await
    }

    /// Sets the roles of a member.
    pub(crate) async fn set_roles(
        &self,
        ctx: &CallContext,
        request: proto::SetRolesRequest,
    ) -> Result<proto::User, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&GOVERN, WRITE)?;
        roles::refuse_impersonated(ctx)?;
        let mut checks = Checks::default();
        let who = checks.take(Who::parse(&request.name));
        let roles = checks.take(roles::names("roles", request.roles));
        let (who, roles) = checks.finish_with(who.zip(roles))?;
        let user = who.of(ctx)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            let member = reach(&tx, &tenant, user, &request.etag).await?;
            // What the member has already is not given.
            let held = &member.membership.roles;
            let new: Vec<_> = roles
                .iter()
                .filter(|role| !held.contains(role))
                .cloned()
                .collect();
            roles::may_give(&tx, ctx, tenant.id(), ("roles", &new)).await?;
            let target = Target {
                action: "users.set_roles",
                state: member.membership.state,
                roles,
            };
            become_in(&tx, &tenant, member, target).await
        };
        let changed = work.await;
        Ok(tx.finish(changed).await?.into())
    }

    /// Ends a membership, and forgets who belongs nowhere else.
    pub(crate) async fn delete(
        &self,
        ctx: &CallContext,
        request: proto::DeleteUserRequest,
    ) -> Result<(), Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&GOVERN, WRITE)?;
        let user = Who::parse(&request.name)?.of(ctx)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            let member = reach(&tx, &tenant, user, &request.etag).await?;
            remove_in(&tx, &tenant, &member).await
        };
        let removed = work.await;
        tx.finish(removed).await
    }

    async fn turn(
        &self,
        ctx: &CallContext,
        name: &str,
        target: impl FnOnce(&Member) -> Target,
    ) -> Result<proto::User, Error> {
        let tenant = ctx.tenant()?;
        ctx.require(&GOVERN, WRITE)?;
        let user = Who::parse(name)?.of(ctx)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            let member = reach(&tx, &tenant, user, "").await?;
            let target = target(&member);
            let comes_back = target.state == MembershipState::Active
                && member.membership.state != MembershipState::Active;
            if comes_back {
                roles::may_give(&tx, ctx, tenant.id(), ("name", &target.roles)).await?;
            }
            become_in(&tx, &tenant, member, target).await
        };
        let changed = work.await;
        Ok(tx.finish(changed).await?.into())
    }
}

/// Holds the tenant and reads a member whom the caller may change.
async fn reach(
    tx: &PublicTx,
    tenant: &TenantContext,
    user: UserId,
    etag: &str,
) -> Result<Member, Error> {
    fence::lock(tx, tenant).await?;
    let member = people::get(tx, tenant.id(), user).await?;
    let roles = &member.membership.roles;
    roles::may_touch(tx, tenant.call(), tenant.id(), roles).await?;
    member.check(etag)?;
    Ok(member)
}

async fn become_in(
    tx: &PublicTx,
    tenant: &TenantContext,
    member: Member,
    target: Target,
) -> Result<Member, Error> {
    let (user, id) = (member.person.id, tenant.id());
    let old = &member.membership;
    if old.state == target.state && same(&old.roles, &target.roles) {
        return Ok(member);
    }
    let is_in = target.state == MembershipState::Active;
    let stays_owner = is_in && target.roles.contains(&Role::OWNER);
    if is_owner(old) && !stays_owner {
        store::has_other_owner(tx, id, user).await?;
    }
    if !is_in {
        sessions::revoke_member(tx, id, user).await?;
    }
    let now = (&target.roles[..], target.state.name());
    store::set(tx, id, user, now).await?;
    let after = people::get(tx, id, user).await?;
    let event = Event {
        action: target.action,
        resource: user.resource_name(),
        tenant: Some(id),
        before: Some(shown(old)),
        after: Some(shown(&after.membership)),
    };
    audit::record(tx, &Actor::of(tenant.call()), event).await?;
    let left = is_in.then_some(&after.membership.roles[..]);
    let keys = roles::withdraw(tx, tenant, user, left).await?;
    outbox::api_keys_changed(tx, id, &keys).await?;
    outbox::membership_changed(tx, id, user).await?;
    Ok(after)
}

async fn remove_in(tx: &PublicTx, tenant: &TenantContext, member: &Member) -> Result<(), Error> {
    let (user, id) = (member.person.id, tenant.id());
    if is_owner(&member.membership) {
        store::has_other_owner(tx, id, user).await?;
    }
    sessions::revoke_member(tx, id, user).await?;
    store::remove(tx, id, user).await?;
    let forgotten = store::forget(tx, user).await?;
    let event = Event {
        action: "users.delete",
        resource: user.resource_name(),
        tenant: Some(id),
        before: Some(shown(&member.membership)),
        after: Some(json!({"forgotten": forgotten})),
    };
    audit::record(tx, &Actor::of(tenant.call()), event).await?;
    let keys = roles::withdraw(tx, tenant, user, None).await?;
    outbox::api_keys_changed(tx, id, &keys).await?;
    outbox::membership_changed(tx, id, user).await
}

/// Whether a membership lets an owner in.
fn is_owner(membership: &Membership) -> bool {
    membership.state == MembershipState::Active && membership.roles.contains(&Role::OWNER)
}

/// Whether two lists without repetitions have the same roles.
fn same(one: &[Role], other: &[Role]) -> bool {
    one.len() == other.len() && one.iter().all(|role| other.contains(role))
}

fn shown(membership: &Membership) -> Value {
    let roles: Vec<_> = membership.roles.iter().map(ToString::to_string).collect();
    json!({"roles": roles, "state": membership.state.name()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_roles_is_no_difference() {
        let list = |names: &[&str]| -> Vec<_> { names.iter().map(|n| Role::named(*n)).collect() };
        let both = list(&["owner", "clerk"]);
        assert!(same(&both, &list(&["clerk", "owner"])));
        for other in [
            &["owner"][..],
            &["owner", "admin"],
            &["owner", "clerk", "admin"],
            &[],
        ] {
            assert!(!same(&both, &list(other)), "{other:?}");
        }
    }
}
