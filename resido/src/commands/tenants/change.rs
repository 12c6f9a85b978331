//! Tenants that are made and changed.

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use crate::{
    cli::Tenants,
    commands::control::{Call, Session, text},
};

/// Creates the tenant that the command line describes.
///
/// # Errors
/// If it is refused.
pub(super) async fn create(command: &Tenants, session: &Session) -> Result<Value> {
    let Tenants::Create {
        slug,
        name,
        email,
        phone,
        plan,
        request_id,
    } = command
    else {
        bail!("this makes no tenant");
    };
    let tenant = json!({
        "slug": slug,
        "displayName": name.as_ref().unwrap_or(slug),
        "contactEmail": email,
        "contactPhone": phone,
        "plan": plan,
    });
    let call = Call::post("/v1/tenants", tenant).with("requestId", request_id);
    session.call(call).await
}

/// Changes what the command line names.
///
/// # Errors
/// If it is refused, or nothing is named.
pub(super) async fn update(command: &Tenants, tenant: &Value, session: &Session) -> Result<Value> {
    let (mask, mut change) = changes(command, tenant)?;
    change.insert("etag".to_owned(), tenant["etag"].clone());
    let call = Call::patch(format!("/v1/{}", text(tenant, "name")), change.into());
    session.call(call.with("updateMask", &mask.join(","))).await
}

/// Returns which fields change, and to what.
fn changes(command: &Tenants, tenant: &Value) -> Result<(Vec<&'static str>, Map<String, Value>)> {
    let Tenants::Update {
        slug,
        name,
        email,
        phone,
        plan,
        settings,
        ..
    } = command
    else {
        bail!("this changes no tenant");
    };
    let (mut mask, mut change) = (Vec::new(), Map::new());
    for (field, value) in [
        ("slug", slug),
        ("displayName", name),
        ("contactEmail", email),
        ("contactPhone", phone),
        ("plan", plan),
    ] {
        if let Some(value) = value {
            mask.push(field);
            change.insert(field.to_owned(), value.as_str().into());
        }
    }
    if !settings.is_empty() {
        mask.push("settings");
        change.insert("settings".to_owned(), set(settings, tenant)?);
    }
    if mask.is_empty() {
        bail!("nothing to change was named; see --help");
    }
    Ok((mask, change))
}

/// Returns the tenant's settings with those that the command line sets.
fn set(settings: &[String], tenant: &Value) -> Result<Value> {
    let mut known = tenant["settings"].as_object().cloned().unwrap_or_default();
    for setting in settings {
        let (key, value) = setting
            .split_once('=')
            .with_context(|| format!("`{setting}` is not KEY=VALUE"))?;
        if value.is_empty() {
            known.remove(key);
        } else {
            known.insert(key.to_owned(), value.into());
        }
    }
    Ok(known.into())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn command(arguments: &[&str]) -> Tenants {
        let line = ["resido", "tenants", "update", "acme"];
        let line = line.iter().chain(arguments);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Tenants(tenants) => tenants.command,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_is_named_changes() {
        let tenant = json!({"settings": {"a": "1", "b": "2"}});
        let update = command(&["--plan", "pro", "--set", "a=", "--set", "c=x=y"]);
        let (mask, change) = changes(&update, &tenant).unwrap();
        assert_eq!(mask, ["plan", "settings"]);
        let expected = json!({"plan": "pro", "settings": {"b": "2", "c": "x=y"}});
        assert_eq!(Value::from(change), expected);
    }

    #[test]
    fn nothing_named_is_a_mistake() {
        assert!(changes(&command(&[]), &json!({})).is_err());
        assert!(changes(&command(&["--set", "a"]), &json!({})).is_err());
    }
}
