//! `resido audit`.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use super::control::{Session, text};
use crate::{
    cli::{Audit, Format, Listed},
    settings::Settings,
    terminal,
};

pub(crate) async fn audit(flags: &Audit, settings: Settings, format: Format) -> Result<ExitCode> {
    let session = Session::open(&flags.target, &settings).await?;
    let done = run(flags, &session, format).await;
    session.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(flags: &Audit, session: &Session, format: Format) -> Result<()> {
    let filter = match &flags.tenant {
        Some(tenant) => {
            let tenant = session.tenant(tenant).await?;
            of(text(&tenant, "name"), &flags.filter)
        }
        None => flags.filter.clone(),
    };
    let listed = Listed {
        filter,
        order_by: String::new(),
        limit: flags.limit,
    };
    let events = session.list(None, ("/v1/audit-events", "auditEvents"), &listed);
    let head = [
        "TIME", "ACTOR", "FOR", "ACTION", "RESOURCE", "TENANT", "REASON",
    ];
    terminal::rows(format, &events.await?, &head, cells)
}

/// Lays an event out for people, on a line that a terminal has room for.
fn cells(event: &Value) -> Vec<String> {
    let (resource, tenant) = (text(event, "resource"), text(event, "tenant"));
    let tenant = if tenant == resource { "" } else { tenant };
    let reason = event.pointer("/after/reason").and_then(Value::as_str);
    vec![
        seconds(text(event, "eventTime")),
        short(text(event, "actor")),
        short(text(event, "behalfOf")),
        text(event, "action").to_owned(),
        short(resource),
        short(tenant),
        reason.unwrap_or_default().to_owned(),
    ]
}

/// Shortens a name whose id is a UUID to the id's end, which tells it from
/// others.
fn short(name: &str) -> String {
    const SHOWN: usize = 8;
    match name.rsplit_once('/') {
        Some((kind, id)) if resido_proto::ids::parse_uuid(id).is_ok() => {
            format!("{kind}/…{}", &id[id.len() - SHOWN..])
        }
        _ => name.to_owned(),
    }
}

/// Leaves out what is less than a second.
fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => time.to_owned(),
    }
}

/// Narrows a filter to one tenant.
fn of(tenant: &str, filter: &str) -> String {
    let own = format!("tenant = {}", Value::from(tenant));
    if filter.trim().is_empty() {
        own
    } else {
        format!("{own} AND ({filter})")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{cells, of, short};

    #[test]
    fn an_event_fits_a_line_and_says_why() {
        let tenant = "tenants/01a210b5-cee4-77c6-8161-b33513541235";
        let event = json!({
            "eventTime": "2026-11-25T03:18:00.232644Z", "behalfOf": "", "tenant": tenant,
            "actor": "users/01a210b5-d1ae-70e0-8738-2ed749cc1f21", "resource": tenant,
            "action": "tenants.suspend", "after": {"state": "suspended", "reason": "unpaid"},
        });
        let expected = [
            "2026-11-25T03:18:00Z",
            "users/…49cc1f21",
            "",
            "tenants.suspend",
            "tenants/…13541235",
            "",
            "unpaid",
        ];
        assert_eq!(cells(&event), expected);
    }

    #[test]
    fn names_without_a_uuid_stay_whole() {
        for name in ["services/cli", "roles/auditor", "audit-events/7", ""] {
            assert_eq!(short(name), name);
        }
    }

    #[test]
    fn a_filter_is_narrowed_as_a_whole() {
        assert_eq!(of("tenants/x", " "), "tenant = \"tenants/x\"");
        assert_eq!(
            of("tenants/x", "a = 1 OR b = 2"),
            "tenant = \"tenants/x\" AND (a = 1 OR b = 2)"
        );
    }
}
