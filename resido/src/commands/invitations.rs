//! `resido users invitations`.

use std::num::NonZeroUsize;

use anyhow::{Context as _, Result};
use resido_proto::identity::TenantClaims;
use serde_json::{Value, json};

use super::{
    confirm::Missing,
    control::{Call, Session, roles, text},
};
use crate::{
    cli::{Format, Invitations, Listed, OneInvitation},
    terminal,
};

const LIST: (&str, &str) = ("/v1/invitations", "invitations");

pub(super) async fn run(command: &Invitations, session: &Session, format: Format) -> Result<()> {
    match command {
        Invitations::List { tenant, limit } => {
            let tenant = session.enter(tenant).await?;
            let open = session.list(Some(&tenant), LIST, &up_to(*limit)).await?;
            list(&open, format)
        }
        Invitations::Resend(which) => sent(&act(session, which, "resend").await?, format),
        Invitations::Revoke(which) => {
            let revoked = act(session, which, "revoke").await?;
            match format {
                Format::Json => terminal::json(&revoked),
                Format::Text => {
                    let email = text(&revoked, "email");
                    terminal::note(&format!("the invitation of `{email}` is withdrawn"));
                    Ok(())
                }
            }
        }
    }
}

/// Prints an invitation whose token was mailed.
pub(super) fn sent(invitation: &Value, format: Format) -> Result<()> {
    if format == Format::Json {
        return terminal::json(invitation);
    }
    let field = |field| text(invitation, field).to_owned();
    terminal::pairs(&[
        ("name", field("name")),
        ("e-mail", field("email")),
        ("roles", roles(invitation)),
        ("expires", field("expireTime")),
    ]);
    terminal::note("the token is on its way by mail");
    Ok(())
}

async fn act(session: &Session, which: &OneInvitation, verb: &str) -> Result<Value> {
    let tenant = session.enter(&which.tenant).await?;
    let name = find(session, &tenant, which).await?;
    let call = Call::post(format!("/v1/{name}:{verb}"), json!({}));
    let done = session.call_in(&tenant, call).await;
    done.with_context(|| which.invitation.clone())
}

/// Finds the name of an invitation that is open, by its address.
async fn find(session: &Session, tenant: &TenantClaims, which: &OneInvitation) -> Result<String> {
    let asked = &which.invitation;
    if asked.starts_with("invitations/") {
        return Ok(asked.clone());
    }
    let open = session
        .list(Some(tenant), LIST, &up_to(NonZeroUsize::MAX))
        .await?;
    let mut open = open.iter();
    let found = open.find(|invitation| text(invitation, "email").eq_ignore_ascii_case(asked));
    let missing = || Missing(format!("`{asked}` is not invited to `{}`", which.tenant));
    Ok(text(found.ok_or_else(missing)?, "name").to_owned())
}

fn up_to(limit: NonZeroUsize) -> Listed {
    Listed {
        filter: String::new(),
        order_by: String::new(),
        limit,
    }
}

fn list(open: &[Value], format: Format) -> Result<()> {
    let head = ["NAME", "E-MAIL", "ROLES", "INVITED", "EXPIRES"];
    terminal::rows(format, open, &head, |invitation| {
        let field = |field| text(invitation, field).to_owned();
        vec![
            field("name"),
            field("email"),
            roles(invitation),
            field("createTime"),
            field("expireTime"),
        ]
    })
}
