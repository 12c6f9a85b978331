//! Which of the migration commands it is.

use std::{process::ExitCode, sync::Arc};

use anyhow::Result;
use resido_migrations::{Error, Sets, Task};
use resido_proto::error::to_status;

use super::{asked, create, plan, repair, run, runs, status, verify};
use crate::{
    cli::{
        Format, Migrate, MigrateLook, MigrateOn, MigratePlan, MigrateTarget, MigrateUp, Migrations,
        Stages,
    },
    commands::{
        confirm::Said,
        control,
        target::{Purpose, Target},
    },
    migrating,
    settings::Settings,
    terminal,
};

/// Exit codes besides success: some tenants failed or differ, a run was halted or
/// refused, another process migrates.
pub(super) const FAILED: u8 = 1;
pub(super) const REFUSED: u8 = 2;
pub(super) const LOCKED: u8 = 3;

/// Runs one of the commands.
pub(crate) async fn migrate(
    command: &Migrate,
    settings: Settings,
    format: Format,
) -> Result<ExitCode> {
    coded(Box::pin(dispatched(command, settings, format)).await)
}

async fn dispatched(command: &Migrate, settings: Settings, format: Format) -> Result<ExitCode> {
    match command {
        Migrate::New { set, name, dir } => create::create(*set, name, dir),
        Migrate::Status(target) => {
            let place = Place::of(target, Migrations::default(), settings)?;
            let target = place.open(Purpose::Look).await?;
            ended(
                status::status(&target.db, &place.sets, format).await,
                target,
            )
            .await
        }
        Migrate::Runs { run, target } => {
            let place = Place::of(target, Migrations::default(), settings)?;
            let target = place.open(Purpose::Look).await?;
            let shown = match run {
                Some(run) => runs::one(&target.db, *run, format).await,
                None => runs::list(&target.db, format).await,
            };
            ended(shown, target).await
        }
        Migrate::Verify(look) => {
            let place = Place::to_look(look, settings)?;
            let target = place.open(Purpose::Look).await?;
            ended(verify::verify(&target.db, &place, format).await, target).await
        }
        Migrate::Repair { look, .. } => {
            let place = Place::to_look(look, settings)?;
            let target = place.open(Purpose::Look).await?;
            ended(repair::repair(&target.db, &place, format).await, target).await
        }
        Migrate::Plan(flags) => plan(flags, settings, format).await,
        Migrate::Up(flags) if flags.dry_run => plan(&flags.plan, settings, format).await,
        Migrate::Up(flags) => up(flags, settings, format).await,
        Migrate::Retry(on) => follow(on, Task::Retry(on.run), settings, format).await,
        Migrate::Resume(on) => follow(on, Task::Resume(on.run), settings, format).await,
        Migrate::Rollback { on, stages, yes } => {
            let said = Said::from(*yes);
            roll_back(on, (stages, said), settings, format).await
        }
    }
}

async fn plan(flags: &MigratePlan, settings: Settings, format: Format) -> Result<ExitCode> {
    let place = Place::to_plan(flags, Migrations::default(), settings)?;
    let target = place.open(Purpose::Look).await?;
    ended(plan::plan(&target.db, flags, &place, format).await, target).await
}

async fn up(flags: &MigrateUp, settings: Settings, format: Format) -> Result<ExitCode> {
    let migrations = Migrations {
        speed: flags.speed.clone(),
        ..Migrations::default()
    };
    let place = Place::to_plan(&flags.plan, migrations, settings)?;
    let task = if flags.rehearse {
        Task::Rehearse
    } else {
        Task::Up
    };
    let work = run::Work {
        task,
        selected: Some(&flags.plan.selected),
        stages: &flags.plan.stages,
        place: &place,
        format,
    };
    let target = place.open(Purpose::Change).await?;
    ended(work.go(&target.db).await, target).await
}

async fn follow(
    on: &MigrateOn,
    task: Task,
    settings: Settings,
    format: Format,
) -> Result<ExitCode> {
    let place = Place::to_follow(on, settings)?;
    let work = run::Work {
        task,
        selected: None,
        stages: &Stages::default(),
        place: &place,
        format,
    };
    let target = place.open(Purpose::Change).await?;
    ended(work.go(&target.db).await, target).await
}

