//! `resido check-config`: every fault at once.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::{
    cli::{Format, Global},
    migrating,
    settings::Settings,
    terminal, wiring,
};

pub(crate) fn check_config(global: &Global) -> Result<ExitCode> {
    let faults = match Settings::of(global) {
        Ok(settings) => beyond_the_file(&settings),
        Err(error) => lines(&error),
    };
    match global.format {
        Format::Json => {
            let report = json!({"valid": faults.is_empty(), "faults": faults});
            terminal::line(&report.to_string());
        }
        Format::Text if faults.is_empty() => terminal::line("the configuration is valid"),
        Format::Text => faults.iter().for_each(|fault| terminal::line(fault)),
    }
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Returns what is wrong with what the configuration names: files, descriptors,
/// rules.
fn beyond_the_file(settings: &Settings) -> Vec<String> {
    let mut faults: Vec<String> = Vec::new();
    let (_, unreadable) = wiring::configured(settings);
    faults.extend(unreadable.iter().flat_map(lines));
    if let Err(error) = wiring::described(settings, settings.gateway.control_plane.is_some()) {
        let all = lines(&error);
        faults.extend(
            all.into_iter()
                .filter(|fault| !faults.contains(fault))
                .collect::<Vec<_>>(),
        );
    }
    if let Err(error) = migrating::sets(settings) {
        faults.extend(lines(&error));
    }
    faults
}

/// Returns the faults that an error lists below its first line, or the error
/// with its causes.
fn lines(error: &anyhow::Error) -> Vec<String> {
    let text = error.to_string();
    match text.split_once('\n') {
        Some((_, list)) => list.lines().map(|line| line.trim().to_owned()).collect(),
        None => vec![format!("{error:#}")],
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_list_is_taken_apart() {
        assert_eq!(lines(&anyhow!("wrong:\n  a\nb")), ["a", "b"]);
        assert_eq!(lines(&anyhow!("inner").context("outer")), ["outer: inner"]);
    }

    #[test]
    fn a_missing_folder_of_migrations_is_found() {
        let mut settings = Settings::default();
        settings.migrations.dir = Some("/nowhere".into());
        let faults = beyond_the_file(&settings);
        assert!(
            faults.iter().any(|fault| fault.contains("/nowhere")),
            "{faults:?}"
        );
    }
}
