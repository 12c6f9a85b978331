//! What a request asks of a run, and how runs are shown.

use resido_migrations::{
    Came, Canary, Candidate, ItemState, Order, Pace, Request, Rollout, Run, RunKind, RunState,
    Selection, Task, Tolerance,
};
use resido_proto::{
    error::Violation,
    ids::{MigrationRunId, TenantId},
    tenancy::v1::{
        self as proto, migrate_tenants_request as asked, migrate_tenants_response::Event,
        migration_run, tenant_migration::Outcome,
    },
    validate::Checks,
};

/// Tenants that a request names in one field, at most.
const MAX_NAMED: usize = 1000;
/// Waves of a run, at most.
const MAX_WAVES: usize = 20;
/// Tenants that are worked on at once, at most.
const MAX_CONCURRENCY: i32 = 64;

/// Reads what is asked of a run.
///
/// # Errors
/// All violations at once.
pub(super) fn request(
    request: proto::MigrateTenantsRequest,
    actor: &str,
) -> Result<Request, Vec<Violation>> {
    let mut checks = Checks::default();
    let given = [
        ("tenants", !request.tenants.is_empty()),
        ("exclude", !request.exclude.is_empty()),
        ("filter", !request.filter.is_empty()),
        ("limit", request.limit != 0),
        ("to_version", request.to_version != 0),
        ("allow_out_of_order", request.allow_out_of_order),
    ];
    let tenants = named(&mut checks, "tenants", &request.tenants);
    let exclude = named(&mut checks, "exclude", &request.exclude);
    let canary = named(&mut checks, "canary", &request.canary);
    let counts = [
        ("limit", request.limit, i32::MAX),
        ("canary_count", request.canary_count, i32::MAX),
        ("concurrency", request.concurrency, MAX_CONCURRENCY),
    ];
    for (field, number, most) in counts {
        let fits = (0..=most).contains(&number);
        checks.require(fits, field, format!("must be from 0 to {most}"));
    }
    checks.require(
        request.to_version >= 0,
        "to_version",
        "must not be negative",
    );
    let waves = &request.waves;
    let ascend = waves.is_sorted() && waves.iter().all(|share| (0.0..=100.0).contains(share));
    let text = "must be ascending percentages, at most 20 of them";
    checks.require(ascend && waves.len() <= MAX_WAVES, "waves", text);
    let max_failures = checks.take(tolerance(&request.max_failures));
    let task = checks.take(task(request.task));
    if !matches!(task, None | Some(Task::Up | Task::Rehearse)) {
        alone(&mut checks, &given);
    }
    let canary = match (canary, request.canary_count) {
        (named, 0) => named.filter(|named| !named.is_empty()).map(Canary::Tenants),
        (_, count) => Some(Canary::Count(positive(count))),
    };
    let parsed = task.zip(max_failures).map(|(task, max_failures)| Request {
        task,
        selection: Selection {
            tenants: tenants.unwrap_or_default(),
            exclude: exclude.unwrap_or_default(),
            filter: request.filter,
            limit: Some(positive(request.limit)).filter(|limit| *limit > 0),
            to: Some(request.to_version).filter(|version| *version > 0),
            order: if request.allow_out_of_order {
                Order::Any
            } else {
                Order::Strict
            },
        },
        rollout: Rollout {
            canary,
            waves: request.waves,
            max_failures,
        },
        pace: pace(request.concurrency),
        actor: actor.to_owned(),
    });
    checks.finish_with(parsed)
}

