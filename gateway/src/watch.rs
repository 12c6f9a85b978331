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
        if !self.authenticator.keys().refresh().await {
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
        following.sequence = match &message.event {
            // A snapshot that breaks off must be asked for again.
            Some(Event::Snapshot(part)) if !part.last => following.sequence,
            // It may go back: the control plane's database may have been restored.
            Some(Event::Snapshot(_)) => message.sequence,
            _ => following.sequence.max(message.sequence),
        };
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
                    // Nobody told of the keys that changed in between.
                    self.authenticator.api_keys().all_changed();
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
            Some(Event::ApiKey(change)) => self.authenticator.api_keys().changed(&change.id),
            Some(Event::Heartbeat(_)) | None => {}
        }
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
    let tenant = match epoch.tenant_id.as_str() {
        "" => None,
        id => Some(id.parse().ok()?),
    };
    Some(MembershipEpoch {
        user: epoch.user_id.parse().ok()?,
        tenant,
        epoch: epoch.epoch,
    })
}

#[cfg(test)]
mod tests {
    use resido_proto::{ids::TenantId, tenancy::v1::watch_tenants_response::Snapshot};
    use resido_tenancy::{context::Signer, keys::SigningKey};
    use tonic::service::Routes;
    use tower::util::BoxCloneSyncService;

    use super::*;
    use crate::{auth::KeySource, context::Minter, upstream::Transport};

    fn watch() -> Watch {
        let key = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let transport = Transport::InProcess(BoxCloneSyncService::new(Routes::default()));
        let keys = KeySource::new(Box::new(|| Box::pin(async { Err("no keys".into()) })));
        Watch {
            control_plane: ControlPlane::new(transport, Arc::new(Minter::new(Signer::new(key)))),
            directory: Directory::new(),
            authenticator: Arc::new(Authenticator::new(keys, "resido", &["resido".to_owned()])),
            metrics: Metrics::default(),
            link: tokio::sync::watch::Sender::new(Link::Waiting),
        }
    }

    fn route(slug: &str) -> proto::TenantRoute {
        proto::TenantRoute {
            id: TenantId::new().to_string(),
            slug: slug.to_owned(),
            state: proto::tenant::State::Active.into(),
            epoch: 1,
            ..proto::TenantRoute::default()
        }
    }

    fn snapshot(slug: &str, last: bool, sequence: i64) -> WatchTenantsResponse {
        let part = Snapshot {
            tenants: vec![route(slug)],
            memberships: Vec::new(),
            last,
        };
        WatchTenantsResponse {
            event: Some(Event::Snapshot(part)),
            sequence,
        }
    }

    #[test]
    fn a_snapshot_that_breaks_off_is_asked_for_again() {
        let watch = watch();
        let mut following = Following::default();
        watch
            .take(snapshot("first", false, 7), &mut following)
            .unwrap();
        assert_eq!((following.sequence, watch.directory.is_ready()), (0, false));
        assert!(!watch.link.borrow().is_ready());
        watch
            .take(snapshot("second", true, 7), &mut following)
            .unwrap();
        assert_eq!((following.sequence, watch.directory.len()), (7, 2));
        assert_eq!(*watch.link.borrow(), Link::Connected);
    }

    #[test]
    fn changes_go_forward_and_a_snapshot_may_go_back() {
        let watch = watch();
        let mut following = Following::default();
        watch
            .take(snapshot("first", true, 7), &mut following)
            .unwrap();
        let change = WatchTenantsResponse {
            event: Some(Event::Tenant(route("second"))),
            sequence: 9,
        };
        watch.take(change, &mut following).unwrap();
        assert_eq!((following.sequence, watch.directory.len()), (9, 2));
        // The database was restored from an older copy.
        watch
            .take(snapshot("first", true, 3), &mut following)
            .unwrap();
        assert_eq!((following.sequence, watch.directory.len()), (3, 1));
    }

    #[test]
    fn a_tenant_that_cannot_be_read_harms_nobody_else() {
        let watch = watch();
        let mut following = Following::default();
        let mut wrong = route("fine-slug");
        wrong.state = 99;
        let part = Snapshot {
            tenants: vec![wrong, route("other")],
            memberships: Vec::new(),
            last: true,
        };
        let message = WatchTenantsResponse {
            event: Some(Event::Snapshot(part)),
            sequence: 1,
        };
        watch.take(message, &mut following).unwrap();
        assert_eq!(watch.directory.len(), 1);
    }

    #[test]
    fn news_of_keys_and_snapshots_make_what_is_known_void() {
        let watch = watch();
        let mut following = Following::default();
        let mut changes = watch.authenticator.changes();
        let mut told = move || {
            let told = changes.has_changed().unwrap();
            changes.mark_unchanged();
            told
        };
        let change = |event| WatchTenantsResponse {
            event: Some(event),
            sequence: 1,
        };
        let key = proto::ApiKeyChange {
            id: TenantId::new().to_string(),
        };
        watch
            .take(change(Event::ApiKey(key)), &mut following)
            .unwrap();
        assert!(told());
        let alive = Event::Heartbeat(Default::default());
        watch.take(change(alive), &mut following).unwrap();
        assert!(!told());
        watch
            .take(snapshot("first", false, 7), &mut following)
            .unwrap();
        assert!(!told());
        watch
            .take(snapshot("second", true, 7), &mut following)
            .unwrap();
        assert!(told());
    }
}
