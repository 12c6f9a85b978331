//! Why long work failed, where the answer to a call does not say it: codes in
//! operations, in runs of migrations and in the audit log.

/// Why long work failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A statement of a migration failed.
    MigrationFailed,
    /// A tenant in service had no schema any more.
    SchemaLost,
}

impl Cause {
    /// Returns the code.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::MigrationFailed => "MIGRATION_FAILED",
            Self::SchemaLost => "SCHEMA_LOST",
        }
    }
}
