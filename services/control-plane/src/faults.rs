//! Points at which a process can be made to die, to prove that nothing is left
//! half done.
//!
//! Dying is modelled by what it means to the database: the work's connection is
//! dropped where it stands and nothing of the work runs any more, no rollback, no
//! clean-up. Without a point set, passing one costs a comparison.

use std::future::pending;

use tokio_util::sync::CancellationToken;

/// A point in the life of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The tenant's row and its operation are committed, nothing else is.
    Reserved,
    /// The schema is made, not committed.
    SchemaMade,
    /// Everything is made, not committed.
    MadeWhole,
    /// The tenant is active; nobody has been told.
    Made,
    /// The tenant is marked as deleted and shut, not committed.
    DeletionMade,
    /// The tenant is deleted; nobody has been told.
    Deleted,
    /// The purge is committed to; nothing is removed.
    PurgeBegun,
    /// Schema and roles are dropped, not committed.
    SchemaDropped,
    /// Everything is removed, not committed.
    RowsDeleted,
    /// Everything is removed; the proof is not looked up.
    Purged,
    /// The proof is written; nobody has been told.
    Proved,
}

impl Step {
    /// All points, in the order of a tenant's life.
    pub const ALL: [Self; 11] = [
        Self::Reserved,
        Self::SchemaMade,
        Self::MadeWhole,
        Self::Made,
        Self::DeletionMade,
        Self::Deleted,
        Self::PurgeBegun,
        Self::SchemaDropped,
        Self::RowsDeleted,
        Self::Purged,
        Self::Proved,
    ];
}

/// Where a process dies; by default nowhere. Clones die together.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    at: Option<(Step, CancellationToken)>,
}

impl Faults {
    /// Dies at a point.
    #[must_use]
    pub fn at(step: Step) -> Self {
        Self {
            at: Some((step, CancellationToken::new())),
        }
    }

    /// Goes past a point, or dies there and never returns.
    pub(crate) async fn pass(&self, step: Step) {
        if let Some((at, died)) = &self.at
            && *at == step
        {
            died.cancel();
            pending::<()>().await;
        }
    }

    /// Returns when the point was reached, which is never by default.
    pub async fn died(&self) {
        match &self.at {
            Some((_, died)) => died.cancelled().await,
            None => pending().await,
        }
    }
}

/// Two are alike that die at the same point.
impl PartialEq for Faults {
    fn eq(&self, other: &Self) -> bool {
        let step = |faults: &Self| faults.at.as_ref().map(|(step, _)| *step);
        step(self) == step(other)
    }
}

impl Eq for Faults {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_process_dies_at_its_point_and_nowhere_else() {
        let faults = Faults::at(Step::Made);
        faults.pass(Step::Reserved).await;
        let second = Duration::from_secs(1);
        assert!(timeout(second, faults.died()).await.is_err());
        assert!(timeout(second, faults.pass(Step::Made)).await.is_err());
        let clone = faults.clone();
        timeout(second, clone.died()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn by_default_nothing_dies() {
        for step in Step::ALL {
            Faults::default().pass(step).await;
        }
        let faults = Faults::default();
        let died = timeout(Duration::from_secs(60), faults.died());
        assert!(died.await.is_err());
    }
}
