//! `migrate verify`: are schemas what the files say?

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use resido_migrations::{Difference, DriftReport, drift, prove_baseline};
use resido_tenancy::db::PublicDatabase;
use serde_json::json;

use super::{
    asked,
    dispatch::{FAILED, Place},
};
use crate::{cli::Format, terminal};

/// Looks at the files and at every tenant's schema.
pub(super) async fn verify(
    db: &PublicDatabase,
    place: &Place<'_>,
    format: Format,
) -> Result<ExitCode> {
    let sets = &place.sets;
    let only = asked::find(db, &place.settings.migrations.tenants).await?;
    let unproven = prove_baseline(db, sets)
        .await
        .context("the files cannot be applied to a new schema")?;
    let report = drift(db, sets, &only)
        .await
        .context("the schemas cannot be compared")?;
    match format {
        Format::Json => terminal::json(&json!({"baseline": unproven, "drift": report}))?,
        Format::Text => describe(&unproven, &report)
            .iter()
            .for_each(|line| terminal::line(line)),
    }
    Ok(if unproven.is_empty() && report.drifted == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

fn describe(unproven: &[Difference], report: &DriftReport) -> Vec<String> {
    let mut lines = Vec::new();
    for difference in unproven {
        lines.push(format!("baseline  {}", differs(difference)));
    }
    for drifted in &report.tenants {
        for difference in &drifted.differences {
            lines.push(format!("{}  {}", drifted.tenant, differs(difference)));
        }
    }
    lines.push(format!(
        "{} of {} schemas differ from the files, {} are newer",
        report.drifted,
        report.checked,
        report.ahead.len()
    ));
    lines
}

fn differs(difference: &Difference) -> String {
    let object = &difference.object;
    match (&difference.expected, &difference.found) {
        (Some(_), None) => format!("{object} is missing"),
        (None, _) => format!("{object} is not in the files"),
        (Some(expected), Some(found)) => format!("{object} is `{found}`, not `{expected}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_says_what_is_wrong_with_which_object() {
        let difference = |expected: Option<&str>, found: Option<&str>| Difference {
            object: "column units.floor".into(),
            expected: expected.map(str::to_owned),
            found: found.map(str::to_owned),
        };
        for (given, text) in [
            (
                difference(Some("int"), None),
                "column units.floor is missing",
            ),
            (
                difference(None, Some("int")),
                "column units.floor is not in the files",
            ),
            (
                difference(Some("int"), Some("text")),
                "column units.floor is `text`, not `int`",
            ),
        ] {
            assert_eq!(differs(&given), text);
        }
        let lines = describe(&[difference(Some("a"), None)], &DriftReport::default());
        assert_eq!(
            lines[1],
            "0 of 0 schemas differ from the files, 0 are newer"
        );
    }
}
