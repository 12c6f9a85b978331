//! How a run is shown: lines and a bar for people, JSON lines for programs.

use std::{
    io::IsTerminal as _,
    sync::{Mutex, PoisonError},
};

use indicatif::{ProgressBar, ProgressStyle};
use resido_migrations::{Came, Event, Request, Run, RunKind, RunState, Selection, Task};
use serde_json::{Value, json};

use super::slugs::{Slugs, add_times};
use crate::{cli::Format, terminal};

/// What the bar says: how far, how many a second, how long still.
const BAR: &str = "{bar:32} {pos}/{len} tenants  {per_sec}  {eta} left  {msg}";

/// Which tenants a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All of them, as far as the files go.
    All,
    /// Some.
    Some,
}

impl Scope {
    pub(super) fn of(request: &Request) -> Self {
        let all = Selection {
            order: request.selection.order,
            ..Selection::default()
        };
        let applies = matches!(request.task, Task::Up | Task::Rehearse);
        if applies && request.selection == all {
            Self::All
        } else {
            Self::Some
        }
    }
}

/// Which tenants are shown when they are done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    /// All of them.
    Shown,
    /// Those that failed, where a person looks on.
    Failed,
}

impl From<bool> for Each {
    fn from(all: bool) -> Self {
        if all { Self::Shown } else { Self::Failed }
    }
}

/// Says how many of the control plane's files were applied.
pub(super) fn public(format: Format, applied: usize) {
    match format {
        Format::Json => json_line(&json!({"event": "public", "applied": applied})),
        Format::Text => terminal::line(&format!("control plane  {applied} applied")),
    }
}

/// Says that nothing is missing.
pub(super) fn current(format: Format, scope: Scope) {
    let whose = match scope {
        Scope::All => "all current",
        Scope::Some => "those selected are current",
    };
    match format {
        Format::Json => json_line(&json!({"event": "current"})),
        Format::Text => terminal::line(&format!("tenants        {whose}")),
    }
}

/// Where a run is shown.
pub(super) struct Display {
    format: Format,
    scope: Scope,
    slugs: Slugs,
    each: Each,
    bar: Mutex<Option<ProgressBar>>,
}

impl Display {
    pub(super) fn new(format: Format, scope: Scope, slugs: Slugs) -> Self {
        Self {
            format,
            scope,
            slugs,
            each: Each::Failed,
            bar: Mutex::new(None),
        }
    }

    pub(super) fn showing_each(self, each: Each) -> Self {
        Self { each, ..self }
    }

    /// Shows what happened.
    pub(super) fn event(&self, event: &Event) {
        if self.format == Format::Json {
            if let Ok(mut value) = serde_json::to_value(event) {
                self.complete(event, &mut value);
                json_line(&value);
            }
            return;
        }
        match event {
            Event::Started(run) => self.started(run),
            Event::Wave { .. } => {}
            Event::Tenant(came) => self.came(came),
            Event::Finished(run) => self.finished(run),
        }
    }

    fn complete(&self, event: &Event, value: &mut Value) {
        self.slugs.add_to(value);
        if let Event::Started(run) | Event::Finished(run) = event {
            add_times(value, run);
        }
    }

    fn started(&self, run: &Run) {
        let left = run.total.saturating_sub(run.done);
        terminal::line(&format!("run            {}", run.id));
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(u64::from(left));
            if let Ok(style) = ProgressStyle::with_template(BAR) {
                bar.set_style(style);
            }
            *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
        }
    }

    fn came(&self, came: &Came) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a bar nobody waits for it: the end names those that failed.
        let line = match self.each {
            _ if came.state.is_failure() && bar.is_some() => Some(self.slugs.failure(came)),
            Each::Shown => Some(self.told(came)),
            Each::Failed => None,
        };
        match (bar.as_ref(), line) {
            (Some(bar), Some(line)) => bar.suspend(|| terminal::line(&line)),
            (None, Some(line)) => terminal::line(&line),
            (_, None) => {}
        }
        if let Some(bar) = bar.as_ref() {
            bar.inc(1);
        }
    }

    fn told(&self, came: &Came) -> String {
        let name = self.slugs.name(came.tenant);
        format!(
            "{name}  {} at version {}",
            came.state.as_str(),
            came.version
        )
    }

    fn finished(&self, run: &Run) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = bar.as_ref() {
            bar.finish_and_clear();
        }
        let mut lines = self.slugs.failures(run);
        lines.extend(summary(run, self.scope));
        lines.iter().for_each(|line| terminal::line(line));
    }
}

