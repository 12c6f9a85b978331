//! `migrate status`: what is applied and what is missing.

use std::process::ExitCode;

use anyhow::Result;
use resido_migrations::{Sets, Status};
use resido_tenancy::db::PublicDatabase;
use serde_json::{Value, json};

use crate::{cli::Format, terminal};

/// Shows what is applied and what is missing.
pub(super) async fn status(db: &PublicDatabase, sets: &Sets, format: Format) -> Result<ExitCode> {
    let status = resido_migrations::status(db, sets).await?;
    match format {
        Format::Json => terminal::json(&described(&status))?,
        Format::Text => describe(&status)
            .iter()
            .for_each(|line| terminal::line(line)),
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(status: &Status) -> Vec<String> {
    let mut lines = vec![format!(
        "control plane  {} of {} applied",
        status.public_applied, status.public_latest
    )];
    for (version, tenants) in &status.tenants {
        lines.push(format!(
            "tenants        {tenants} at {version} of {}",
            status.tenant_latest
        ));
    }
    if status.changed > 0 {
        lines.push(format!(
            "tenants        {} with a file that was edited after it was applied",
            status.changed
        ));
    }
    let newer = newer(status);
    if newer > 0 {
        lines.push(format!("tenants        {newer} newer than the files"));
    }
    lines.push(verdict(status).to_owned());
    lines
}

/// Says in a few words how it stands.
fn verdict(status: &Status) -> &'static str {
    let is_newer = newer(status) > 0 || status.public_applied > status.public_latest;
    if status.public_applied < status.public_latest || status.tenants_behind() > 0 {
        "migrations are missing"
    } else if status.changed > 0 {
        "applied files were edited"
    } else if is_newer {
        "nothing is missing, but the database is newer than the files"
    } else {
        "everything is current"
    }
}

/// Counts the tenants that have files which are not among these.
fn newer(status: &Status) -> i64 {
    let newer = status.tenants.range(status.tenant_latest + 1..);
    newer.map(|(_, tenants)| tenants).sum()
}

fn described(status: &Status) -> Value {
    json!({
        "publicApplied": status.public_applied,
        "publicLatest": status.public_latest,
        "tenantLatest": status.tenant_latest,
        "tenants": status.tenants,
        "changed": status.changed,
        "newer": newer(status),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_state_of_a_fleet_is_told() {
        let mut status = Status {
            public_applied: 2,
            public_latest: 2,
            tenant_latest: 3,
            tenants: BTreeMap::from([(2, 5), (3, 10)]),
            changed: 0,
        };
        let lines = describe(&status);
        assert_eq!(lines[1], "tenants        5 at 2 of 3");
        assert_eq!(lines.last().unwrap(), "migrations are missing");
        status.tenants.remove(&2);
        assert_eq!(describe(&status).last().unwrap(), "everything is current");
        status.changed = 1;
        let lines = describe(&status);
        assert!(lines[2].contains("1 with a file that was edited"));
        assert_eq!(lines[3], "applied files were edited");
    }

    #[test]
    fn tenants_that_are_newer_than_the_files_are_counted() {
        let status = Status {
            public_applied: 2,
            public_latest: 2,
            tenant_latest: 3,
            tenants: BTreeMap::from([(3, 10), (4, 2), (5, 1)]),
            changed: 0,
        };
        let lines = describe(&status);
        assert_eq!(lines[4], "tenants        3 newer than the files");
        assert!(lines[5].contains("newer than the files"), "{lines:?}");
        let value = described(&status);
        assert_eq!(
            (&value["newer"], &value["tenants"]["4"]),
            (&3.into(), &2.into())
        );
    }
}
