//! The stream of changes loses nothing and says it in order.

use std::{collections::BTreeSet, time::Duration};

use resido_control_plane::Config;
use resido_e2e::wait;
use resido_migrations::Sets;
use resido_proto::{
    ids::UserId,
    tenancy::v1::{WatchTenantsRequest, tenant::State, watch_tenants_response::Event},
};
use tokio::time::timeout;
use tonic::Code;

use super::{
    plane::{Base, Caller, reason},
    stream::{LIMIT, Watch},
};

const TENANTS: &str = "
    insert into tenants (id, schema_name, slug, display_name, contact_email, plan, state, epoch)
    select gen_random_uuid(), 's' || n, 's-' || n, 'x', 'x@example.com', 'free', $2, 7
      from generate_series(1, $1::int) n";
const LISTENERS: &str = "
    select count(*) from pg_stat_activity
     where application_name = 'resido listener' and datname = current_database()";
const KILL: &str = "
    select count(pg_terminate_backend(pid)) from pg_stat_activity
     where application_name = 'resido listener' and datname = current_database()";
const OUTBOX_WAITS: &str = "
    select count(*) from pg_locks
     where locktype = 'advisory' and classid = 1382380291 and not granted
       and database = (select oid from pg_database where datname = current_database())";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_reaches_every_stream() {
    let base = Base::new().await;
    let plane = base.plane();
    let mut watches = [Watch::ready(&plane).await, Watch::ready(&plane).await];
    let (tenant, _) = plane.create("acme").await;
    plane.suspend(tenant.id).await.unwrap();
    for watch in &mut watches {
        let made = watch.tenant().await;
        assert_eq!(
            (made.id.as_str(), made.slug.as_str()),
            (&*tenant.id.to_string(), "acme")
        );
        // What is read is the tenant as it is now, which may be later.
        let suspended = if made.epoch == 3 {
            made
        } else {
            watch.tenant().await
        };
        assert_eq!((suspended.state(), suspended.epoch), (State::Suspended, 3));
    }
    let mut late = Watch::open(&plane, 0).await;
    let whole = late.whole().await;
    assert_eq!(whole.tenants.len(), 1);
    assert_eq!(whole.tenants[0].state(), State::Suspended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_committed_late_is_not_passed_by() {
    let base = Base::new().await;
    let plane = base.plane();
    let (slow, _) = plane.create("slow").await;
    let (quick, _) = plane.create("quick").await;
    let mut watch = Watch::ready(&plane).await;
    let begun = watch.last;
    let mut late = base.database.admin().await.unwrap();
    let late = late.transaction().await.unwrap();
    let insert = "insert into outbox (tenant_id) values ($1)";
    late.execute(insert, &[&slow.id.as_uuid()]).await.unwrap();
    // A later number must not be seen before the one that is still to come.
    let suspend = tokio::spawn({
        let call = plane.suspension(quick.id);
        let mut client = plane.tenants();
        async move { client.suspend_tenant(call).await }
    });
    let waits = wait::until(LIMIT, || async { base.count(OUTBOX_WAITS).await == 1 });
    assert!(waits.await);
    while !matches!(watch.next().await, Event::Heartbeat(_)) {}
    assert_eq!(watch.last, begun);
    late.commit().await.unwrap();
    suspend.await.unwrap().unwrap();
    assert_eq!(watch.tenant().await.id, slow.id.to_string());
    let first = watch.last;
    assert_eq!(watch.tenant().await.id, quick.id.to_string());
    assert!(begun < first && first < watch.last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_where_the_last_one_ended() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    let (other, _) = plane.create("globex").await;
    let watch = Watch::ready(&plane).await;
    let last = watch.last;
    drop(watch);
    plane.suspend(tenant.id).await.unwrap();
    plane.suspend(other.id).await.unwrap();
    plane.stop().await;
    // It may be another process that answers.
    let plane = base.plane();
    let mut watch = Watch::open(&plane, last).await;
    for expected in [tenant, other] {
        assert_eq!(watch.tenant().await.id, expected.id.to_string());
    }
    // Whoever missed nothing is told so.
    let last = watch.last;
    let mut watch = Watch::open(&plane, last).await;
    assert!(matches!(watch.next().await, Event::Heartbeat(_)));
    assert_eq!(watch.last, last);
    // What was forgotten, or never was, cannot be gone on from.
    base.sql("delete from outbox where id < (select max(id) from outbox)")
        .await;
    for after in [1, last + 1000] {
        let mut watch = Watch::open(&plane, after).await;
        watch.last = 0;
        assert_eq!(watch.whole().await.tenants.len(), 2, "after {after}");
        assert_eq!(watch.last, last);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_listener_is_replaced_and_nothing_is_lost_with_it() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    let mut watch = Watch::ready(&plane).await;
    for epoch in 3..7 {
        let listens = wait::until(LIMIT, || async { base.count(LISTENERS).await == 1 });
        assert!(listens.await);
        assert_eq!(base.count(KILL).await, 1);
        if epoch % 2 == 1 {
            plane.suspend(tenant.id).await.unwrap();
        } else {
            plane.resume(tenant.id).await.unwrap();
        }
        assert_eq!(watch.tenant().await.epoch, epoch);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_database_is_told_whole_to_streams_that_are_open() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    for _ in 0..3 {
        plane.suspend(tenant.id).await.unwrap();
        plane.resume(tenant.id).await.unwrap();
    }
    let mut watch = Watch::ready(&plane).await;
    let listens = wait::until(LIMIT, || async { base.count(LISTENERS).await == 1 });
    assert!(listens.await);
    assert!(matches!(watch.next().await, Event::Heartbeat(_)));
    let before = watch.last;
    // As a copy of yesterday would be: fewer changes, and the numbers with them.
    base.sql("delete from outbox where id > 2").await;
    base.sql("alter table outbox alter column id restart with 3")
        .await;
    assert_eq!(base.count(KILL).await, 1);
    watch.last = 0;
    let told = async {
        loop {
            match watch.next().await {
                Event::Snapshot(part) => return watch.whole_from(part).await,
                Event::Heartbeat(_) => watch.last = 0,
                other => panic!("{other:?}"),
            }
        }
    };
    let whole = timeout(LIMIT, told).await.unwrap();
    assert_eq!(whole.tenants.len(), 1);
    assert_eq!(watch.last, 2);
    assert!(watch.last < before);
    // And it goes on from there.
    plane.suspend(tenant.id).await.unwrap();
    assert_eq!(watch.tenant().await.epoch, 9);
    assert_eq!(watch.last, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_fails_is_made_again_at_once() {
    let base = Base::new().await;
    let config = Config {
        heartbeat_seconds: 60,
        ..Config::default()
    };
    let plane = base.plane_of(config, Sets::embedded().unwrap());
    let (tenant, _) = plane.create("acme").await;
    let mut watch = Watch::ready(&plane).await;
    let mut locked = base.database.admin().await.unwrap();
    let lock = locked.transaction().await.unwrap();
    // Only the feed reads this table here.
    let domains = "lock table tenant_domains in access exclusive mode";
    lock.execute(domains, &[]).await.unwrap();
    let insert = "insert into outbox (tenant_id) values ($1)";
    let id = tenant.id.as_uuid();
    base.admin.execute(insert, &[&id]).await.unwrap();
    let kill = "
        select count(pg_terminate_backend(pid)) from pg_locks
         where relation = 'tenant_domains'::regclass and not granted";
    let killed = wait::until(LIMIT, || async { base.count(kill).await == 1 });
    assert!(killed.await);
    lock.rollback().await.unwrap();
    assert_eq!(watch.tenant().await.id, tenant.id.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_nobody_reads_does_not_hold_up_the_end() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    let watch = Watch::ready(&plane).await;
    let mut other = Watch::ready(&plane).await;
    let insert = "insert into outbox (tenant_id) select $1 from generate_series(1, 100)";
    let id = tenant.id.as_uuid();
    base.admin.execute(insert, &[&id]).await.unwrap();
    for _ in 0..100 {
        other.tenant().await;
    }
    timeout(Duration::from_secs(5), plane.stop()).await.unwrap();
    drop(watch);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_changes_arrives_whole() {
    const BURST: usize = 3000;
    let base = Base::new().await;
    let plane = base.plane();
    base.admin
        .execute(TENANTS, &[&3000, &"active"])
        .await
        .unwrap();
    let mut watch = Watch::ready(&plane).await;
    base.sql("insert into outbox (tenant_id) select id from tenants order by id")
        .await;
    let (mut seen, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..BURST {
        seen.insert(watch.tenant().await.id);
        numbers.insert(watch.last);
    }
    assert_eq!((seen.len(), numbers.len()), (BURST, BURST));
    assert!(matches!(watch.next().await, Event::Heartbeat(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_state_comes_in_parts() {
    let base = Base::new().await;
    let plane = base.plane();
    base.admin
        .execute(TENANTS, &[&2500, &"active"])
        .await
        .unwrap();
    // Those that were never made, or are gone, are nobody's business.
    base.sql("update tenants set state = 'suspended' where slug = 's-1'")
        .await;
    base.sql("update tenants set state = 'failed' where slug = 's-2'")
        .await;
    base.sql("update tenants set state = 'purged' where slug = 's-3'")
        .await;
    let people = "
        with person as (
            insert into users (id, email, password_hash)
            values (gen_random_uuid(), 'x@example.com', 'none') returning id)
        insert into memberships (user_id, tenant_id, roles, state, epoch)
        select person.id, t.id, array['member'], 'active', 1 + (t.slug <> 's-4')::int
          from person, tenants t";
    assert_eq!(base.sql(people).await, 2500);
    let mut watch = Watch::open(&plane, 0).await;
    let whole = watch.whole().await;
    assert!(
        whole.parts.iter().all(|part| *part <= 1000),
        "{:?}",
        whole.parts
    );
    assert!(whole.parts.len() >= 6, "{:?}", whole.parts);
    let ids: BTreeSet<_> = whole.tenants.iter().map(|tenant| &tenant.id).collect();
    assert_eq!((whole.tenants.len(), ids.len()), (2498, 2498));
    let suspended = whole.tenants.iter().find(|tenant| tenant.slug == "s-1");
    assert_eq!(suspended.unwrap().state(), State::Suspended);
    // Gateways know who belongs where, whatever the epoch.
    let epochs: BTreeSet<_> = whole.memberships.iter().map(|m| &m.tenant_id).collect();
    assert_eq!((whole.memberships.len(), epochs.len()), (2500, 2500));
    let first = whole.memberships.iter().filter(|m| m.epoch == 1).count();
    let second = whole.memberships.iter().filter(|m| m.epoch == 2).count();
    assert_eq!((first, second), (1, 2499));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memberships_that_change_are_told() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    let mut watch = Watch::ready(&plane).await;
    let user = UserId::new();
    let change = "
        with person as (
            insert into users (id, email, password_hash)
            values ($1, 'x@example.com', 'none') returning id),
        member as (
            insert into memberships (user_id, tenant_id, roles, state, epoch)
            select id, $2, array['member'], 'active', 5 from person returning user_id)
        insert into outbox (tenant_id, user_id) select $2, user_id from member";
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
        [&user.as_uuid(), &tenant.id.as_uuid()];
    base.admin.execute(change, &values).await.unwrap();
    let told = loop {
        match watch.next().await {
            Event::Membership(told) => break told,
            Event::Heartbeat(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told.user_id, user.to_string());
    assert_eq!(told.tenant_id, tenant.id.to_string());
    assert_eq!(told.epoch, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_products_own_parts_watch() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    for caller in [
        Caller::Anonymous,
        Caller::Operator,
        Caller::Owner(tenant, UserId::new()),
    ] {
        let watch = plane.request(caller, WatchTenantsRequest::default());
        let refused = plane.tenants().watch_tenants(watch).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{caller:?}");
        assert_eq!(reason(&refused), "ROLE_REQUIRED");
    }
    let bare = tonic::Request::new(WatchTenantsRequest::default());
    let refused = plane.tenants().watch_tenants(bare).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(reason(&refused), "CONTEXT_REQUIRED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_says_that_it_lives_and_why_it_ends() {
    let base = Base::new().await;
    let plane = base.plane();
    let mut watch = Watch::ready(&plane).await;
    assert!(matches!(watch.next().await, Event::Heartbeat(_)));
    assert_eq!(
        base.count(LISTENERS).await,
        1,
        "one listener for all streams"
    );
    plane.stop().await;
    let ended = loop {
        match timeout(LIMIT, watch.stream.message()).await.unwrap() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ends without a word"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unavailable);
    assert_eq!(reason(&ended), "SHUTTING_DOWN");
}
