//! `migrate runs`: the record of runs.

use std::process::ExitCode;

use anyhow::Result;
use resido_migrations::{RUNS, Run, Runner};
use resido_proto::{error::Invalid, ids::MigrationRunId};
use resido_tenancy::db::{Ask, PublicDatabase};

use super::slugs::{Slugs, time};
use crate::{cli::Format, commands::confirm::Wrong, terminal};

/// Runs that are listed.
const LISTED: i32 = 50;

/// Lists the latest runs.
pub(super) async fn list(db: &PublicDatabase, format: Format) -> Result<ExitCode> {
    let ask = Ask {
        page_size: LISTED,
        page_token: "",
        filter: "",
        order_by: "",
    };
    let request = RUNS.request(ask).map_err(Invalid)?;
    let tx = db.begin(None).await?;
    let listed = Runner::list(&tx, &request).await;
    let (runs, _) = tx.finish(listed).await?;
    if format == Format::Json {
        let none = Slugs::default();
        let runs: Result<Vec<_>> = runs.iter().map(|run| none.described(run)).collect();
        terminal::json(&runs?.into())?;
        return Ok(ExitCode::SUCCESS);
    }
    let head = [
        "RUN", "KIND", "STATE", "TARGET", "DONE", "FAILED", "TOTAL", "CREATED", "ENDED", "ACTOR",
        "UNDOES",
    ];
    terminal::rows(format, &runs, &head, cells)?;
    Ok(ExitCode::SUCCESS)
}

fn cells(run: &Run) -> Vec<String> {
    vec![
        run.id.to_string(),
        run.kind.as_str().to_owned(),
        run.state.as_str().to_owned(),
        run.target.to_string(),
        run.done.to_string(),
        run.failed.to_string(),
        run.total.to_string(),
        seconds(&time(run.created)),
        run.ended
            .map_or_else(|| "-".to_owned(), |ended| seconds(&time(ended))),
        run.actor.clone(),
        run.of.map(|of| of.to_string()).unwrap_or_default(),
    ]
}

/// Cuts off what is less than a second.
fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => time.to_owned(),
    }
}

/// Shows a run, and who failed in it.
pub(super) async fn one(
    db: &PublicDatabase,
    id: MigrationRunId,
    format: Format,
) -> Result<ExitCode> {
    let tx = db.begin(None).await?;
    let found = Runner::get(&tx, id).await;
    let Some(run) = tx.finish(found).await? else {
        return Err(Wrong(format!("there is no run {id}")).into());
    };
    let slugs = Slugs::of(db, id).await?;
    if format == Format::Json {
        terminal::json(&slugs.described(&run)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    terminal::pairs(&[
        ("run", run.id.to_string()),
        ("kind", run.kind.as_str().to_owned()),
        (
            "undoes",
            run.of.map(|of| of.to_string()).unwrap_or_default(),
        ),
        ("state", run.state.as_str().to_owned()),
        ("target", run.target.to_string()),
        ("tenants", run.total.to_string()),
        ("done", run.done.to_string()),
        ("failed", run.failed.to_string()),
        ("created", time(run.created)),
        ("ended", run.ended.map(time).unwrap_or_default()),
        ("actor", run.actor.clone()),
    ]);
    for line in slugs.failures(&run) {
        terminal::line(&line);
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_tells_time_in_whole_seconds() {
        assert_eq!(seconds("2026-01-02T03:04:05.678Z"), "2026-01-02T03:04:05Z");
        assert_eq!(seconds("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05Z");
    }
}
