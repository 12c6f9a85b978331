//! One stream: first the whole state or what was missed, then the news.

use std::{sync::Arc, time::Duration};

use resido_observability::Metrics;
use resido_proto::tenancy::v1 as proto;
use resido_tenancy::{context::CallContext, db::PublicDatabase, server::into_status};
use tokio::sync::{Semaphore, broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::Status;

use super::{
    feed::{Feed, read_changes},
    model::{self, News},
    store::{self, Memberships},
};
use crate::Error;

/// Messages that wait for a reader at most.
const QUEUE: usize = 16;
/// How long a message waits for a reader; then the stream is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the word of why a stream ends waits for a reader: the end of the
/// process waits with it.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What a call is answered with.
pub(crate) type WatchStream = ReceiverStream<Result<proto::WatchTenantsResponse, Status>>;
type Out = mpsc::Sender<Result<proto::WatchTenantsResponse, Status>>;

/// Serves the streams; clones share their number.
#[derive(Clone)]
pub(crate) struct Watches {
    db: PublicDatabase,
    feed: Feed,
    places: Arc<Semaphore>,
    metrics: Metrics,
    tracker: TaskTracker,
    closing: CancellationToken,
}

/// Why a stream ends.
enum End {
    /// Nobody reads it any more.
    Unread,
    /// We cannot go on.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Watches {
    /// Serves at most `streams` streams with what `feed` hands out.
    pub(crate) fn new(
        db: PublicDatabase,
        feed: Feed,
        streams: u16,
        metrics: Metrics,
        (tracker, closing): (TaskTracker, CancellationToken),
    ) -> Self {
        Self {
            db,
            feed,
            places: Arc::new(Semaphore::new(streams.max(1).into())),
            metrics,
            tracker,
            closing,
        }
    }

    /// Opens a stream.
    pub(crate) fn open(
        &self,
        ctx: &CallContext,
        request: proto::WatchTenantsRequest,
    ) -> Result<WatchStream, Error> {
        ctx.internal()?;
        if self.closing.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Error::WatchBusy)?;
        let (out, stream) = mpsc::channel(QUEUE);
        let watches = self.clone();
        self.tracker.spawn(async move {
            let _counted = watches.metrics.watch_stream();
            let served = tokio::select! {
                end = watches.serve(request.after_sequence, &out) => end,
                () = watches.closing.cancelled() => Err(End::Failed(Error::ShuttingDown)),
            };
            if let Err(End::Failed(error)) = served {
                let status = into_status(&error);
                let _read = out.send_timeout(Err(status), LAST_WORD).await.is_ok();
            }
            drop(place);
        });
        Ok(ReceiverStream::new(stream))
    }

    /// Subscribes before reading, so that nothing falls between the two.
    async fn serve(&self, after: i64, out: &Out) -> Result<(), End> {
        let mut news = self.feed.subscribe();
        let mut last = self.begin(after, out).await?;
        loop {
            let heard = tokio::select! {
                heard = news.recv() => heard,
                () = out.closed() => return Err(End::Unread),
            };
            match heard.as_deref() {
                Ok(News::Change(change)) if change.sequence > last => {
                    last = change.sequence;
                    if let Some(message) = change.message() {
                        send(out, message).await?;
                    }
                }
                Ok(News::Change(_)) => {}
                Ok(News::Alive(sequence)) => {
                    if *sequence > last {
                        last = self.catch_up(last, out).await?;
                    }
                    send(out, model::heartbeat(last)).await?;
                }
                Ok(News::Restored) => last = self.begin(0, out).await?,
                // It may be that word which was passed by.
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    last = self.begin(last, out).await?;
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            }
        }
    }

    /// Sends what was missed, or the whole state where that cannot be told.
    async fn begin(&self, after: i64, out: &Out) -> Result<i64, End> {
        let tx = self.db.begin(None).await?;
        let bounds = store::bounds(&tx).await;
        let bounds = tx.finish(bounds).await?;
        if bounds.reach_back_to(after) {
            let last = self.catch_up(after, out).await?;
            send(out, model::heartbeat(last)).await?;
            return Ok(last);
        }
        self.snapshot(bounds.last, out).await?;
        Ok(bounds.last)
    }

    /// Sends the whole state as it is at `sequence` or later; what it says too
    /// early is said again by a change.
    async fn snapshot(&self, sequence: i64, out: &Out) -> Result<(), End> {
        let mut after = None;
        loop {
            let tx = self.db.begin(None).await?;
            let routes = store::routes(&tx, after).await;
            let routes = tx.finish(routes).await?;
            after = routes.last().map(|route| route.id);
            let more = routes.len() == store::PART;
            send(out, model::snapshot(routes, Vec::new(), false, sequence)).await?;
            if !more {
                break;
            }
        }
        // Those that are gone come last: one may end while the others are read.
        for which in [Memberships::Present, Memberships::Staff, Memberships::Gone] {
            self.snapshot_memberships(which, sequence, out).await?;
        }
        Ok(())
    }

    async fn snapshot_memberships(
        &self,
        which: Memberships,
        sequence: i64,
        out: &Out,
    ) -> Result<(), End> {
        let mut after = None;
        loop {
            let tx = self.db.begin(None).await?;
            let epochs = store::memberships(&tx, which, after.as_ref()).await;
            let epochs = tx.finish(epochs).await?;
            after = epochs.last().copied();
            let end = epochs.len() < store::PART;
            let last = end && which == Memberships::Gone;
            send(out, model::snapshot(Vec::new(), epochs, last, sequence)).await?;
            if end {
                return Ok(());
            }
        }
    }

    /// Reads and sends everything after a number; returns the last one.
    async fn catch_up(&self, after: i64, out: &Out) -> Result<i64, End> {
        let mut last = after;
        loop {
            let changes = read_changes(&self.db, last).await?;
            let more = changes.len() == store::PART;
            for change in &changes {
                last = change.sequence;
                if let Some(message) = change.message() {
                    send(out, message).await?;
                }
            }
            if !more {
                return Ok(last);
            }
        }
    }
}

async fn send(out: &Out, message: proto::WatchTenantsResponse) -> Result<(), End> {
    let sent = out.send_timeout(Ok(message), PATIENCE).await;
    sent.map_err(|_| End::Unread)
}
