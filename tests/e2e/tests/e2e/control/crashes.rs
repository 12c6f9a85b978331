//! Whenever a process dies, nothing is left half done: what it had begun is
//! finished by the next, or was never there.

use std::{collections::BTreeSet, time::Duration};

use resido_control_plane::{Config, Faults, Step};
use resido_e2e::wait;
use resido_migrations::Sets;
use resido_proto::tenancy::v1 as proto;
use tokio::time::timeout;

use super::plane::{Base, Caller, Plane};

const LIMIT: Duration = Duration::from_secs(20);
/// Tenants that gateways may route to, without all that they need.
const ROUTABLE_EARLY: &str = "
    select count(*) from tenants t
     where t.state in ('active', 'suspended', 'maintenance')
       and not exists (select from pg_namespace n
                         join pg_class c on c.relnamespace = n.oid and c.relname = '_tenant'
                        where n.nspname = t.schema_name)";

/// A control plane that dies at a point, and looks for nothing by itself.
fn dying(base: &Base, faults: &Faults) -> Plane {
    let config = Config {
        heartbeat_seconds: 1,
        reconcile_seconds: 3600,
        faults: faults.clone(),
        ..Config::default()
    };
    base.plane_of(config, Sets::embedded().unwrap())
}

/// Counts tenants in a state, schemas, and roles.
async fn count(base: &Base, state: &str) -> (i64, i64, i64) {
    let name = &base.database.name;
    let tenants = format!("select count(*) from tenants where state = '{state}'");
    let roles = format!("select count(*) from pg_roles where rolname ~ '^{name}_[ot]_'");
    let schemas = "select count(*) from pg_namespace where nspname ~ '^t_'";
    (
        base.count(&tenants).await,
        base.count(schemas).await,
        base.count(&roles).await,
    )
}

/// Waits until the database has undone what the dead one had open.
async fn undone(base: &Base) {
    let open = "
        select count(*) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()
           and state like 'idle in transaction%'";
    let undone = wait::until(LIMIT, || async { base.count(open).await == 0 });
    assert!(undone.await);
}

/// Lets leases run out and does the next turn, in another process.
async fn next_turn(base: &Base) -> Plane {
    undone(base).await;
    base.sql("update operations set lease_until = now() - interval '1 s' where not done")
        .await;
    let plane = base.plane();
    // Its own first turn may have been faster: nothing is done twice. An attempt
    // that met what the dead one had locked rests, and a later turn goes on.
    let open = "select count(*) from operations where not done";
    let all_done = wait::until(LIMIT, || async {
        plane.reconcile().await;
        base.count(open).await == 0
    });
    assert!(all_done.await);
    plane
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_is_made_whole_wherever_its_making_dies() {
    for step in [
        Step::Reserved,
        Step::SchemaMade,
        Step::MadeWhole,
        Step::Made,
    ] {
        let base = Base::new().await;
        let faults = Faults::at(step);
        let dead = dying(&base, &faults);
        let ask = tokio::spawn({
            let (mut tenants, create) = (dead.tenants(), dead.creation("acme", "key"));
            async move { tenants.create_tenant(create).await.map(drop) }
        });
        timeout(LIMIT, faults.died()).await.unwrap();
        ask.abort();
        undone(&base).await;
        let whole = i64::from(step == Step::Made);
        assert_eq!(
            count(&base, "active").await,
            (whole, whole, 2 * whole),
            "{step:?}"
        );
        assert_eq!(base.count(ROUTABLE_EARLY).await, 0, "{step:?}");
        // No news before there is something to route to.
        assert_eq!(
            base.count("select count(*) from outbox").await,
            whole,
            "{step:?}"
        );

        let plane = next_turn(&base).await;
        assert_eq!(count(&base, "active").await, (1, 1, 2), "{step:?}");
        assert_eq!(base.count(ROUTABLE_EARLY).await, 0, "{step:?}");
        let made = "select count(*) from audit_log where action = 'tenants.create'";
        assert_eq!(base.count(made).await, 1, "{step:?}");
        assert_eq!(plane.reconcile().await, Default::default(), "{step:?}");
        // The same request finds the same tenant.
        let again = plane.ask("acme", "key").await.unwrap().into_inner();
        assert_eq!(again.activation_token.len(), 43, "{step:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_is_gone_wherever_its_purge_dies() {
    for step in [
        Step::PurgeBegun,
        Step::SchemaDropped,
        Step::RowsDeleted,
        Step::Purged,
        Step::Proved,
    ] {
        let base = Base::new().await;
        let (acme, _) = base.plane().create("acme").await;
        base.sql("update tenants set state = 'deleting', purge_time = now() + interval '1 day'")
            .await;
        let faults = Faults::at(step);
        let dead = dying(&base, &faults);
        let purge = proto::PurgeTenantRequest {
            name: acme.id.resource_name(),
            confirm: "acme".into(),
        };
        let ask = tokio::spawn({
            let (mut tenants, purge) = (dead.tenants(), dead.request(Caller::Operator, purge));
            async move { tenants.purge_tenant(purge).await.map(drop) }
        });
        timeout(LIMIT, faults.died()).await.unwrap();
        ask.abort();
        undone(&base).await;
        // All of it or nothing.
        let purged = matches!(step, Step::Purged | Step::Proved);
        let expected = if purged { (1, 0, 0) } else { (0, 1, 2) };
        assert_eq!(count(&base, "purged").await, expected, "{step:?}");

        let plane = next_turn(&base).await;
        assert_eq!(count(&base, "purged").await, (1, 0, 0), "{step:?}");
        let proved = "select count(*) from tenants where (purge_proof->>'schema_gone')::bool
                         and (purge_proof->>'roles_gone')::bool
                         and (purge_proof->>'tables')::int > 2";
        assert_eq!(base.count(proved).await, 1, "{step:?}");
        let once = "select count(*) from audit_log where action = 'tenants.purged'";
        assert_eq!(base.count(once).await, 1, "{step:?}");
        assert_eq!(plane.reconcile().await, Default::default(), "{step:?}");
        plane.create("acme").await;
    }
}

#[test]
fn every_point_is_tried() {
    let tried = BTreeSet::from([
        "Reserved",
        "SchemaMade",
        "MadeWhole",
        "Made",
        "PurgeBegun",
        "SchemaDropped",
        "RowsDeleted",
        "Purged",
        "Proved",
    ]);
    let all: BTreeSet<_> = Step::ALL.iter().map(|step| format!("{step:?}")).collect();
    assert!(all.iter().map(String::as_str).eq(tried));
}
