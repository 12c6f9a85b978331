//! Whether the caller of a stream under way could still make the call: a stream
//! ends when its tenant takes no calls any more, the membership or the key that
//! it came with is gone, or the credential's time is over. Calls of one message
//! each way are let finish.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use http::Extensions;
use resido_proto::identity::Subject;
use resido_tenancy::directory::Directory;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    auth::{Authenticator, Credentials, Principal},
    catalog::Endpoint,
    rbac,
    refusal::Refusal,
    tenant::{self, Named},
};

/// A stream's caller is looked at no more often than this.
const PAUSE: Duration = Duration::from_millis(100);
/// Streams whose credential is verified again at once, at most: calls come
/// first.
const MAX_VERIFYING: usize = 8;

/// Ends when a stream may not go on, with the reason; clones end together. The
/// caller is not watched any more when all are dropped.
pub(crate) type Lost = Shared<BoxFuture<'static, Refusal>>;

/// Watches the callers of streams.
#[derive(Debug, Clone)]
pub(crate) struct Standings {
    directory: Directory,
    authenticator: Arc<Authenticator>,
    verifying: Arc<Semaphore>,
}

/// A caller of a stream, as the layers noted.
struct Caller {
    endpoint: Arc<Endpoint>,
    principal: Arc<Principal>,
    shown: Credentials,
    named: Named,
}

impl Standings {
    /// Looks tenants and memberships up in `directory`, and credentials with
    /// `authenticator`.
    pub(crate) fn new(directory: Directory, authenticator: Arc<Authenticator>) -> Self {
        Self {
            directory,
            authenticator,
            verifying: Arc::new(Semaphore::new(MAX_VERIFYING)),
        }
    }

    /// Watches the caller of a call, if it is a stream that asked who calls.
    pub(crate) fn watch(&self, notes: &Extensions) -> Option<Lost> {
        let caller = Caller {
            endpoint: notes.get().cloned()?,
            principal: notes.get().cloned()?,
            shown: notes.get().cloned()?,
            named: notes.get().cloned()?,
        };
        if !caller.endpoint.streams() || caller.principal.subject == Subject::Anonymous {
            return None;
        }
        // A task of its own: what the caller sends must end even while it reads
        // nothing of what comes back.
        let watching = AbortOnDropHandle::new(tokio::spawn(self.clone().lost(caller)));
        let lost = watching.map(|lost| lost.unwrap_or(Refusal::Internal));
        Some(lost.boxed().shared())
    }

    /// Returns why a new call would be refused, once it would.
    async fn lost(self, mut caller: Caller) -> Refusal {
        let mut tenants = self.directory.changes();
        let mut keys = self.authenticator.changes();
        loop {
            tenants.mark_unchanged();
            keys.mark_unchanged();
            if let Err(refusal) = self.look(&mut caller).await {
                return refusal;
            }
            // News come in crowds.
            tokio::time::sleep(PAUSE).await;
            tokio::select! {
                () = over(&caller.principal) => return Refusal::CredentialInvalid,
                // Whoever tells lives as long as this.
                _ = tenants.changed() => {}
                _ = keys.changed() => {}
            }
        }
    }

    async fn look(&self, caller: &mut Caller) -> Result<(), Refusal> {
        if self.authenticator.is_void(&caller.principal) {
            caller.principal = self.verify_again(&caller.shown).await?;
        }
        let policy = &caller.endpoint.policy;
        let tenant = tenant::resolve(&caller.principal, &caller.named, policy, &self.directory)?;
        rbac::authorize(policy, &caller.principal, tenant.is_some())
    }

    async fn verify_again(&self, shown: &Credentials) -> Result<Arc<Principal>, Refusal> {
        loop {
            let place = self.verifying.acquire().await;
            let _place = place.map_err(|_| Refusal::Internal)?;
            match self.authenticator.authenticate(shown).await {
                // A call would be refused; a stream has time.
                Err(Refusal::Overloaded) => tokio::time::sleep(PAUSE).await,
                other => return other,
            }
        }
    }
}

