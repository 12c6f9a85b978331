//! Keeps the directory up to date by the control plane's watch stream.
//!
//! A stream that breaks or falls silent is opened again from where it was; what
//! is known stays in force meanwhile.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use resido_observability::Metrics;
use resido_proto::tenancy::v1::{
    self as proto, WatchTenantsRequest, WatchTenantsResponse,
    tenant_service_client::TenantServiceClient, watch_tenants_response::Event,
};
use resido_tenancy::directory::{Directory, Entry, MembershipEpoch};
use tonic::Status;

use crate::{auth::Authenticator, internal::ControlPlane};

/// The stream is given up when nothing comes for so long; the control plane
/// sends a heartbeat every ten seconds.
const SILENCE: Duration = Duration::from_secs(30);
/// Waits between attempts grow from the first to the second of these.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Tenants and memberships of a snapshot that are taken at most.
const MAX_ENTRIES: usize = 2_000_000;

/// What the gateway hears of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// There is none.
    Absent,
    /// Nothing has been heard yet.
    Waiting,
    /// Changes arrive.
    Connected,
    /// No changes arrive since then; what is known stays in force.
    Lost(Instant),
}

impl Link {
    /// Whether tenants and keys are known, or not needed.
    pub(crate) fn is_ready(self) -> bool {
        self != Self::Waiting
    }
}

/// Follows the control plane.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) control_plane: ControlPlane,
    pub(crate) directory: Directory,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) metrics: Metrics,
    pub(crate) link: tokio::sync::watch::Sender<Link>,
}

/// The state of one stream.
#[derive(Default)]
struct Following {
    sequence: i64,
    entries: Vec<Entry>,
    memberships: Vec<MembershipEpoch>,
}

impl Watch {
    /// Follows until it is dropped.
    pub(crate) async fn run(self) {
        let mut following = Following::default();
        let mut backoff = BACKOFF.0;
        loop {
            let before = following.sequence;
            if let Err(status) = self.follow(&mut following).await {
                tracing::warn!(code = ?status.code(), error = status.message(), "the watch stream ended");
            }
            self.metrics.watch_connected(false);
            self.link.send_if_modified(|link| {
                let lost = *link == Link::Connected;
                if lost {
                    *link = Link::Lost(Instant::now());
                }
                lost
            });
            backoff = if following.sequence > before {
                BACKOFF.0
            } else {
                (backoff * 2).min(BACKOFF.1)
            };
            tokio::time::sleep(backoff).await;
        }
    }

    async fn follow(&self, following: &mut Following) -> Result<(), Status> {
        if !self.authenticator.keys().is_ready() && !self.authenticator.keys().refresh().await {
            return Err(Status::unavailable("no keys of access tokens"));
        }
        let mut client = TenantServiceClient::new(self.control_plane.clone());
        let request = WatchTenantsRequest {
            after_sequence: following.sequence,
        };
        let opened = tokio::time::timeout(SILENCE, client.watch_tenants(request)).await;
        let mut stream = opened.map_err(|_| silent())??.into_inner();
        following.entries.clear();
        following.memberships.clear();
        self.metrics.watch_connected(true);
        if self.directory.is_ready() {
            self.link.send_replace(Link::Connected);
        }
        loop {
            let next = tokio::time::timeout(SILENCE, stream.message())
                .await
                .map_err(|_| silent())??;
            let Some(message) = next else { return Ok(()) };
            self.take(message, following)?;
        }
    }

    fn take(&self, message: WatchTenantsResponse, following: &mut Following) -> Result<(), Status> {
        match message.event {
            Some(Event::Snapshot(part)) => {
                following
                    .entries
                    .extend(part.tenants.into_iter().filter_map(entry));
                following
                    .memberships
                    .extend(part.memberships.iter().filter_map(membership));
                if following.entries.len() + following.memberships.len() > MAX_ENTRIES {
                    return Err(Status::resource_exhausted("the snapshot is too large"));
                }
                if part.last {
                    let entries = std::mem::take(&mut following.entries);
                    self.directory
                        .replace_all(entries, std::mem::take(&mut following.memberships));
                    self.link.send_replace(Link::Connected);
                }
            }
            Some(Event::Tenant(route)) => {
                if let Some(entry) = entry(route) {
                    self.directory.apply(entry);
                }
            }
            Some(Event::Membership(epoch)) => {
                if let Some(membership) = membership(&epoch) {
                    self.directory.apply_membership(membership);
                }
            }
            Some(Event::Heartbeat(_)) | None => {}
        }
        following.sequence = following.sequence.max(message.sequence);
        self.metrics.directory_tenants(self.directory.len());
        Ok(())
    }
}

fn silent() -> Status {
    Status::deadline_exceeded("the control plane is silent")
}

/// Reads a tenant; one that cannot be read is left out rather than everybody
/// else with it.
fn entry(route: proto::TenantRoute) -> Option<Entry> {
    let id = route.id.clone();
    Entry::try_from(route)
        .inspect_err(|error| tracing::error!(tenant.id = id, %error, "a tenant was not understood"))
        .ok()
}

fn membership(epoch: &proto::MembershipEpoch) -> Option<MembershipEpoch> {
    Some(MembershipEpoch {
        user: epoch.user_id.parse().ok()?,
        tenant: epoch.tenant_id.parse().ok()?,
        epoch: epoch.epoch,
    })
}
