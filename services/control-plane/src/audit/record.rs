//! The record of who did what, written in the transaction that does it.

use resido_proto::{
    identity::Subject,
    ids::{TenantId, UserId},
};
use resido_tenancy::{
    context::CallContext,
    db::{PublicTx, params},
};
use serde_json::Value;

use crate::Error;

const INSERT: &str = "
    insert into audit_log (actor, behalf_of, action, resource, tenant_id, request_id, before, after)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    /// The one who acts, such as `users/<uuid>`.
    pub(crate) subject: String,
    /// The one on whose behalf, where an operator acts as somebody else.
    pub(crate) behalf_of: Option<String>,
    /// The request by which it was asked for; may be empty.
    pub(crate) request_id: String,
}

impl Actor {
    /// The caller; where an operator acts as somebody else, the operator.
    pub(crate) fn of(ctx: &CallContext) -> Self {
        let principal = ctx.principal();
        let subject = principal.subject.to_string();
        let (subject, behalf_of) = match &principal.actor {
            Some(operator) => (operator.to_string(), Some(subject)),
            None => (subject, None),
        };
        Self {
            subject,
            behalf_of,
            request_id: ctx.request_id().to_owned(),
        }
    }

    /// A person who has just proved who they are, in a call that came without a
    /// credential.
    pub(crate) fn person(user: UserId, ctx: &CallContext) -> Self {
        Self {
            subject: Subject::User(user).to_string(),
            behalf_of: None,
            request_id: ctx.request_id().to_owned(),
        }
    }

    /// Somebody who asked for it earlier, in a request that is over.
    pub(crate) fn earlier(subject: String) -> Self {
        Self {
            subject,
            behalf_of: None,
            request_id: String::new(),
        }
    }

    /// The control plane itself.
    pub(crate) fn system() -> Self {
        Self::earlier(Subject::Service(crate::NAME.to_owned()).to_string())
    }
}

/// What was done. Values carry no secrets.
#[derive(Debug)]
pub(crate) struct Event {
    /// What, as `tenants.suspend`.
    pub(crate) action: &'static str,
    /// The resource name of what was changed.
    pub(crate) resource: String,
    /// The tenant whose admins may read of it.
    pub(crate) tenant: Option<TenantId>,
    /// How it was before.
    pub(crate) before: Option<Value>,
    /// How it is now.
    pub(crate) after: Option<Value>,
}

/// Writes a row.
///
/// # Errors
/// If the database fails.
pub(crate) async fn record(tx: &PublicTx, actor: &Actor, event: Event) -> Result<(), Error> {
    tx.execute(
        INSERT,
        params![
            actor.subject,
            actor.behalf_of,
            event.action,
            event.resource,
            event.tenant.map(|id| id.as_uuid()),
            actor.request_id,
            event.before,
            event.after
        ],
    )
    .await?;
    Ok(())
}
