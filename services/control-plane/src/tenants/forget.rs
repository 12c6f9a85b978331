//! What is forgotten when it is old, a bounded piece of each kind at a time.

use resido_tenancy::db::PublicTx;

use super::{names, records};
use crate::{Error, auth, fleet, outbox};

/// A kind of what is forgotten.
#[derive(Debug, Clone, Copy)]
pub(super) enum Old {
    LogIns,
    Names,
    News,
    Operations,
    Runs,
}

impl Old {
    pub(super) const ALL: [Self; 5] = [
        Self::LogIns,
        Self::Names,
        Self::News,
        Self::Operations,
        Self::Runs,
    ];

    /// Returns what the log calls forgetting it.
    pub(super) fn step(self) -> &'static str {
        match self {
            Self::LogIns => "forget log-ins",
            Self::Names => "forget former names",
            Self::News => "forget news",
            Self::Operations => "forget operations",
            Self::Runs => "forget runs of migrations",
        }
    }

    /// Forgets some; of operations returns how many, of runs how many were
    /// abandoned.
    pub(super) async fn forget(self, tx: &PublicTx) -> Result<u64, Error> {
        match self {
            Self::LogIns => auth::prune(tx).await?,
            Self::Names => names::prune(tx).await?,
            Self::News => outbox::prune(tx).await?,
            Self::Operations => return records::forget(tx).await,
            Self::Runs => return fleet::sweep(tx).await,
        }
        Ok(0)
    }
}
