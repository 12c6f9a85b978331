//! When keys were last used, written down beside the calls.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use resido_proto::ids::ApiKeyId;
use resido_tenancy::db::PublicDatabase;
use tokio_util::sync::CancellationToken;

use super::store;
use crate::Error;

/// Keys that wait to be written at most; the uses of others are not.
const MAX_WAITING: usize = 1024;
/// Time between two writes.
const EVERY: Duration = Duration::from_secs(2);

/// The uses that are still to be written; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uses {
    waiting: Arc<Mutex<BTreeSet<ApiKeyId>>>,
}

impl Uses {
    /// Notes that a key was used.
    pub(super) fn note(&self, key: ApiKeyId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MAX_WAITING {
            waiting.insert(key);
        }
    }

    /// Writes what was noted until `closing`, and once more then.
    pub(crate) async fn run(self, db: PublicDatabase, closing: CancellationToken) {
        let mut open = true;
        while open {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = closing.cancelled() => open = false,
            }
            if let Err(error) = self.write(&db).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the last uses of API keys could not be written");
            }
        }
    }

    async fn write(&self, db: &PublicDatabase) -> Result<(), Error> {
        let used = self.take();
        if used.is_empty() {
            return Ok(());
        }
        let tx = db.begin(None).await?;
        let written = store::used(&tx, &used).await;
        tx.finish(written).await
    }

    fn take(&self) -> Vec<ApiKeyId> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_used_often_waits_once() {
        let (uses, key) = (Uses::default(), ApiKeyId::new());
        uses.note(key);
        uses.clone().note(key);
        assert_eq!(uses.take(), [key]);
        assert_eq!(uses.take(), []);
    }

    #[test]
    fn no_more_keys_wait_than_may() {
        let uses = Uses::default();
        for _ in 0..MAX_WAITING + 10 {
            uses.note(ApiKeyId::new());
        }
        assert_eq!(uses.take().len(), MAX_WAITING);
    }
}