/// Refuses fields that say which tenants, beside a run that says so itself.
fn alone(checks: &mut Checks, given: &[(&'static str, bool)]) {
    for (field, is_given) in given {
        checks.require(!is_given, *field, "says nothing beside another run");
    }
}

fn pace(concurrency: i32) -> Pace {
    let default = Pace::default();
    match u16::try_from(concurrency) {
        Ok(concurrency) if concurrency > 0 => Pace {
            concurrency,
            ..default
        },
        _ => default,
    }
}

fn positive(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// Reads the tenants that a field names, each once.
fn named(checks: &mut Checks, field: &'static str, names: &[String]) -> Option<Vec<TenantId>> {
    checks.require(names.len() <= MAX_NAMED, field, "must be at most 1000");
    let ids = names.iter().take(MAX_NAMED);
    let ids: Result<Vec<_>, _> = ids.map(|name| TenantId::from_resource_name(name)).collect();
    let ids = checks.take(ids.map_err(|_| vec![Violation::new(field, "must be `tenants/<uuid>`")]));
    ids.map(|mut ids| {
        ids.sort_unstable();
        ids.dedup();
        ids
    })
}

fn tolerance(text: &str) -> Result<Option<Tolerance>, Vec<Violation>> {
    match text {
        "" => Ok(None),
        text => match text.parse() {
            Ok(tolerance) => Ok(Some(tolerance)),
            Err(wrong) => Err(vec![Violation::new("max_failures", wrong)]),
        },
    }
}

fn task(task: Option<asked::Task>) -> Result<Task, Vec<Violation>> {
    let run = |field: &'static str, name: &str| {
        MigrationRunId::from_resource_name(name)
            .map_err(|_| vec![Violation::new(field, "must be `migration-runs/<uuid>`")])
    };
    Ok(match task {
        None | Some(asked::Task::Rehearse(false)) => Task::Up,
        Some(asked::Task::Rehearse(true)) => Task::Rehearse,
        Some(asked::Task::Resume(name)) => Task::Resume(run("resume", &name)?),
        Some(asked::Task::Retry(name)) => Task::Retry(run("retry", &name)?),
        Some(asked::Task::Rollback(name)) => Task::Rollback(run("rollback", &name)?),
    })
}

/// Reads the name of a run.
///
/// # Errors
/// If it is none.
pub(super) fn run_name(name: &str) -> Result<MigrationRunId, Vec<Violation>> {
    MigrationRunId::from_resource_name(name)
        .map_err(|_| vec![Violation::new("name", "must be `migration-runs/<uuid>`")])
}

/// Wraps what happened for the stream.
pub(super) fn message(event: Event) -> proto::MigrateTenantsResponse {
    proto::MigrateTenantsResponse { event: Some(event) }
}

/// Shows a run.
pub(super) fn shown(run: Run) -> proto::MigrationRun {
    use migration_run::{Kind, State};
    let state = match run.state {
        RunState::Running => State::Running,
        RunState::Succeeded => State::Succeeded,
        RunState::Failed => State::Failed,
        RunState::Halted => State::Halted,
        RunState::Interrupted => State::Interrupted,
        RunState::Abandoned => State::Abandoned,
    };
    let kind = match run.kind {
        RunKind::Up => Kind::Up,
        RunKind::Rehearse => Kind::Rehearse,
        RunKind::Rollback => Kind::Rollback,
    };
    let count = |number| i32::try_from(number).unwrap_or(i32::MAX);
    proto::MigrationRun {
        name: run.id.resource_name(),
        kind: kind.into(),
        of_run: run.of.map(|of| of.resource_name()).unwrap_or_default(),
        state: state.into(),
        target_version: run.target,
        total: count(run.total),
        done: count(run.done),
        failed: count(run.failed),
        actor: run.actor,
        create_time: Some(run.created.into()),
        end_time: run.ended.map(Into::into),
        failures: run.failures.into_iter().map(came).collect(),
    }
}

/// Shows what came of a tenant. What an error says besides its code is for the
/// operators' own eyes.
pub(super) fn came(came: Came) -> proto::TenantMigration {
    let outcome = match came.state {
        ItemState::Done => Outcome::Migrated,
        ItemState::RolledBack => Outcome::RolledBack,
        ItemState::SkippedCurrent | ItemState::Ahead => Outcome::Current,
        ItemState::WaitingLock | ItemState::Pending => Outcome::Busy,
        ItemState::Failed | ItemState::BlockedChecksum => Outcome::Failed,
    };
    proto::TenantMigration {
        tenant: came.tenant.resource_name(),
        outcome: outcome.into(),
        schema_version: came.version,
        error: came.error,
    }
}

/// Shows a tenant that was asked for and lacks nothing.
pub(super) fn current(tenant: &Candidate) -> proto::TenantMigration {
    proto::TenantMigration {
        tenant: tenant.id.resource_name(),
        outcome: Outcome::Current.into(),
        schema_version: tenant.version,
        error: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(request: proto::MigrateTenantsRequest) -> Vec<String> {
        let faults = super::request(request, "users/x").unwrap_err();
        faults
            .into_iter()
            .map(|fault| fault.field.into_owned())
            .collect()
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = proto::MigrateTenantsRequest {
            tenants: vec!["acme".into()],
            exclude: vec![TenantId::new().resource_name(); 1001],
            canary: vec!["x".into()],
            limit: -1,
            canary_count: -1,
            concurrency: 65,
            to_version: -1,
            waves: vec![10.0, 1.0],
            max_failures: "many".into(),
            task: Some(asked::Task::Resume("x".into())),
            ..proto::MigrateTenantsRequest::default()
        };
        let expected = [
            "tenants",
            "exclude",
            "canary",
            "limit",
            "canary_count",
            "concurrency",
            "to_version",
            "waves",
            "max_failures",
            "resume",
        ];
        assert_eq!(fields(wrong), expected);
        assert!(run_name("migration-runs/x").is_err());
    }

    #[test]
    fn a_request_that_says_nothing_is_for_every_tenant_at_once() {
        let all = request(proto::MigrateTenantsRequest::default(), "users/x").unwrap();
        assert_eq!(all.selection, Selection::default());
        assert_eq!(all.rollout, Rollout::default());
        assert_eq!((all.task, all.pace), (Task::Up, Pace::default()));
    }

    #[test]
    fn tenants_are_named_once() {
        let name = TenantId::new().resource_name();
        let twice = proto::MigrateTenantsRequest {
            tenants: vec![name.clone(), name],
            canary_count: 2,
            max_failures: "5%".into(),
            task: Some(asked::Task::Rehearse(true)),
            ..proto::MigrateTenantsRequest::default()
        };
        let asked = request(twice, "users/x").unwrap();
        assert_eq!(asked.selection.tenants.len(), 1);
        assert_eq!(asked.rollout.canary, Some(Canary::Count(2)));
        assert_eq!(asked.rollout.max_failures, Some(Tolerance::Percent(5.0)));
        assert_eq!(asked.task, Task::Rehearse);
    }

    #[test]
    fn which_tenants_is_not_said_beside_another_run() {
        let both = proto::MigrateTenantsRequest {
            tenants: vec![TenantId::new().resource_name()],
            filter: "plan = free".into(),
            task: Some(asked::Task::Rollback(MigrationRunId::new().resource_name())),
            ..proto::MigrateTenantsRequest::default()
        };
        assert_eq!(fields(both), ["tenants", "filter"]);
    }

    #[test]
    fn what_came_of_a_tenant_has_one_meaning() {
        for (state, outcome) in [
            (ItemState::Done, Outcome::Migrated),
            (ItemState::SkippedCurrent, Outcome::Current),
            (ItemState::BlockedChecksum, Outcome::Failed),
            (ItemState::Failed, Outcome::Failed),
            (ItemState::WaitingLock, Outcome::Busy),
            (ItemState::RolledBack, Outcome::RolledBack),
        ] {
            let came = Came {
                tenant: TenantId::new(),
                state,
                version: 3,
                files: 1,
                ms: 5,
                error: "42P07".into(),
                message: "relation \"t_x.secret\" already exists".into(),
            };
            let shown = super::came(came);
            assert_eq!(shown.outcome(), outcome);
            assert!(!format!("{shown:?}").contains("secret"));
        }
    }
}
