//! Migrations at start, as the policy says.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use resido_migrations::{Options, Report, Sets, migrate_public, migrate_tenants, status};
use resido_proto::ids::TenantId;
use resido_tenancy::{
    db::{PublicDatabase, params},
    tenant::Selector,
};
use tokio::task::JoinHandle;

use crate::{
    progress::Progress,
    settings::{RunMigrations, Settings},
};

/// How long a start waits for the tenants' migrations; a large fleet goes on in
/// the background.
const START_WAIT: Duration = Duration::from_secs(10);

/// A slug may be that of one living tenant, and of any number of dead ones.
const FIND: &str = "
    select id, state from tenants
     where (id = $1 or slug = $2) and state not in ('failed', 'purged')";
/// States of tenants that have a schema in use.
const MIGRATED: [&str; 3] = ["active", "suspended", "maintenance"];

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
        let what = counted(applied, "migration");
        progress.tell(&format!("applied {what} of the control plane"));
    }
    if policy == RunMigrations::Public {
        return Ok(None);
    }
    let options = options(db, settings).await?;
    let mut work = tokio::spawn(tenants(
        db.clone(),
        Arc::clone(sets),
        options,
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

/// Returns how tenants are migrated, with the one that alone shall be.
///
/// # Errors
/// If there is no such tenant, or it has no schema to migrate.
pub(crate) async fn options(db: &PublicDatabase, settings: &Settings) -> Result<Options> {
    let only = match &settings.migrations.tenant {
        Some(selector) => Some(find(db, selector).await?),
        None => None,
    };
    Ok(Options {
        only,
        ..settings.migrations.options()
    })
}

async fn find(db: &PublicDatabase, selector: &Selector) -> Result<TenantId> {
    let (id, slug) = match selector {
        Selector::Id(id) => (Some(id.as_uuid()), None),
        Selector::Slug(slug) => (None, Some(slug.as_str())),
    };
    let name = || id.map_or_else(|| slug.unwrap_or_default().to_owned(), |id| id.to_string());
    let tx = db.begin(None).await?;
    let found = tx.query_opt(FIND, params![id, slug]).await;
    let row = tx
        .finish(found)
        .await?
        .with_context(|| format!("there is no tenant `{}` to migrate", name()))?;
    let state: String = row.try_get("state")?;
    if !MIGRATED.contains(&state.as_str()) {
        bail!("tenant `{}` is {state} and cannot be migrated", name());
    }
    Ok(TenantId::from_uuid(row.try_get("id")?))
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

/// Writes a number and what it counts, in the plural where that is right.
fn counted(number: usize, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {what}{ending}")
}

fn tell(report: &Report, progress: &Progress) {
    if !report.tenants.is_empty() {
        let (all, failed) = (report.tenants.len(), report.failures());
        let migrated = counted(all - failed, "tenant");
        progress.tell(&format!("migrated {migrated}, {failed} failed"));
    }
    if report.failures() > 0 {
        tracing::error!(failed = report.failures(), "tenants could not be migrated");
    }
}
