//! `resido migrate`.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use resido_migrations::{Error, Report, Sets, Status, migrate_public, migrate_tenants};
use resido_tenancy::db::PublicDatabase;
use serde_json::json;

use super::target::{Purpose, Target};
use crate::{
    cli::{Format, Migrate, SetName},
    migrating,
    settings::Settings,
    terminal,
};

/// Exit codes besides success: some tenants failed, refused, a lock is held.
const FAILED: u8 = 1;
const REFUSED: u8 = 2;
const LOCKED: u8 = 3;

pub(crate) async fn migrate(
    command: &Migrate,
    settings: Settings,
    format: Format,
) -> Result<ExitCode> {
    let (flags, purpose) = match command {
        Migrate::New { set, name, dir } => {
            let set = match set {
                SetName::Public => resido_migrations::SetName::Public,
                SetName::Tenant => resido_migrations::SetName::Tenant,
            };
            let path = resido_migrations::create(dir, set, name)?;
            terminal::line(&path.display().to_string());
            return Ok(ExitCode::SUCCESS);
        }
        Migrate::Status(flags) => (flags, Purpose::Look),
        Migrate::Up(flags) => (flags, Purpose::Change),
    };
    let settings = settings.with_migrations(&flags.migrations)?;
    let sets = migrating::sets(&settings)?;
    let login = flags.control_database_url.as_ref();
    let target = Target::open(&flags.database, login, &settings, purpose).await?;
    let done = match purpose {
        Purpose::Look => status(&target.db, &sets, format).await,
        Purpose::Change => up(&target.db, &sets, &settings, format).await,
    };
    target.close().await?;
    done
}

async fn status(db: &PublicDatabase, sets: &Sets, format: Format) -> Result<ExitCode> {
    let status = resido_migrations::status(db, sets).await?;
    match format {
        Format::Json => terminal::line(&serde_json::to_string_pretty(&status)?),
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
    lines.push(
        if status.is_current() {
            "everything is current"
        } else if status.public_applied >= status.public_latest && status.tenants_behind() == 0 {
            "applied files were edited"
        } else {
            "migrations are missing"
        }
        .to_owned(),
    );
    lines
}

async fn up(
    db: &PublicDatabase,
    sets: &Sets,
    settings: &Settings,
    format: Format,
) -> Result<ExitCode> {
    let applied = match migrate_public(db, sets).await {
        Ok(applied) => applied,
        Err(error) => return refused(error),
    };
    let options = migrating::options(db, settings).await?;
    let report = migrate_tenants(db, sets, &options).await?;
    match format {
        Format::Json => terminal::line(
            &json!({"public_applied": applied, "tenants": report.tenants}).to_string(),
        ),
        Format::Text => tell(applied, &report),
    }
    Ok(if report.failures() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

fn tell(applied: usize, report: &Report) {
    terminal::line(&format!("control plane  {applied} applied"));
    for (tenant, outcome) in &report.tenants {
        terminal::line(&format!("{tenant}  {outcome:?}"));
    }
    let (all, failed) = (report.tenants.len(), report.failures());
    terminal::line(&format!(
        "tenants        {} migrated, {failed} failed",
        all - failed
    ));
}

/// Turns an error that has an exit code of its own into that code.
fn refused(error: Error) -> Result<ExitCode> {
    let code = match &error {
        Error::Locked => LOCKED,
        Error::Changed { .. } | Error::Ahead { .. } | Error::Files(_) => REFUSED,
        _ => return Err(error).context("the control plane cannot be migrated"),
    };
    terminal::failure(&error.into());
    Ok(ExitCode::from(code))
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
    fn exit_codes_tell_a_refusal_from_a_held_lock() {
        let code = |error| format!("{:?}", refused(error).unwrap());
        assert_eq!(code(Error::Locked), format!("{:?}", ExitCode::from(3)));
        let changed = Error::Changed {
            set: "public",
            version: 1,
        };
        assert_eq!(code(changed), format!("{:?}", ExitCode::from(2)));
        assert!(refused(Error::TooOld("9".into())).is_err());
    }
}
