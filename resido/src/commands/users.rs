//! `resido users`.

use std::{num::NonZeroUsize, process::ExitCode};

use anyhow::{Context as _, Result};
use resido_proto::identity::TenantClaims;
use serde_json::{Value, json};

use super::{
    confirm::{Missing, Said, confirm},
    control::{Call, Session, roles, text},
    invitations,
};
use crate::{
    cli::{Format, Listed, OneUser, UserCommands, Users},
    settings::Settings,
    terminal,
};

pub(crate) async fn users(
    flags: &UserCommands,
    settings: Settings,
    format: Format,
) -> Result<ExitCode> {
    let session = Session::open(&flags.target, &settings).await?;
    let done = Box::pin(run(&flags.command, &session, format)).await;
    session.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(command: &Users, session: &Session, format: Format) -> Result<()> {
    match command {
        Users::List { tenant, listed } => {
            let tenant = session.enter(tenant).await?;
            let people = session.list(Some(&tenant), ("/v1/users", "users"), listed);
            list(&people.await?, format)
        }
        Users::Show(who) => one(&find(session, who).await?.1, format),
        Users::Invite {
            email,
            tenant,
            roles,
        } => {
            let tenant = session.enter(tenant).await?;
            let body = json!({"email": email, "roles": roles});
            let call = Call::post("/v1/users:invite", body);
            invitations::sent(&session.call_in(&tenant, call).await?, format)
        }
        Users::Invitations(command) => invitations::run(command, session, format).await,
        Users::SetRoles { who, roles } => {
            act(session, who, "setRoles", json!({"roles": roles}), format).await
        }
        Users::Activate(who) => act(session, who, "activate", json!({}), format).await,
        Users::Deactivate(who) => act(session, who, "deactivate", json!({}), format).await,
        Users::Remove { who, yes } => remove(session, who, Said::from(*yes)).await,
        Users::ResetPassword { email } => {
            let body = json!({"email": email});
            session
                .call(Call::post("/v1/auth:forgotPassword", body))
                .await?;
            terminal::note("a mail is on its way, if anybody has this address");
            Ok(())
        }
    }
}

/// Finds a member by address or name, with the tenant.
async fn find(session: &Session, who: &OneUser) -> Result<(TenantClaims, Value)> {
    let tenant = session.enter(&who.tenant).await?;
    if who.user.starts_with("users/") {
        let call = Call::get(format!("/v1/{}", who.user));
        let user = session.call_in(&tenant, call).await;
        return Ok((tenant, user.with_context(|| who.user.clone())?));
    }
    let listed = Listed {
        filter: format!("email = {}", Value::from(who.user.to_ascii_lowercase())),
        order_by: String::new(),
        limit: NonZeroUsize::MIN,
    };
    let found = session.list(Some(&tenant), ("/v1/users", "users"), &listed);
    let user = found.await?.into_iter().next();
    let missing = || Missing(format!("`{}` is no member of `{}`", who.user, who.tenant));
    let user = user.ok_or_else(missing)?;
    Ok((tenant, user))
}

async fn act(
    session: &Session,
    who: &OneUser,
    verb: &str,
    body: Value,
    format: Format,
) -> Result<()> {
    let (tenant, user) = find(session, who).await?;
    let call = Call::post(format!("/v1/{}:{verb}", text(&user, "name")), body);
    one(&session.call_in(&tenant, call).await?, format)
}

async fn remove(session: &Session, who: &OneUser, said: Said) -> Result<()> {
    let (tenant, user) = find(session, who).await?;
    let email = text(&user, "email");
    let what = format!("this removes `{email}` from `{}`", who.tenant);
    confirm(said, &what, email).await?;
    let call = Call::delete(format!("/v1/{}", text(&user, "name")));
    session.call_in(&tenant, call).await?;
    terminal::note(&format!(
        "`{email}` is no member of `{}` any more",
        who.tenant
    ));
    Ok(())
}

fn list(people: &[Value], format: Format) -> Result<()> {
    let head = ["NAME", "E-MAIL", "STATE", "ROLES", "LAST LOG-IN"];
    terminal::rows(format, people, &head, |user| {
        let field = |field| text(user, field).to_owned();
        vec![
            field("name"),
            field("email"),
            field("state"),
            roles(user),
            field("lastLoginTime"),
        ]
    })
}

fn one(user: &Value, format: Format) -> Result<()> {
    if format == Format::Json {
        return terminal::json(user);
    }
    let field = |field| text(user, field).to_owned();
    terminal::pairs(&[
        ("name", field("name")),
        ("e-mail", field("email")),
        ("first name", field("firstName")),
        ("last name", field("lastName")),
        ("phone", field("phone")),
        ("state", field("state")),
        ("roles", roles(user)),
        ("member since", field("createTime")),
        ("last log-in", field("lastLoginTime")),
    ]);
    Ok(())
}
