//! A reader of the stream of changes.

use std::time::Duration;

use resido_proto::tenancy::v1::{
    MembershipEpoch, TenantRoute, WatchTenantsRequest, WatchTenantsResponse,
    watch_tenants_response::{Event, Snapshot},
};
use tokio::time::timeout;
use tonic::Streaming;

use super::plane::{Caller, Plane};

/// How long anything may take to come.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// An open stream.
pub(super) struct Watch {
    pub(super) stream: Streaming<WatchTenantsResponse>,
    /// The number of the last message.
    pub(super) last: i64,
}

/// The whole state, as a stream begins with it.
#[derive(Default)]
pub(super) struct Whole {
    /// Sizes of the parts.
    pub(super) parts: Vec<usize>,
    pub(super) tenants: Vec<TenantRoute>,
    pub(super) memberships: Vec<MembershipEpoch>,
}

impl Watch {
    /// Opens a stream that goes on behind a number.
    pub(super) async fn open(plane: &Plane, after_sequence: i64) -> Self {
        let watch = WatchTenantsRequest { after_sequence };
        let watch = plane.request(Caller::Gateway, watch);
        let stream = plane.tenants().watch_tenants(watch).await;
        Self {
            stream: stream.unwrap().into_inner(),
            last: after_sequence,
        }
    }

    /// Opens a stream and passes its beginning by.
    pub(super) async fn ready(plane: &Plane) -> Self {
        let mut watch = Self::open(plane, 0).await;
        watch.whole().await;
        watch
    }

    /// Returns the next message's event, and makes sure that numbers go forwards.
    pub(super) async fn next(&mut self) -> Event {
        let message = timeout(LIMIT, self.stream.message()).await;
        let message = message.unwrap().unwrap().unwrap();
        assert!(message.sequence >= self.last, "numbers go forwards");
        self.last = message.sequence;
        message.event.unwrap()
    }

    /// Reads the whole state, with which a new stream begins.
    pub(super) async fn whole(&mut self) -> Whole {
        let Event::Snapshot(first) = self.next().await else {
            panic!("no snapshot")
        };
        self.whole_from(first).await
    }

    /// Reads the whole state, of which the first part has come.
    pub(super) async fn whole_from(&mut self, first: Snapshot) -> Whole {
        let mut whole = Whole::default();
        let mut next = Some(first);
        loop {
            let part = match next.take() {
                Some(part) => part,
                None => match self.next().await {
                    Event::Snapshot(part) => part,
                    other => panic!("{other:?}"),
                },
            };
            whole
                .parts
                .push(part.tenants.len().max(part.memberships.len()));
            whole.tenants.extend(part.tenants);
            whole.memberships.extend(part.memberships);
            if part.last {
                return whole;
            }
        }
    }

    /// Returns the next change of a tenant.
    pub(super) async fn tenant(&mut self) -> TenantRoute {
        loop {
            match self.next().await {
                Event::Tenant(route) => return route,
                Event::Heartbeat(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
