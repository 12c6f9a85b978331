//! When streams end, with the reason that a new call would be refused for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{Extensions, HeaderMap, HeaderValue};
use resido_observability::Metrics;
use resido_proto::{
    DESCRIPTOR_SET,
    error::Failure as _,
    identity::{Role, Subject},
    identity_api::v1::ResolveApiKeyResponse,
    ids::{TenantId, UserId},
};
use resido_tenancy::{
    directory::{Directory, Entry, MembershipEpoch},
    tenant::State,
};
use tokio::time::Instant;
use tonic::{Status, service::Routes};
use tower::util::BoxCloneSyncService;

use super::{Lost, Standings};
use crate::{
    auth::{ApiKeys, Authenticator, Credentials, KeySource, Principal},
    catalog::Catalog,
    config::{Access, MethodConfig},
    tenant::Named,
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
            tenant: Some(self.tenant),
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
        self.watch_as(None, method, (principal, Credentials::default()))
    }

    fn watch_as(
        &self,
        access: Option<Access>,
        method: &str,
        (principal, shown): (Principal, Credentials),
    ) -> Option<Lost> {
        let transport = Transport::InProcess(BoxCloneSyncService::new(Routes::default()));
        let mut upstream = Upstream::built_in("housing", DESCRIPTOR_SET, &[HOUSING], transport);
        let entry = |access| MethodConfig {
            selector: format!("{HOUSING}.*"),
            access,
            roles: Vec::new(),
            timeout: None,
        };
        upstream.methods = access.map(entry).into_iter().collect();
        let catalog = Catalog::new(&[upstream]).unwrap();
        let endpoint = catalog.endpoint(&format!("/{HOUSING}/{method}")).unwrap();
        let mut notes = Extensions::new();
        notes.insert(Arc::clone(endpoint));
        notes.insert(Arc::new(principal));
        notes.insert(shown);
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
        assert!(started.elapsed() <= Duration::from_millis(100));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_an_operator_ends_with_their_log_ins() {
    let world = world();
    let operator = UserId::new();
    let acting = Principal {
        actor: Some(Subject::User(operator)),
        actor_epoch: 4,
        ..world.member()
    };
    let lost = world.watch("WatchWorkOrders", acting).unwrap();
    for epoch in [4, 5] {
        assert!(goes_on(&lost).await);
        world.directory.apply_membership(MembershipEpoch {
            user: operator,
            tenant: None,
            epoch,
        });
    }
    assert_eq!(lost.await.reason(), "CREDENTIAL_INVALID");
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
    for (access, principal) in [(None, world.member()), (Some(Access::Platform), staff)] {
        let ending = Principal {
            accepted_until: Some(now + 600),
            ..principal
        };
        let caller = (ending, Credentials::default());
        let lost = world.watch_as(access, "WatchWorkOrders", caller).unwrap();
        world.directory.apply(world.entry(State::Active, 2));
        let started = Instant::now();
        assert_eq!(lost.await.reason(), "CREDENTIAL_INVALID");
        let took = started.elapsed().as_secs();
        assert!((598..=601).contains(&took), "{took}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_key_works_no_more() {
    let mut world = world();
    let tenant = world.tenant;
    let revoked = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&revoked);
    let ask = Box::new(move |_| {
        let answer = if answers.load(Ordering::SeqCst) {
            Err(Status::not_found("no such key"))
        } else {
            Ok(ResolveApiKeyResponse {
                id: uuid::Uuid::nil().to_string(),
                tenant_id: tenant.to_string(),
                roles: vec!["member".into()],
                ..ResolveApiKeyResponse::default()
            })
        };
        let answer: futures_util::future::BoxFuture<'static, _> = Box::pin(async { answer });
        answer
    });
    let keys = ApiKeys::new(ask, Metrics::default());
    let by = Authenticator::new(KeySource::none(), "resido", &["resido".into()]);
    let by = Arc::new(by.with_api_keys(keys));
    world.standings = Standings::new(world.directory.clone(), Arc::clone(&by));
    let mut headers = HeaderMap::new();
    let key = "rsk_aaaaaaaaaaaa_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL_-789";
    headers.insert("x-api-key", HeaderValue::from_static(key));
    let shown = Credentials::read(&headers, None);
    let principal = by.authenticate(&shown).await.unwrap();
    let caller = (Principal::clone(&principal), shown);
    let lost = world.watch_as(None, "WatchWorkOrders", caller).unwrap();
    let id = uuid::Uuid::nil().to_string();
    by.api_keys().changed(&id);
    assert!(goes_on(&lost).await, "it changed, and works still");
    revoked.store(true, Ordering::SeqCst);
    by.api_keys().changed(&id);
    assert_eq!(lost.await.reason(), "CREDENTIAL_INVALID");
}
