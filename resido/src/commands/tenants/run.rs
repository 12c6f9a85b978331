//! What each command about tenants does.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use super::{change, export, show};
use crate::{
    cli::{Format, Maintenance, OneTenant, TenantCommands, Tenants},
    commands::{
        confirm::{Said, confirm},
        control::{Call, Session, text},
    },
    settings::Settings,
};

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

pub(crate) async fn tenants(
    flags: &TenantCommands,
    settings: Settings,
    format: Format,
) -> Result<ExitCode> {
    let session = Session::open(&flags.target, &settings).await?;
    let done = Box::pin(run(&flags.command, &session, format)).await;
    session.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(command: &Tenants, session: &Session, format: Format) -> Result<()> {
    match command {
        Tenants::Create { .. } => show::created(&change::create(command, session).await?, format),
        Tenants::List(listed) => {
            let rows = session.list(None, ("/v1/tenants", "tenants"), listed);
            show::list(&rows.await?, format)
        }
        Tenants::Show(which) => show::one(&session.tenant(&which.tenant).await?, format),
        Tenants::Update { which, .. } => {
            let tenant = session.tenant(&which.tenant).await?;
            show::one(&change::update(command, &tenant, session).await?, format)
        }
        Tenants::Suspend { which, reason } => {
            let body = json!({"reason": reason});
            act(session, which, "suspend", body, format).await
        }
        Tenants::Resume(which) => act(session, which, "resume", json!({}), format).await,
        Tenants::Maintenance {
            which,
            mode,
            reason,
        } => {
            let start = |mode| json!({"mode": mode, "reason": reason});
            let (verb, body) = match mode {
                Maintenance::ReadOnly => ("startMaintenance", start("READ_ONLY")),
                Maintenance::Closed => ("startMaintenance", start("CLOSED")),
                Maintenance::Off => ("endMaintenance", json!({})),
            };
            act(session, which, verb, body, format).await
        }
        Tenants::Delete {
            which,
            grace,
            reason,
            yes,
        } => {
            let said = Said::from(*yes);
            delete(session, which, (*grace, reason), said, format).await
        }
        Tenants::Undelete(which) => act(session, which, "undelete", json!({}), format).await,
        Tenants::Purge { which, yes } => purge(session, which, Said::from(*yes), format).await,
        Tenants::Activation(which) => {
            let name = name_of(session, which).await?;
            let call = Call::post(format!("/v1/{name}:resendActivation"), json!({}));
            show::token(&session.call(call).await?, format)
        }
        Tenants::AddDomain { which, domain } => {
            act(
                session,
                which,
                "addDomain",
                json!({"domain": domain}),
                format,
            )
            .await
        }
        Tenants::RemoveDomain { which, domain } => {
            let body = json!({"domain": domain});
            act(session, which, "removeDomain", body, format).await
        }
        Tenants::Usage(which) => {
            let name = name_of(session, which).await?;
            let usage = session.call(Call::get(format!("/v1/{name}/usage")));
            show::usage(&usage.await?, format)
        }
        Tenants::Export { which, output } => {
            let tenant = session.tenant(&which.tenant).await?;
            export::export(session, &tenant, output.as_deref()).await
        }
    }
}

async fn name_of(session: &Session, which: &OneTenant) -> Result<String> {
    let tenant = session.tenant(&which.tenant).await?;
    Ok(text(&tenant, "name").to_owned())
}

/// Makes a call that changes one tenant and returns it.
async fn act(
    session: &Session,
    which: &OneTenant,
    verb: &str,
    body: Value,
    format: Format,
) -> Result<()> {
    let name = name_of(session, which).await?;
    let changed = session.call(Call::post(format!("/v1/{name}:{verb}"), body));
    show::one(&changed.await?, format)
}

async fn delete(
    session: &Session,
    which: &OneTenant,
    (days, reason): (u16, &str),
    said: Said,
    format: Format,
) -> Result<()> {
    let tenant = session.tenant(&which.tenant).await?;
    let (name, slug) = (text(&tenant, "name"), text(&tenant, "slug"));
    let what = match days {
        0 => format!("this deletes `{slug}` and removes all its data for good, at once"),
        1 => format!("this deletes `{slug}`, which can be restored for 1 day"),
        days => format!("this deletes `{slug}`, which can be restored for {days} days"),
    };
    confirm(said, &what, slug).await?;
    let call = Call::delete(format!("/v1/{name}"))
        .with("etag", text(&tenant, "etag"))
        .with("grace", &format!("{}s", u64::from(days) * DAY))
        .with("confirm", slug)
        .with("reason", reason);
    show::one(&session.call(call).await?, format)
}

async fn purge(session: &Session, which: &OneTenant, said: Said, format: Format) -> Result<()> {
    let tenant = session.tenant(&which.tenant).await?;
    let (name, slug) = (text(&tenant, "name"), text(&tenant, "slug"));
    let what = format!("this removes all data of `{slug}` for good");
    confirm(said, &what, slug).await?;
    let call = Call::post(format!("/v1/{name}:purge"), json!({"confirm": slug}));
    show::purged(&session.call(call).await?, format)
}
