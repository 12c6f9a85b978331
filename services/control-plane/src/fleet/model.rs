//! Runs, what comes of a tenant in one, and the rules of requests about them.

use std::{collections::BTreeSet, time::SystemTime};

use resido_migrations as migrations;
use resido_proto::{
    error::{Failure as _, Violation},
    ids::{MigrationRunId, TenantId},
    tenancy::v1::{self as proto, migrate_tenants_response::Event, tenant_migration},
    validate::Checks,
};
use resido_tenancy::tenant::State;
use serde::{Deserialize, Serialize};

use crate::cause::Cause;

/// Tenants that a request names at most.
const MAX_NAMED: usize = 1000;
/// Failures that a run names at most.
const MAX_FAILURES: usize = 100;

/// A run of migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) id: MigrationRunId,
    pub(super) state: RunState,
    pub(super) target_version: i64,
    pub(super) total: i32,
    pub(super) done: i32,
    pub(super) failed: i32,
    pub(super) failures: Vec<Came>,
    pub(super) actor: String,
    pub(super) created: SystemTime,
    pub(super) ended: Option<SystemTime>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunState {
    Running,
    Succeeded,
    Failed,
    Abandoned,
}

/// A tenant as a run finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) id: TenantId,
    pub(super) lock_no: i32,
    pub(super) state: State,
    pub(super) version: i64,
    pub(super) is_current: bool,
}

/// What came of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Came {
    pub(super) tenant: TenantId,
    pub(super) outcome: Outcome,
    /// Zero where it is not known.
    pub(super) version: i64,
    pub(super) error: String,
}

/// What can come of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Migrated,
    Current,
    Failed,
    Busy,
}

impl Run {
    /// Counts what came of one more tenant.
    pub(super) fn count(&mut self, came: &Came) {
        match came.outcome {
            Outcome::Migrated | Outcome::Current => self.done += 1,
            Outcome::Failed | Outcome::Busy => {
                self.failed += 1;
                if self.failures.len() < MAX_FAILURES {
                    self.failures.push(came.clone());
                }
            }
        }
    }
}

impl RunState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }

    /// Reads a state as it is stored.
    pub(super) fn named(name: &str) -> Option<Self> {
        [
            Self::Running,
            Self::Succeeded,
            Self::Failed,
            Self::Abandoned,
        ]
        .into_iter()
        .find(|state| state.as_str() == name)
    }
}

impl Came {
    /// There was nothing to do.
    pub(super) fn current(tenant: Candidate) -> Self {
        Self {
            tenant: tenant.id,
            outcome: Outcome::Current,
            version: tenant.version,
            error: String::new(),
        }
    }

    /// Reads what the engine says of a tenant on its way to `target`.
    pub(super) fn of(
        tenant: Candidate,
        target: i64,
        result: Result<migrations::Outcome, migrations::Error>,
    ) -> Self {
        use migrations::{Error, Outcome as Engine};
        let (outcome, version, error) = match result {
            Ok(Engine::Done { applied: 0 }) => (Outcome::Current, target, String::new()),
            Ok(Engine::Done { .. }) => (Outcome::Migrated, target, String::new()),
            Ok(Engine::Ahead) => (Outcome::Current, tenant.version, String::new()),
            Ok(Engine::Changed) | Err(Error::Changed { .. }) => {
                let error = Cause::MigrationChanged.reason().to_owned();
                (Outcome::Failed, tenant.version, error)
            }
            Ok(Engine::Failed { sqlstate, .. }) => {
                (Outcome::Failed, 0, sqlstate.unwrap_or_default())
            }
            Err(error @ Error::Locked) => (Outcome::Busy, 0, error.reason().to_owned()),
            Err(error) => {
                let before = match &error {
                    Error::Failed { version, .. } => version - 1,
                    _ => 0,
                };
                let code = error.sqlstate().unwrap_or_else(|| error.reason());
                (Outcome::Failed, before, code.to_owned())
            }
        };
        Self {
            tenant: tenant.id,
            outcome,
            version,
            error,
        }
    }
}

/// Reads which tenants are asked for: each once, none for all.
///
/// # Errors
/// One violation of `tenants`.
pub(super) fn wanted(
    request: &proto::MigrateTenantsRequest,
) -> Result<BTreeSet<TenantId>, Vec<Violation>> {
    let mut checks = Checks::default();
    let few = request.tenants.len() <= MAX_NAMED;
    checks.require(few, "tenants", "must be at most 1000");
    let named = request.tenants.iter().take(MAX_NAMED);
    let named: Result<_, _> = named
        .map(|name| TenantId::from_resource_name(name))
        .collect();
    let named = named.map_err(|_| vec![Violation::new("tenants", "must be `tenants/<uuid>`")]);
    let named = checks.take(named);
    checks.finish_with(named)
}

