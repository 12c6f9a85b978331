//! Migrations at start, as the policy says.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use resido_migrations::{
    Error, Event, Request, Run, RunState, Runner, Selection, Sets, migrate_public, status,
};
use resido_proto::ids::TenantId;
use resido_tenancy::{
    db::{PublicDatabase, params},
    tenant::Selector,
};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    progress::Progress,
    settings::{RunMigrations, Settings},
};

/// How long a start waits for the tenants' migrations; a large fleet goes on in
/// the background.
const START_WAIT: Duration = Duration::from_secs(10);

/// Between looks at whether another process has finished.
const NEXT_LOOK: Duration = Duration::from_secs(5);

/// Migrations of tenants that go on beside the service.
#[derive(Debug)]
pub(crate) struct Migrating {
    work: JoinHandle<()>,
    /// Dropped, it tells them to end.
    stop: DropGuard,
}

impl Migrating {
    /// Begins with no more tenants and lets those under way end.
    pub(crate) async fn end(self) {
        drop(self.stop);
        if self.work.await.is_err() {
            tracing::error!("the tenants' migrations broke off");
        }
    }
}

/// Who runs migrations at start.
const ACTOR: &str = "start";

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
) -> Result<Option<Migrating>> {
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
    let runner = Runner::new(db.clone(), Arc::clone(sets));
    let request = Request {
        selection: Selection {
            tenants: find_all(db, &settings.migrations.tenants).await?,
            ..Selection::default()
        },
        pace: settings.migrations.pace(),
        ..Request::of(ACTOR)
    };
    let log = settings.migrations.log;
    let stop = CancellationToken::new();
    let heard = (progress.clone(), log);
    let mut work = tokio::spawn(tenants(runner, request, heard, stop.clone()));
    match tokio::time::timeout(START_WAIT, &mut work).await {
        Ok(done) => done
            .map(|()| None)
            .context("the tenants' migrations broke off"),
        Err(_) => {
            progress.tell("tenants are still being migrated");
            let stop = stop.drop_guard();
            Ok(Some(Migrating { work, stop }))
        }
    }
}

/// Finds the tenants that were named.
///
/// # Errors
/// If there is no such tenant, or it has no schema to migrate.
pub(crate) async fn find_all(db: &PublicDatabase, named: &[Selector]) -> Result<Vec<TenantId>> {
    let mut found = Vec::with_capacity(named.len());
    for selector in named {
        found.push(find(db, selector).await?);
    }
    Ok(found)
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

async fn tenants(
    runner: Runner,
    request: Request,
    (progress, log): (Progress, bool),
    stop: CancellationToken,
) {
    let tell = |event: Event| {
        if let Event::Tenant(came) = event
            && log
        {
            tracing::info!(
                tenant.id = %came.tenant,
                outcome = came.state.as_str(),
                version = came.version,
                "tenant worked on"
            );
        }
    };
    loop {
        match runner.run(&request, &stop, &tell).await {
            Ok(Some(run)) => return report(&run, &progress),
            Ok(None) => return,
            // Of several processes that start together one does it; should that
            // one die, another does.
            Err(Error::Locked) => tracing::info!("another process migrates the tenants"),
            Err(error) => {
                return tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the tenants' migrations could not run"
                );
            }
        }
        tokio::select! {
            () = tokio::time::sleep(NEXT_LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Writes a number and what it counts, in the plural where that is right.
fn counted(number: usize, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {what}{ending}")
}

fn report(run: &Run, progress: &Progress) {
    let migrated = counted(usize::try_from(run.done).unwrap_or_default(), "tenant");
    progress.tell(&format!("migrated {migrated}, {} failed", run.failed));
    if run.state != RunState::Succeeded {
        tracing::error!(
            run = %run.id,
            state = run.state.as_str(),
            failed = run.failed,
            "tenants could not be migrated"
        );
    }
}
