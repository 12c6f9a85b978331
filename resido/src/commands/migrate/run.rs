//! `migrate up` and its kin: a run from here to its end.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use resido_control_plane::{Deed, record_deed};
use resido_migrations::{
    Begun, Error, Request, Run, RunState, Runner, Selection, Task, migrate_public,
};
use resido_proto::{identity::Subject, ids::MigrationRunId};
use resido_tenancy::db::{self, PublicDatabase};

use super::{
    asked,
    dispatch::{FAILED, Place, REFUSED},
    display::{self, Display, Scope},
    slugs::Slugs,
};
use crate::{
    cli::{Format, Selected, Stages},
    commands::{
        confirm::{self, Said},
        control::ACTOR,
    },
    ending,
};

/// What heads an error that has no exit code of its own.
pub(super) const CANNOT: &str = "the migrations cannot run";
/// Time of the statements that write a run down.
const BEGIN_LIMIT: Duration = Duration::from_secs(60);
/// What a person types who wants a run undone.
const UNDO: &str = "undo";

/// A run that was asked for.
pub(super) struct Work<'a> {
    pub(super) task: Task,
    /// Which tenants, unless another run says so.
    pub(super) selected: Option<&'a Selected>,
    pub(super) stages: &'a Stages,
    pub(super) place: &'a Place<'a>,
    pub(super) format: Format,
}

impl Work<'_> {
    /// Applies the control plane's files, then makes the run.
    pub(super) async fn go(&self, db: &PublicDatabase) -> Result<ExitCode> {
        let (format, sets) = (self.format, &self.place.sets);
        // A rehearsal leaves nothing, of the control plane's files either.
        if self.task != Task::Rehearse {
            let applied = migrate_public(db, sets).await.context(CANNOT)?;
            display::public(format, applied);
        }
        let request = self.request(db).await?;
        let scope = Scope::of(&request);
        let runner = Runner::new(db.clone(), Arc::clone(sets));
        let begun = match begin(db, &runner, &request).await {
            Ok(Some(begun)) => begun,
            Ok(None) => {
                display::current(format, scope);
                return Ok(ExitCode::SUCCESS);
            }
            Err(failed) => return Err(failed.into_error()),
        };
        let stop = ending::on_signal()?;
        let slugs = Slugs::of(db, begun.run.id).await?;
        let each = self.place.settings.migrations.log;
        let display = Display::new(format, scope, slugs).showing_each(each.into());
        let worked = runner
            .work(begun, &stop, &|event| display.event(&event))
            .await;
        Ok(code(&worked.context(CANNOT)?))
    }

    async fn request(&self, db: &PublicDatabase) -> Result<Request> {
        let settings = &self.place.settings;
        let selection = match self.selected {
            Some(selected) => asked::selection(db, selected, settings).await?,
            None => Selection::default(),
        };
        Ok(Request {
            task: self.task,
            selection,
            rollout: asked::rollout(db, self.stages).await?,
            pace: settings.migrations.pace(),
            actor: Subject::Service(ACTOR.to_owned()).to_string(),
        })
    }
}

/// Asks before a run is undone.
pub(super) async fn confirm(db: &PublicDatabase, id: MigrationRunId, said: Said) -> Result<()> {
    let tx = db.begin(None).await?;
    let found = Runner::get(&tx, id).await;
    let run = tx.finish(found).await.context(CANNOT)?;
    let run = run.ok_or(Error::Run("there is no such run"))?;
    let what = format!(
        "this undoes what run {id} applied, in up to {} tenants",
        run.total
    );
    confirm::confirm(said, &what, UNDO).await
}

async fn begin(
    db: &PublicDatabase,
    runner: &Runner,
    request: &Request,
) -> Result<Option<Begun>, Failed> {
    let tx = db.begin_long(BEGIN_LIMIT).await?;
    let begun = async {
        let begun = runner.begin_if_missing(&tx, request).await?;
        if let Some(begun) = &begun {
            let by = Subject::Service(ACTOR.to_owned());
            record_deed(&tx, &by, Deed::MigrationRun(begun.run.clone())).await?;
        }
        Ok(begun)
    };
    let begun = begun.await;
    tx.finish(begun).await
}

/// Why a transaction of a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Migrations(#[from] Error),
    #[error(transparent)]
    Record(#[from] resido_control_plane::Error),
    #[error(transparent)]
    Row(#[from] tokio_postgres::Error),
}

impl Failed {
    /// Returns it as the error of a command, which may have an exit code of its own.
    pub(super) fn into_error(self) -> anyhow::Error {
        match self {
            Self::Migrations(error) => anyhow::Error::new(error).context(CANNOT),
            other => other.into(),
        }
    }
}

impl From<db::Error> for Failed {
    fn from(error: db::Error) -> Self {
        Self::Migrations(error.into())
    }
}

fn code(run: &Run) -> ExitCode {
    match run.state {
        RunState::Succeeded => ExitCode::SUCCESS,
        RunState::Halted | RunState::Interrupted => ExitCode::from(REFUSED),
        _ => ExitCode::from(FAILED),
    }
}
