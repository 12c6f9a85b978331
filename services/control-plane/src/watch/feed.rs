//! Reads what is new, once for all streams of the process.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use resido_tenancy::db::PublicDatabase;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::{
    model::{Change, News},
    store,
};
use crate::{Error, outbox};

/// News that a stream may lag behind; beyond that it reads by itself.
const BACKLOG: usize = 1024;
/// Time between a read that failed and the next one; it doubles with each that
/// fails again, up to the time between two signs of life.
const RETRY: Duration = Duration::from_millis(250);

/// Hands out news; clones hand out the same.
#[derive(Clone)]
pub(crate) struct Feed {
    sender: broadcast::Sender<Arc<News>>,
}

impl Feed {
    /// Returns a feed that nobody fills yet.
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
        }
    }

    /// Hears everything that is handed out from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<News>> {
        self.sender.subscribe()
    }

    /// Hands out changes as the database notifies of them, and a sign of life
    /// every so often, until `closing`.
    pub(crate) async fn run(
        self,
        db: PublicDatabase,
        heartbeat: Duration,
        closing: CancellationToken,
    ) {
        let mut ticks = tokio::time::interval(heartbeat);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut listener = match db.listen(outbox::CHANNEL) {
            Ok(listener) => listener,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the feed cannot listen to the database");
                return;
            }
        };
        let (mut last, mut retry) = (None, None);
        loop {
            let alive = tokio::select! {
                () = closing.cancelled() => return,
                _ = ticks.tick() => true,
                // It went unsaid then, and the streams have been silent since.
                () = tokio::time::sleep(retry.unwrap_or_default()), if retry.is_some() => true,
                heard = listener.next() => {
                    if heard.is_none() {
                        return;
                    }
                    // One read answers all notices that wait.
                    while listener.next().now_or_never().flatten().is_some() {}
                    false
                }
            };
            let Err(error) = self.read(&db, &mut last, alive).await else {
                retry = None;
                continue;
            };
            // Silence tells the streams' readers.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the feed could not read what is new");
            let longer = retry.map_or(RETRY, |wait: Duration| wait * 2);
            retry = Some(longer.min(heartbeat));
        }
    }

    /// Hands out what came after `last`. Knowing nothing yet, says only how far
    /// things are: streams that know less read for themselves.
    async fn read(
        &self,
        db: &PublicDatabase,
        last: &mut Option<i64>,
        alive: bool,
    ) -> Result<(), Error> {
        let Some(mut seen) = *last else {
            let tx = db.begin(None).await?;
            let bounds = store::bounds(&tx).await;
            let seen = tx.finish(bounds).await?.last;
            *last = Some(seen);
            self.hand_out(News::Alive(seen));
            return Ok(());
        };
        loop {
            let changes = read_changes(db, seen).await?;
            let more = changes.len() == store::PART;
            for change in changes {
                seen = change.sequence;
                self.hand_out(News::Change(change));
            }
            *last = Some(seen);
            if !more {
                break;
            }
        }
        if alive {
            self.hand_out(News::Alive(seen));
        }
        Ok(())
    }

    pub(super) fn hand_out(&self, news: News) {
        // Nobody may be there to hear.
        let _heard = self.sender.send(Arc::new(news)).is_ok();
    }
}

/// Reads the changes after a number, a part at most.
pub(super) async fn read_changes(db: &PublicDatabase, after: i64) -> Result<Vec<Change>, Error> {
    let tx = db.begin(None).await?;
    let changes = store::changes(&tx, after).await;
    tx.finish(changes).await
}
