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
    let head = ["TIME", "ACTOR", "FOR", "ACTION", "RESOURCE", "TENANT"];
    terminal::rows(format, &events.await?, &head, |event| {
        let fields = [
            "eventTime",
            "actor",
            "behalfOf",
            "action",
            "resource",
            "tenant",
        ];
        fields.map(|field| text(event, field).to_owned()).into()
    })
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
    use super::of;

    #[test]
    fn a_filter_is_narrowed_as_a_whole() {
        assert_eq!(of("tenants/x", " "), "tenant = \"tenants/x\"");
        assert_eq!(
            of("tenants/x", "a = 1 OR b = 2"),
            "tenant = \"tenants/x\" AND (a = 1 OR b = 2)"
        );
    }
}
