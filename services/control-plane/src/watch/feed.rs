//! Reads what is new, once for all streams of the process.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt as _;
use resido_tenancy::db::{Heard, PublicDatabase};
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
/// Time before a feed that ended is started again.
const RESTART: Duration = Duration::from_secs(1);
/// Stands for the number of the last change while none is known.
const UNKNOWN: i64 = -1;

/// Hands out news; clones hand out the same.
#[derive(Clone)]
pub(crate) struct Feed {
    sender: broadcast::Sender<Arc<News>>,
    /// The number up to which everything was handed out.
    seen: Arc<AtomicI64>,
}

impl Feed {
    /// Returns a feed that nobody fills yet.
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
            seen: Arc::new(AtomicI64::new(UNKNOWN)),
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
        let follow = || self.follow(&db, heartbeat);
        tokio::select! {
            () = again_and_again(follow) => {}
            () = closing.cancelled() => {}
        }
    }

    /// Hands out news until it cannot go on; returns why.
    async fn follow(&self, db: &PublicDatabase, heartbeat: Duration) -> Error {
        let mut ticks = tokio::time::interval(heartbeat);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut listener = match db.listen(outbox::CHANNEL) {
            Ok(listener) => listener,
            Err(error) => return error.into(),
        };
        let (mut unsure, mut retry) = (true, None);
        loop {
            let alive = tokio::select! {
                _ = ticks.tick() => true,
                // It went unsaid then, and the streams have been silent since.
                () = tokio::time::sleep(retry.unwrap_or_default()), if retry.is_some() => true,
                first = listener.next() => {
                    let Some(first) = first else {
                        return Error::Fault("the listener to the database ended");
                    };
                    // One read answers all notices that wait.
                    let waiting = || listener.next().now_or_never().flatten();
                    unsure |= std::iter::once(first)
                        .chain(std::iter::from_fn(waiting))
                        .fold(false, |new, heard| new | (heard == Heard::Connected));
                    false
                }
            };
            let Err(error) = self.read(db, &mut unsure, alive).await else {
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

    /// Hands out what came after the last change. Where the connection is new,
    /// makes sure of that change first: the database may have been restored.
    async fn read(&self, db: &PublicDatabase, unsure: &mut bool, alive: bool) -> Result<(), Error> {
        if *unsure {
            self.make_sure(db).await?;
            *unsure = false;
        }
        let mut seen = self.seen.load(Ordering::Relaxed);
        loop {
            let changes = read_changes(db, seen).await?;
            let more = changes.len() == store::PART;
            for change in changes {
                seen = change.sequence;
                self.hand_out(News::Change(change));
            }
            self.seen.store(seen, Ordering::Relaxed);
            if !more {
                break;
            }
        }
        if alive {
            self.hand_out(News::Alive(seen));
        }
        Ok(())
    }

    /// Makes sure that everything after the last change can still be read.
    /// Knowing nothing yet, says only how far things are: streams that know less
    /// read for themselves.
    async fn make_sure(&self, db: &PublicDatabase) -> Result<(), Error> {
        let tx = db.begin(None).await?;
        let bounds = store::bounds(&tx).await;
        let bounds = tx.finish(bounds).await?;
        let seen = self.seen.load(Ordering::Relaxed);
        if bounds.hold_all_after(seen) {
            return Ok(());
        }
        self.seen.store(bounds.last, Ordering::Relaxed);
        if seen == UNKNOWN {
            self.hand_out(News::Alive(bounds.last));
        } else {
            tracing::warn!(
                seen,
                first = bounds.first,
                last = bounds.last,
                "changes cannot be gone on from: the database was restored, or nobody listened"
            );
            self.hand_out(News::Restored);
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

/// Starts what never should end again and again, even after a panic.
async fn again_and_again<F: Future<Output = Error>>(mut start: impl FnMut() -> F) {
    loop {
        // What it shares is a number and a channel, each whole at any time.
        match AssertUnwindSafe(start()).catch_unwind().await {
            Ok(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the feed ended; it is started again");
            }
            Err(_panic) => tracing::error!("the feed panicked; it is started again"),
        }
        tokio::time::sleep(RESTART).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_feed_that_ends_or_panics_is_started_again() {
        let mut starts = 0;
        let feed = again_and_again(|| {
            starts += 1;
            let start = starts;
            async move {
                match start {
                    1 => Error::Fault("a fault"),
                    2 => panic!("a panic"),
                    _ => std::future::pending().await,
                }
            }
        });
        let running = tokio::time::timeout(RESTART * 5, feed).await;
        assert!(running.is_err(), "it never ends by itself");
        assert_eq!(starts, 3);
    }
}
