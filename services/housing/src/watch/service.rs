//! One stream. Nothing runs while nobody reads it, and it ends with its reader.

use std::{
    collections::VecDeque,
    pin::Pin,
    time::{Duration, SystemTime},
};

use futures_util::{Stream, stream};
use resido_proto::housing::v1::{
    self as proto,
    watch_work_orders_response::{Event, Heartbeat},
};
use resido_tenancy::{
    context::TenantContext,
    db::{self, Access, TenantDatabase},
    server::into_status,
};
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Status;

use super::{
    bell::{Bell, Seat},
    store::{self, News},
    token::Place,
};
use crate::{Error, roles::ANYBODY, work_orders::service::READ};

/// Time between two looks for what others have changed.
const POLL: Duration = Duration::from_secs(1);
/// Time without an event after which a sign of life is sent.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Reads that may fail in a row because the database is busy or away.
const MAX_FAILURES: u32 = 15;

/// What a call is answered with.
pub(crate) type Watched =
    Pin<Box<dyn Stream<Item = Result<proto::WatchWorkOrdersResponse, Status>> + Send>>;

/// Opens a stream; the first event is a sign of life, with the place it begins at.
///
/// # Errors
/// If the caller may not read, the token is of no use, or too many are open.
pub(crate) async fn open(
    ctx: TenantContext,
    db: TenantDatabase,
    bell: &Bell,
    request: proto::WatchWorkOrdersRequest,
) -> Result<Watched, Error> {
    ctx.call().require(ANYBODY, READ)?;
    let now = SystemTime::now();
    let token = Some(request.resume_token).filter(|token| !token.is_empty());
    let asked = token.map(|token| Place::parse(&token, now)).transpose()?;
    let seat = bell.sit(ctx.id())?;
    let tx = db.begin(&ctx, Access::Read).await?;
    let newest = store::newest(&tx).await;
    let newest = tx.finish(newest).await?;
    let place = match asked {
        // Of a database that was restored since.
        Some(asked) if asked.event > newest => return Err(Error::ResumeTokenExpired),
        Some(asked) => asked,
        None => Place {
            event: newest,
            at: now,
        },
    };
    let watch = Watch {
        ctx,
        db,
        seat,
        place,
        waiting: VecDeque::from([alive(place)]),
        said: Instant::now(),
        failures: 0,
    };
    Ok(Box::pin(stream::try_unfold(
        watch,
        async |mut watch| match watch.next().await {
            Ok(event) => Ok(Some((event, watch))),
            Err(error) => Err(into_status(&error)),
        },
    )))
}

/// A stream between two events.
struct Watch {
    ctx: TenantContext,
    db: TenantDatabase,
    seat: Seat,
    /// Behind what was read last.
    place: Place,
    /// What was read and not said yet.
    waiting: VecDeque<proto::WatchWorkOrdersResponse>,
    /// When something was said last.
    said: Instant,
    failures: u32,
}

impl Watch {
    async fn next(&mut self) -> Result<proto::WatchWorkOrdersResponse, Error> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.said = Instant::now();
                return Ok(event);
            }
            // What rings from here on may come too late for this read.
            self.seat.hush();
            self.read().await?;
            if !self.waiting.is_empty() {
                continue;
            }
            let silent_until = self.said + HEARTBEAT;
            if Instant::now() >= silent_until {
                self.waiting.push_back(alive(self.place));
                continue;
            }
            tokio::select! {
                () = self.seat.rung() => {}
                () = sleep(POLL) => {}
                () = sleep_until(silent_until) => {}
            }
        }
    }

    /// Reads what comes behind the place. That the database is busy or away
    /// passes, mostly.
    async fn read(&mut self) -> Result<(), Error> {
        let now = SystemTime::now();
        match self.news().await {
            Ok(news) => {
                self.failures = 0;
                if news.is_empty() {
                    self.place.at = now;
                }
                for news in news {
                    self.place = Place {
                        event: news.event,
                        at: news.at,
                    };
                    self.waiting.push_back(changed(news));
                }
                Ok(())
            }
            Err(error) if passes(&error) && self.failures < MAX_FAILURES => {
                self.failures += 1;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn news(&self) -> Result<Vec<News>, Error> {
        let _turn = self.seat.turn().await;
        let tx = self.db.begin(&self.ctx, Access::Read).await?;
        let news = store::news(&tx, self.place.event).await;
        tx.finish(news).await
    }
}

/// Whether a failure may be gone a second later, and says nothing of the tenant.
fn passes(error: &Error) -> bool {
    matches!(
        error,
        Error::Database(
            db::Error::Away(_)
                | db::Error::PoolBusy
                | db::Error::TenantBusy
                | db::Error::Conflict(_)
        )
    )
}

fn changed(news: News) -> proto::WatchWorkOrdersResponse {
    let place = Place {
        event: news.event,
        at: news.at,
    };
    let event = match news.work_order {
        Some(work_order) => Event::WorkOrder(work_order.into()),
        None => Event::Deleted(news.id.name()),
    };
    response(event, place)
}

fn alive(place: Place) -> proto::WatchWorkOrdersResponse {
    response(Event::Heartbeat(Heartbeat {}), place)
}

fn response(event: Event, place: Place) -> proto::WatchWorkOrdersResponse {
    proto::WatchWorkOrdersResponse {
        event: Some(event),
        resume_token: place.to_token(),
    }
}