/// Says how a run ended, and how to go on.
fn summary(run: &Run, scope: Scope) -> Vec<String> {
    let word = match (run.state, run.kind) {
        (RunState::Succeeded, RunKind::Rehearse) => "rehearsed, nothing changed",
        (RunState::Succeeded, RunKind::Rollback) => "undone",
        (RunState::Succeeded, RunKind::Up) if scope == Scope::All => "all current",
        (RunState::Succeeded, RunKind::Up) => "done",
        (RunState::Halted, _) => "halted: too many failed",
        (RunState::Interrupted, _) => "interrupted",
        _ => "some failed",
    };
    let left = run
        .total
        .saturating_sub(run.done)
        .saturating_sub(run.failed);
    let left = match left {
        0 => String::new(),
        left => format!(", {left} left"),
    };
    let mut lines = vec![format!(
        "tenants        {} done, {} failed{left}: {word}",
        run.done, run.failed
    )];
    let stopped = matches!(run.state, RunState::Halted | RunState::Interrupted);
    if stopped || (run.failed > 0 && run.kind == RunKind::Rollback) {
        lines.push(format!("go on with     resido migrate resume {}", run.id));
    } else if run.failed > 0 && run.kind == RunKind::Up {
        lines.push(format!("try again with resido migrate retry {}", run.id));
    }
    lines
}

fn json_line(value: &Value) {
    terminal::line(&value.to_string());
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use resido_migrations::{ItemState, Order};
    use resido_proto::ids::{MigrationRunId, TenantId};

    use super::*;

    fn run(state: RunState, (done, failed): (u32, u32)) -> Run {
        let came = Came {
            tenant: TenantId::new(),
            state: ItemState::Failed,
            version: 2,
            files: 0,
            ms: 3,
            error: "42P07".into(),
            message: "migration 3 (extra) failed: relation exists".into(),
        };
        Run {
            id: MigrationRunId::new(),
            kind: RunKind::Up,
            of: None,
            state,
            target: 3,
            total: 200,
            done,
            failed,
            failures: vec![came; usize::try_from(failed.min(100)).unwrap()],
            actor: "operator".into(),
            created: SystemTime::UNIX_EPOCH,
            ended: None,
        }
    }

    #[test]
    fn the_end_names_each_failed_tenant_with_its_code() {
        let failed = run(RunState::Failed, (198, 2));
        let slugs = Slugs::from([(failed.failures[0].tenant, "acme")]);
        let lines = slugs.failures(&failed);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("acme  42P07  migration 3 (extra) failed"));
        let id = failed.failures[0].tenant.to_string();
        assert!(Slugs::default().failures(&failed)[0].starts_with(&id));
        let lines = summary(&failed, Scope::All);
        assert_eq!(lines[0], "tenants        198 done, 2 failed: some failed");
        assert!(lines[1].starts_with("try again with resido migrate retry "));
        let halted = run(RunState::Halted, (20, 150));
        assert_eq!(slugs.failures(&halted)[100], "and 50 more");
        assert_eq!(
            summary(&halted, Scope::All)[0],
            "tenants        20 done, 150 failed, 30 left: halted: too many failed"
        );
    }

    #[test]
    fn success_is_told_by_what_was_done() {
        for (kind, scope, word) in [
            (RunKind::Up, Scope::All, "all current"),
            (RunKind::Up, Scope::Some, "done"),
            (RunKind::Rehearse, Scope::All, "rehearsed, nothing changed"),
            (RunKind::Rollback, Scope::Some, "undone"),
        ] {
            let run = Run {
                kind,
                ..run(RunState::Succeeded, (200, 0))
            };
            let expected = format!("tenants        200 done, 0 failed: {word}");
            assert_eq!(summary(&run, scope), [expected]);
        }
    }

    #[test]
    fn a_run_is_for_all_tenants_only_if_nothing_was_left_out() {
        let asked = |task, selection| Request {
            task,
            selection,
            ..Request::of("operator")
        };
        let any = Selection {
            order: Order::Any,
            ..Selection::default()
        };
        let some = Selection {
            to: Some(2),
            ..Selection::default()
        };
        let retry = Task::Retry(MigrationRunId::new());
        for (task, selection, scope) in [
            (Task::Up, any, Scope::All),
            (Task::Up, some, Scope::Some),
            (retry, Selection::default(), Scope::Some),
        ] {
            assert_eq!(Scope::of(&asked(task, selection)), scope);
        }
    }

    #[test]
    fn programs_get_slugs_and_times_beside_ids() {
        let failed = run(RunState::Failed, (199, 1));
        let slugs = Slugs::from([(failed.failures[0].tenant, "acme")]);
        let value = slugs.described(&failed).unwrap();
        assert_eq!(value["failures"][0]["slug"], "acme");
        assert!(value["failures"][0]["tenant"].is_string());
        assert_eq!(value["createTime"], "1970-01-01T00:00:00Z");
        let display = Display::new(Format::Json, Scope::All, slugs);
        let event = Event::Tenant(failed.failures[0].clone());
        let mut value = serde_json::to_value(&event).unwrap();
        display.complete(&event, &mut value);
        assert_eq!(value["slug"], "acme");
    }
}
