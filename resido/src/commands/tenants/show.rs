//! How tenants are printed.

use anyhow::Result;
use serde_json::Value;

use crate::{cli::Format, commands::control::text, terminal};

/// Fields of one tenant that people see, in order.
const FIELDS: &[(&str, &str)] = &[
    ("name", "name"),
    ("slug", "slug"),
    ("displayName", "display name"),
    ("state", "state"),
    ("plan", "plan"),
    ("contactEmail", "contact e-mail"),
    ("contactPhone", "contact phone"),
    ("createTime", "created"),
    ("updateTime", "changed"),
    ("deleteTime", "deleted"),
    ("purgeTime", "data kept until"),
];

pub(super) fn list(tenants: &[Value], format: Format) -> Result<()> {
    let head = ["SLUG", "STATE", "PLAN", "SCHEMA", "CREATED", "NAME"];
    terminal::rows(format, tenants, &head, |tenant| {
        [
            "slug",
            "state",
            "plan",
            "schemaVersion",
            "createTime",
            "displayName",
        ]
        .map(|field| shown(tenant, field))
        .into()
    })
}

/// Returns a field as people see it: of maintenance also what it lets through.
fn shown(tenant: &Value, field: &str) -> String {
    let value = text(tenant, field);
    let read_only = tenant["readOnly"].as_bool().unwrap_or_default();
    match (field, value) {
        ("state", "MAINTENANCE") if !read_only => format!("{value} (closed)"),
        ("state", _) if read_only => format!("{value} (read-only)"),
        _ => value.to_owned(),
    }
}

pub(super) fn one(tenant: &Value, format: Format) -> Result<()> {
    if format == Format::Json {
        return terminal::json(tenant);
    }
    let mut pairs: Vec<_> = FIELDS
        .iter()
        .map(|(field, label)| (*label, shown(tenant, field)))
        .collect();
    for (field, label) in [("domains", "domains"), ("aliases", "former slugs")] {
        let items = tenant[field].as_array().into_iter().flatten();
        let items: Vec<_> = items.filter_map(Value::as_str).collect();
        pairs.push((label, items.join(" ")));
    }
    for (key, value) in tenant["settings"].as_object().into_iter().flatten() {
        pairs.push((
            "setting",
            format!("{key}={}", value.as_str().unwrap_or_default()),
        ));
    }
    terminal::pairs(&pairs);
    Ok(())
}

pub(super) fn created(reply: &Value, format: Format) -> Result<()> {
    if format == Format::Json {
        return terminal::json(reply);
    }
    one(&reply["tenant"], format)?;
    if text(reply, "activationToken").is_empty() {
        terminal::note("the tenant is still being made; `resido tenants show` tells how it stands");
        return Ok(());
    }
    token(reply, format)
}

pub(super) fn token(reply: &Value, format: Format) -> Result<()> {
    if format == Format::Json {
        return terminal::json(reply);
    }
    let token = text(reply, "activationToken").to_owned();
    terminal::pairs(&[("activation token", token)]);
    terminal::note("the first owner registers with it; it is not shown again");
    Ok(())
}

pub(super) fn purged(reply: &Value, format: Format) -> Result<()> {
    if format == Format::Json {
        return terminal::json(reply);
    }
    one(&reply["tenant"], format)?;
    let proof = &reply["proof"];
    if !proof.is_object() {
        terminal::note("the purge goes on; `resido tenants show` tells how it stands");
        return Ok(());
    }
    let number = |field: &str| match &proof[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    terminal::pairs(&[
        ("schema gone", number("schemaGone")),
        ("roles gone", number("rolesGone")),
        ("tables removed", number("tables")),
        ("memberships removed", number("memberships")),
        ("accounts removed", number("accounts")),
    ]);
    Ok(())
}

pub(super) fn usage(usage: &Value, format: Format) -> Result<()> {
    if format == Format::Json {
        return terminal::json(usage);
    }
    terminal::pairs(&[
        ("storage bytes", text(usage, "storageBytes").to_owned()),
        ("members", text(usage, "members").to_owned()),
        ("API keys", text(usage, "apiKeys").to_owned()),
    ]);
    let tables = usage["tables"].as_array().cloned().unwrap_or_default();
    terminal::rows(format, &tables, &["TABLE", "ROWS", "BYTES"], |table| {
        ["table", "estimatedRows", "storageBytes"]
            .map(|field| text(table, field).to_owned())
            .into()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_says_what_maintenance_lets_through() {
        for (state, read_only, expected) in [
            ("ACTIVE", false, "ACTIVE"),
            ("MAINTENANCE", true, "MAINTENANCE (read-only)"),
            ("MAINTENANCE", false, "MAINTENANCE (closed)"),
            ("DELETING", true, "DELETING (read-only)"),
        ] {
            let tenant = json!({"state": state, "readOnly": read_only, "slug": "acme"});
            assert_eq!(shown(&tenant, "state"), expected);
            assert_eq!(shown(&tenant, "slug"), "acme");
        }
        let closed = json!({"state": "MAINTENANCE"});
        assert_eq!(shown(&closed, "state"), "MAINTENANCE (closed)");
    }
}
