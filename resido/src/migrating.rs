//! Migrations at start, as the policy says.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use resido_migrations::{Options, Report, Sets, migrate_public, migrate_tenants, status};
use resido_tenancy::db::PublicDatabase;
use tokio::task::JoinHandle;

use crate::{
    progress::Progress,
    settings::{RunMigrations, Settings},
};

/// How long a start waits for the tenants' migrations; a large fleet goes on in
/// the background.
const START_WAIT: Duration = Duration::from_secs(10);

/// Returns the migration files: of a folder, or the built-in ones.
pub(crate) fn sets(settings: &Settings) -> Result<Arc<Sets>> {
    let dir: Option<&Path> = settings.migrations.dir.as_deref();
    let sets = match dir {
        Some(dir) => Sets::from_dir(&settings.resolve(dir)),
        None => Sets::embedded(),
    };
    Ok(Arc::new(sets?))
}

/// Does what the policy says before anything is served. Migrations of tenants
/// that take long go on in the task that is returned.
pub(crate) async fn at_start(
    db: &PublicDatabase,
    sets: &Arc<Sets>,
    settings: &Settings,
    progress: &Progress,
) -> Result<Option<JoinHandle<()>>> {
    let policy = settings.migrations.run;
    match policy {
        RunMigrations::Off => return Ok(None),
        RunMigrations::Require => {
            let status = status(db, sets).await?;
            if !status.is_current() {
                bail!("migrations are missing; `resido migrate status` shows which");
            }
            return Ok(None);
        }
        RunMigrations::Public | RunMigrations::All => {}
    }
    let applied = migrate_public(db, sets)
        .await
        .context("the control plane cannot be migrated")?;
    if applied > 0 {
        progress.tell(&format!(
            "applied {applied} migrations of the control plane"
        ));
    }
    if policy == RunMigrations::Public {
        return Ok(None);
    }
    let mut work = tokio::spawn(tenants(
        db.clone(),
        Arc::clone(sets),
        settings.migrations.options(),
        progress.clone(),
    ));
    match tokio::time::timeout(START_WAIT, &mut work).await {
        Ok(done) => done
            .map(|()| None)
            .context("the tenants' migrations broke off"),
        Err(_) => {
            progress.tell("tenants are still being migrated");
            Ok(Some(work))
        }
    }
}

async fn tenants(db: PublicDatabase, sets: Arc<Sets>, options: Options, progress: Progress) {
    match migrate_tenants(&db, &sets, &options).await {
        Ok(report) => tell(&report, &progress),
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "the tenants' migrations could not run"
        ),
    }
}

fn tell(report: &Report, progress: &Progress) {
    if !report.tenants.is_empty() {
        let (all, failed) = (report.tenants.len(), report.failures());
        progress.tell(&format!(
            "migrated {} tenants, {failed} failed",
            all - failed
        ));
    }
    if report.failures() > 0 {
        tracing::error!(failed = report.failures(), "tenants could not be migrated");
    }
}