async fn roll_back(
    on: &MigrateOn,
    (stages, said): (&Stages, Said),
    settings: Settings,
    format: Format,
) -> Result<ExitCode> {
    let place = Place::to_follow(on, settings)?;
    asked::check(stages, None, &place.sets)?;
    let work = run::Work {
        task: Task::Rollback(on.run),
        selected: None,
        stages,
        place: &place,
        format,
    };
    let target = place.open(Purpose::Change).await?;
    let undone = async {
        run::confirm(&target.db, on.run, said).await?;
        work.go(&target.db).await
    };
    let undone = undone.await;
    ended(undone, target).await
}

/// Where a command works, and with which files.
pub(super) struct Place<'a> {
    target: &'a MigrateTarget,
    pub(super) settings: Settings,
    pub(super) sets: Arc<Sets>,
}

impl<'a> Place<'a> {
    fn of(
        target: &'a MigrateTarget,
        mut migrations: Migrations,
        settings: Settings,
    ) -> Result<Self> {
        migrations.files = target.files.clone();
        let settings = settings.with_migrations(&migrations)?;
        Ok(Self {
            target,
            sets: migrating::sets(&settings)?,
            settings,
        })
    }

    fn to_look(look: &'a MigrateLook, settings: Settings) -> Result<Self> {
        let migrations = Migrations {
            named: look.named.clone(),
            ..Migrations::default()
        };
        Self::of(&look.target, migrations, settings)
    }

    fn to_plan(
        flags: &'a MigratePlan,
        mut migrations: Migrations,
        settings: Settings,
    ) -> Result<Self> {
        migrations.named = flags.selected.named.clone();
        let place = Self::of(&flags.target, migrations, settings)?;
        asked::check(&flags.stages, flags.selected.to, &place.sets)?;
        Ok(place)
    }

    fn to_follow(on: &'a MigrateOn, settings: Settings) -> Result<Self> {
        let migrations = Migrations {
            speed: on.speed.clone(),
            ..Migrations::default()
        };
        Self::of(&on.target, migrations, settings)
    }

    async fn open(&self, purpose: Purpose) -> Result<Target> {
        let control = &self.target.control;
        let login = control.control_database_url.as_ref();
        Target::open(&control.database, login, &self.settings, purpose).await
    }
}

async fn ended(done: Result<ExitCode>, target: Target) -> Result<ExitCode> {
    target.close().await?;
    done
}

/// Turns an error that has an exit code of its own into that code.
fn coded(done: Result<ExitCode>) -> Result<ExitCode> {
    let Err(error) = done else {
        return done;
    };
    let Some(code) = error.downcast_ref().and_then(code) else {
        return Err(error);
    };
    match error.downcast::<Error>() {
        // By field, as any other command that takes a filter.
        Ok(error @ Error::Invalid(_)) => {
            terminal::failure(&control::refused(&to_status(&error)));
        }
        Ok(error) => terminal::failure(&error.into()),
        Err(error) => terminal::failure(&error),
    }
    Ok(ExitCode::from(code))
}

fn code(error: &Error) -> Option<u8> {
    match error {
        Error::Locked => Some(LOCKED),
        Error::Changed { .. }
        | Error::Ahead { .. }
        | Error::Gap { .. }
        | Error::Files(_)
        | Error::Name(_)
        | Error::Run(_)
        | Error::NoWayBack(_)
        | Error::NotServed { .. }
        | Error::Invalid(_) => Some(REFUSED),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn exit_codes_tell_a_refusal_from_a_held_lock() {
        let changed = Error::Changed {
            set: "public",
            version: 1,
        };
        assert_eq!(code(&Error::Locked), Some(3));
        assert_eq!(code(&changed), Some(2));
        assert_eq!(code(&Error::NoWayBack(3)), Some(2));
        assert_eq!(code(&Error::Files(Vec::new())), Some(2));
        assert_eq!(code(&Error::TooOld("9".into())), None);
        let explained = Err::<ExitCode, _>(Error::Locked).context("the migrations cannot run");
        assert!(coded(explained).is_ok());
    }
}