/// Reads `migration-runs/<uuid>`.
///
/// # Errors
/// One violation of `name`.
pub(super) fn run_name(name: &str) -> Result<MigrationRunId, Vec<Violation>> {
    MigrationRunId::from_resource_name(name)
        .map_err(|_| vec![Violation::new("name", "must be `migration-runs/<uuid>`")])
}

/// Returns a message of the stream.
pub(super) fn message(event: Event) -> proto::MigrateTenantsResponse {
    proto::MigrateTenantsResponse { event: Some(event) }
}

impl From<Run> for proto::MigrationRun {
    fn from(run: Run) -> Self {
        use proto::migration_run::State;
        let state = match run.state {
            RunState::Running => State::Running,
            RunState::Succeeded => State::Succeeded,
            RunState::Failed => State::Failed,
            RunState::Abandoned => State::Abandoned,
        };
        Self {
            name: run.id.resource_name(),
            state: state.into(),
            target_version: run.target_version,
            total: run.total,
            done: run.done,
            failed: run.failed,
            actor: run.actor,
            create_time: Some(run.created.into()),
            end_time: run.ended.map(Into::into),
            failures: run.failures.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Came> for proto::TenantMigration {
    fn from(came: Came) -> Self {
        use tenant_migration::Outcome as Told;
        let outcome = match came.outcome {
            Outcome::Migrated => Told::Migrated,
            Outcome::Current => Told::Current,
            Outcome::Failed => Told::Failed,
            Outcome::Busy => Told::Busy,
        };
        Self {
            tenant: came.tenant.resource_name(),
            outcome: outcome.into(),
            schema_version: came.version,
            error: came.error,
        }
    }
}

#[cfg(test)]
mod tests {
    use resido_tenancy::db;

    use super::*;

    fn candidate() -> Candidate {
        Candidate {
            id: TenantId::new(),
            lock_no: 1,
            state: State::Active,
            version: 3,
            is_current: false,
        }
    }

    #[test]
    fn what_the_engine_says_has_one_meaning() {
        use migrations::{Error, Outcome as Engine};
        let failed = Error::Failed {
            version: 5,
            name: "x".into(),
            source: db::Error::Ended,
        };
        let changed = Error::Changed {
            set: "tenant",
            version: 1,
        };
        for (result, outcome, version, error) in [
            (Ok(Engine::Done { applied: 0 }), Outcome::Current, 7, ""),
            (Ok(Engine::Done { applied: 2 }), Outcome::Migrated, 7, ""),
            (Ok(Engine::Ahead), Outcome::Current, 3, ""),
            (Err(changed), Outcome::Failed, 3, "MIGRATION_CHANGED"),
            (Err(failed), Outcome::Failed, 4, "INTERNAL"),
            (Err(Error::Locked), Outcome::Busy, 0, "MIGRATION_RUNNING"),
        ] {
            let came = Came::of(candidate(), 7, result);
            let told = (came.outcome, came.version, came.error.as_str());
            assert_eq!(told, (outcome, version, error));
        }
    }

    #[test]
    fn tenants_are_counted_and_some_failures_named() {
        let mut run = Run {
            id: MigrationRunId::new(),
            state: RunState::Running,
            target_version: 7,
            total: 200,
            done: 0,
            failed: 0,
            failures: Vec::new(),
            actor: String::new(),
            created: SystemTime::UNIX_EPOCH,
            ended: None,
        };
        run.count(&Came::current(candidate()));
        let busy = || Came::of(candidate(), 7, Err(migrations::Error::Locked));
        (0..150).for_each(|_| run.count(&busy()));
        assert_eq!((run.done, run.failed, run.failures.len()), (1, 150, 100));
        let shown = proto::MigrationRun::from(run);
        assert_eq!(shown.failures[0].outcome(), tenant_migration::Outcome::Busy);
    }

    #[test]
    fn tenants_are_asked_for_by_name_and_once() {
        let request = |tenants| proto::MigrateTenantsRequest { tenants };
        assert!(wanted(&request(vec![])).unwrap().is_empty());
        let name = TenantId::new().resource_name();
        assert_eq!(
            wanted(&request(vec![name.clone(), name.clone()]))
                .unwrap()
                .len(),
            1
        );
        for wrong in [vec![name.clone(), "acme".into()], vec![name; 1001]] {
            let faults = wanted(&request(wrong)).unwrap_err();
            assert_eq!(faults[0].field, "tenants");
        }
        assert!(run_name("migration-runs/x").is_err());
        for state in ["running", "succeeded", "failed", "abandoned"] {
            assert_eq!(RunState::named(state).unwrap().as_str(), state);
        }
    }
}
