//! Runs, and what comes of a tenant in one.

use std::time::SystemTime;

use resido_proto::{
    error::Failure as _,
    ids::{MigrationRunId, TenantId},
};
use serde::{Deserialize, Serialize};

use crate::{Error, one::Progress};

/// Failures that a run names, at most; the others are among its items.
pub(super) const MAX_FAILURES: usize = 100;

/// Gives a set of states its words, which the database and JSON have too.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// Returns its word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// Returns what a word stands for.
            #[must_use]
            pub fn named(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// What a run does.
    RunKind {
        /// It applies files.
        Up => "up",
        /// It applies them and undoes it.
        Rehearse => "rehearse",
        /// It undoes another run.
        Rollback => "rollback",
    }
}

words! {
    /// How a run stands.
    RunState {
        /// Tenants are being worked on.
        Running => "running",
        /// All tenants are as they should be.
        Succeeded => "succeeded",
        /// Some tenants failed.
        Failed => "failed",
        /// Too many failed; the others were left alone.
        Halted => "halted",
        /// Its process was asked to end.
        Interrupted => "interrupted",
        /// Its process died.
        Abandoned => "abandoned",
    }
}

words! {
    /// How a tenant stands in a run.
    ItemState {
        /// It was not come to yet.
        Pending => "pending",
        /// Files were applied.
        Done => "done",
        /// Nothing was missing.
        SkippedCurrent => "skipped_current",
        /// It is newer than the files; it was left alone.
        Ahead => "ahead",
        /// A file was edited after it was applied, or one is missing between; it was
        /// left alone.
        BlockedChecksum => "blocked_checksum",
        /// Another process worked on it all the time.
        WaitingLock => "waiting_lock",
        /// A file failed; the tenant is as it was before that one.
        Failed => "failed",
        /// What was done is undone.
        RolledBack => "rolled_back",
    }
}

impl ItemState {
    /// Whether the tenant is not as the run would have it.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::BlockedChecksum | Self::WaitingLock | Self::Failed
        )
    }
}

/// A run of migrations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Which one.
    pub id: MigrationRunId,
    /// What it does.
    pub kind: RunKind,
    /// The run that it undoes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<MigrationRunId>,
    /// How it stands.
    pub state: RunState,
    /// The last file that it applies.
    pub target: i64,
    /// How many tenants it is for.
    pub total: u32,
    /// How many are as they should be.
    pub done: u32,
    /// How many are not.
    pub failed: u32,
    /// What came of those that failed, the first hundred.
    pub failures: Vec<Came>,
    /// Who asked for it.
    pub actor: String,
    /// When it began.
    #[serde(skip)]
    pub created: SystemTime,
    /// When it ended.
    #[serde(skip)]
    pub ended: Option<SystemTime>,
}

/// What came of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Came {
    /// Which one.
    pub tenant: TenantId,
    /// How it stands.
    pub state: ItemState,
    /// The version of its schema now, where it is known.
    pub version: i64,
    /// How many files were applied or undone.
    #[serde(default)]
    pub files: u32,
    /// Milliseconds that it took.
    #[serde(default)]
    pub ms: u64,
    /// The SQLSTATE of a failure, or a reason; empty otherwise.
    #[serde(default)]
    pub error: String,
    /// What the failure says, for operators.
    #[serde(default)]
    pub message: String,
}

impl Run {
    /// Counts what came of a tenant.
    pub(super) fn count(&mut self, came: &Came) {
        if came.state.is_failure() {
            self.failed += 1;
            if self.failures.len() < MAX_FAILURES {
                self.failures.push(came.clone());
            }
        } else {
            self.done += 1;
        }
    }
}

impl Came {
    /// Says what work on a tenant came to.
    pub(super) fn of(
        (tenant, kind): (TenantId, RunKind),
        progress: Progress,
        result: Result<(), Error>,
        ms: u64,
    ) -> Self {
        let mut came = Self {
            tenant,
            state: match (kind, progress.files) {
                (_, 0) => ItemState::SkippedCurrent,
                (RunKind::Rollback, _) => ItemState::RolledBack,
                _ => ItemState::Done,
            },
            version: progress.version,
            files: progress.files,
            ms,
            error: String::new(),
            message: String::new(),
        };
        if let Err(error) = result {
            came.fail(kind, &error);
        }
        came
    }

    fn fail(&mut self, kind: RunKind, error: &Error) {
        self.state = match error {
            // Nothing can be undone with files that are not there.
            Error::Ahead { .. } if kind != RunKind::Rollback => ItemState::Ahead,
            // It went out of service since the run was planned.
            Error::NotServed { .. } => ItemState::SkippedCurrent,
            Error::Changed { .. } | Error::Gap { .. } => ItemState::BlockedChecksum,
            Error::Locked => ItemState::WaitingLock,
            _ => ItemState::Failed,
        };
        if self.state.is_failure() {
            error
                .sqlstate()
                .unwrap_or_else(|| error.reason())
                .clone_into(&mut self.error);
            self.message = error.in_full();
        }
    }
}