/// Waits until the credential's time is over.
async fn over(principal: &Principal) {
    let Some(end) = principal.accepted_until else {
        return std::future::pending().await;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let left = Duration::from_secs(end).saturating_sub(now.unwrap_or_default());
    tokio::time::sleep(left).await;
}

#[cfg(test)]
mod tests {
    use resido_proto::{
        DESCRIPTOR_SET,
        error::Failure as _,
        identity::Role,
        ids::{TenantId, UserId},
    };
    use resido_tenancy::{
        directory::{Entry, MembershipEpoch},
        tenant::State,
    };
    use tokio::time::Instant;
    use tonic::service::Routes;
    use tower::util::BoxCloneSyncService;

    use super::*;
    use crate::{
        auth::KeySource,
        catalog::Catalog,
        upstream::{Transport, Upstream},
    };

    const HOUSING: &str = "resido.housing.v1.HousingService";

    struct World {
        directory: Directory,
        standings: Standings,
        tenant: TenantId,
        user: UserId,
    }

    fn world() -> World {
        let directory = Directory::new();
        let authenticator = Authenticator::new(KeySource::none(), "resido", &["resido".into()]);
        let world = World {
            standings: Standings::new(directory.clone(), Arc::new(authenticator)),
            directory,
            tenant: TenantId::new(),
            user: UserId::new(),
        };
        let member = world.membership(1);
        world
            .directory
            .replace_all(vec![world.entry(State::Active, 1)], vec![member]);
        world
    }

    impl World {
        fn entry(&self, state: State, epoch: i64) -> Entry {
            Entry {
                id: self.tenant,
                slug: "acme".parse().unwrap(),
                domains: Vec::new(),
                state,
                epoch,
                plan: "free".into(),
                placement: "main".into(),
                schema_version: 1,
                read_only: false,
                aliases: Vec::new(),
            }
        }

        fn membership(&self, epoch: i64) -> MembershipEpoch {
            MembershipEpoch {
                user: self.user,
                tenant: self.tenant,
                epoch,
            }
        }

        fn member(&self) -> Principal {
            Principal {
                subject: Subject::User(self.user),
                tenant: Some(self.tenant),
                roles: vec![Role::OWNER],
                epoch: 1,
                ..Principal::ANONYMOUS
            }
        }

        fn watch(&self, method: &str, principal: Principal) -> Option<Lost> {
            let transport = Transport::InProcess(BoxCloneSyncService::new(Routes::default()));
            let upstream = Upstream::built_in("housing", DESCRIPTOR_SET, &[HOUSING], transport);
            let catalog = Catalog::new(&[upstream]).unwrap();
            let endpoint = catalog.endpoint(&format!("/{HOUSING}/{method}")).unwrap();
            let mut notes = Extensions::new();
            notes.insert(Arc::clone(endpoint));
            notes.insert(Arc::new(principal));
            notes.insert(Credentials::default());
            notes.insert(Named::default());
            self.standings.watch(&notes)
        }

        fn stream(&self) -> Lost {
            self.watch("WatchWorkOrders", self.member()).unwrap()
        }
    }

    /// Whether a stream goes on for a long time.
    async fn goes_on(lost: &Lost) -> bool {
        let day = Duration::from_secs(24 * 60 * 60);
        tokio::time::timeout(day, lost.clone()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn only_streams_of_somebody_are_watched() {
        let world = world();
        assert!(world.watch("ListUnits", world.member()).is_none());
        assert!(
            world
                .watch("WatchWorkOrders", Principal::ANONYMOUS)
                .is_none()
        );
        assert!(goes_on(&world.stream()).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_at_once_as_a_new_call_would_be_refused() {
        type Change = fn(&World);
        let gone: Change = |world| {
            let gone = world.membership(MembershipEpoch::GONE);
            world.directory.apply_membership(gone);
        };
        let raised: Change = |world| world.directory.apply_membership(world.membership(2));
        let purged: Change = |world| world.directory.apply(world.entry(State::Purged, 2));
        let suspended: Change = |world| world.directory.apply(world.entry(State::Suspended, 2));
        let closed: Change = |world| world.directory.apply(world.entry(State::Maintenance, 2));
        let deleted: Change = |world| world.directory.apply(world.entry(State::Deleting, 2));
        for (change, expected) in [
            (suspended, "TENANT_SUSPENDED"),
            (closed, "TENANT_MAINTENANCE"),
            (deleted, "TENANT_DENIED"),
            (purged, "TENANT_DENIED"),
            (raised, "CREDENTIAL_INVALID"),
            (gone, "CREDENTIAL_INVALID"),
        ] {
            let world = world();
            let lost = world.stream();
            assert!(goes_on(&lost).await);
            // News of others change nothing.
            let other = world.membership(9);
            world.directory.apply_membership(MembershipEpoch {
                user: UserId::new(),
                ..other
            });
            assert!(goes_on(&lost).await);
            change(&world);
            let started = Instant::now();
            assert_eq!(lost.await.reason(), expected);
            assert!(started.elapsed() <= PAUSE, "{:?}", started.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_from_before_the_watching_is_seen() {
        let world = world();
        let lost = world.stream();
        world.directory.apply(world.entry(State::Suspended, 2));
        assert_eq!(lost.await.reason(), "TENANT_SUSPENDED");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_its_credential_and_staff_has_no_other_end() {
        let world = world();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let staff = Principal {
            subject: Subject::User(world.user),
            roles: vec![Role::PLATFORM_ADMIN],
            ..Principal::ANONYMOUS
        };
        for principal in [world.member(), staff] {
            let ending = Principal {
                accepted_until: Some(now + 600),
                ..principal
            };
            let policy_of = "WatchWorkOrders";
            let lost = if ending.tenant.is_some() {
                world.watch(policy_of, ending).unwrap()
            } else {
                world.watch_as_platform(ending)
            };
            let started = Instant::now();
            assert_eq!(lost.await.reason(), "CREDENTIAL_INVALID");
            let took = started.elapsed().as_secs();
            assert!((598..=601).contains(&took), "{took}");
        }
    }

    impl World {
        fn watch_as_platform(&self, principal: Principal) -> Lost {
            let transport = Transport::InProcess(BoxCloneSyncService::new(Routes::default()));
            let mut upstream = Upstream::built_in("housing", DESCRIPTOR_SET, &[HOUSING], transport);
            upstream.methods = vec![crate::config::MethodConfig {
                selector: format!("{HOUSING}.*"),
                access: crate::config::Access::Platform,
                roles: Vec::new(),
                timeout: None,
            }];
            let catalog = Catalog::new(&[upstream]).unwrap();
            let endpoint = catalog.endpoint(&format!("/{HOUSING}/WatchWorkOrders"));
            let mut notes = Extensions::new();
            notes.insert(Arc::clone(endpoint.unwrap()));
            notes.insert(Arc::new(principal));
            notes.insert(Credentials::default());
            notes.insert(Named::default());
            self.standings.watch(&notes).unwrap()
        }
    }
}
