//! Whenever a process dies, nothing is left half done: what it had begun is
//! finished by the next, or was never there.

use std::{collections::BTreeSet, time::Duration};

use resido_control_plane::{Config, Faults, Step};
use resido_e2e::{database::Tenant, wait};
use resido_migrations::Sets;
use resido_proto::{
    google::longrunning as lro,
    tenancy::v1::{self as proto, TenantRoute, tenant::State},
};
use tokio::time::timeout;

use super::{
    operator::Lets,
    plane::{Base, Caller, Plane, reason},
    stream::Watch,
};

pub(super) const LIMIT: Duration = Duration::from_secs(20);
/// Where the making of a tenant can die.
pub(super) const MAKING: [Step; 4] = [
    Step::Reserved,
    Step::SchemaMade,
    Step::MadeWhole,
    Step::Made,
];
/// Tenants that gateways may route to, without all that they need.
const ROUTABLE_EARLY: &str = "
    select count(*) from tenants t
     where t.state in ('active', 'suspended', 'maintenance')
       and not exists (select from pg_namespace n
                         join pg_class c on c.relnamespace = n.oid and c.relname = '_tenant'
                        where n.nspname = t.schema_name)";

/// A control plane that dies at a point, and looks for nothing by itself.
pub(super) fn dying(base: &Base, faults: &Faults) -> Plane {
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
pub(super) async fn undone(base: &Base) {
    let open = "
        select count(*) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()
           and state like 'idle in transaction%'";
    let undone = wait::until(LIMIT, || async { base.count(open).await == 0 });
    assert!(undone.await);
}

/// Lets leases run out and does the next turn, in another process.
pub(super) async fn next_turn(base: &Base) -> Plane {
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

/// Returns what a stream tells of tenants, up to a change of `marker` that is
/// written now.
async fn heard(base: &Base, watch: &mut Watch, marker: Tenant) -> Vec<TenantRoute> {
    let mark = format!("insert into outbox (tenant_id) values ('{}')", marker.id);
    base.sql(&mark).await;
    let mut heard = Vec::new();
    loop {
        let route = watch.tenant().await;
        if route.id == marker.id.to_string() {
            return heard;
        }
        heard.push(route);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_is_made_whole_wherever_its_making_dies() {
    for step in MAKING {
        let base = Base::new().await;
        let witness = base.plane();
        let (marker, _) = witness.create("marker").await;
        let mut watch = Watch::ready(&witness).await;
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
            (1 + whole, 1 + whole, 2 + 2 * whole),
            "{step:?}"
        );
        assert_eq!(base.count(ROUTABLE_EARLY).await, 0, "{step:?}");
        // No news before there is something to route to.
        let mut told = heard(&base, &mut watch, marker).await;
        assert_eq!(told.len(), usize::from(step == Step::Made), "{step:?}");

        let plane = next_turn(&base).await;
        assert_eq!(count(&base, "active").await, (2, 2, 4), "{step:?}");
        assert_eq!(base.count(ROUTABLE_EARLY).await, 0, "{step:?}");
        let made = "select count(*) from audit_log where action = 'tenants.create'";
        assert_eq!(base.count(made).await, 2, "{step:?}");
        assert_eq!(plane.reconcile().await, Default::default(), "{step:?}");
        // It is told of once, and as what it is.
        told.extend(heard(&base, &mut watch, marker).await);
        assert_eq!(told.len(), 1, "{step:?}: {told:?}");
        assert_eq!(told[0].state(), State::Active, "{step:?}");
        // The same request finds the same tenant.
        let again = plane.ask("acme", "key").await.unwrap().into_inner();
        assert_eq!(again.activation_token.len(), 43, "{step:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_is_whole_or_not_at_all_wherever_it_dies() {
    for step in [Step::DeletionMade, Step::Deleted] {
        let base = Base::new().await;
        let witness = base.plane();
        let (marker, _) = witness.create("marker").await;
        let (acme, _) = witness.create("acme").await;
        base.sql(&format!(
            "insert into invitations (id, tenant_id, email, roles, inviter, validity, expire_time)
             values (gen_random_uuid(), '{}', 'a@x.example', '{{member}}', 'users/x', 60,
                     now() + interval '1 minute')",
            acme.id
        ))
        .await;
        let mut watch = Watch::ready(&witness).await;
        let faults = Faults::at(step);
        let dead = dying(&base, &faults);
        let delete = proto::DeleteTenantRequest {
            name: acme.id.resource_name(),
            ..Default::default()
        };
        let ask = tokio::spawn({
            let (mut tenants, delete) = (dead.tenants(), dead.request(Caller::Operator, delete));
            async move { tenants.delete_tenant(delete).await.map(drop) }
        });
        timeout(LIMIT, faults.died()).await.unwrap();
        ask.abort();
        undone(&base).await;

        let deleted = step == Step::Deleted;
        let found = format!(
            "select count(*) from tenants t
              where t.id = '{}' and t.state = 'deleting' and t.purge_time > now()
                and exists (select from invitations where state = 'revoked')
                and exists (select from activation_tokens where tenant_id <> t.id)
                and not exists (select from activation_tokens where tenant_id = t.id)",
            acme.id
        );
        assert_eq!(base.count(&found).await, i64::from(deleted), "{step:?}");
        let open = "select count(*) from invitations where state = 'open'";
        assert_eq!(base.count(open).await, i64::from(!deleted), "{step:?}");
        let lets = if deleted { Lets::Nothing } else { Lets::Writes };
        assert_eq!(base.lets(acme.id).await, lets, "{step:?}");
        let audited = "select count(*) from audit_log where action = 'tenants.delete'";
        assert_eq!(base.count(audited).await, i64::from(deleted), "{step:?}");
        // Gateways hear of it, although the one that did it is dead.
        let told = heard(&base, &mut watch, marker).await;
        let states: Vec<_> = told.iter().map(TenantRoute::state).collect();
        let expected = if deleted {
            vec![State::Deleting]
        } else {
            vec![]
        };
        assert_eq!(states, expected, "{step:?}");
        // Asked once more, it is done once.
        let again = witness.delete(acme.id).await;
        assert_eq!(again.is_err(), deleted, "{step:?}");
        assert_eq!(base.count(audited).await, 1, "{step:?}");
        assert_eq!(base.lets(acme.id).await, Lets::Nothing, "{step:?}");
        let plane = next_turn(&base).await;
        assert_eq!(plane.reconcile().await, Default::default(), "{step:?}");
    }
}

/// Lets a control plane die at a point of a purge, and returns what is left of it:
/// it answers calls, and goes on with no work.
async fn die_purging(base: &Base, tenant: Tenant, step: Step) -> Plane {
    let faults = Faults::at(step);
    let dead = dying(base, &faults);
    let purge = proto::PurgeTenantRequest {
        name: tenant.id.resource_name(),
        confirm: "acme".into(),
    };
    let ask = tokio::spawn({
        let (mut tenants, purge) = (dead.tenants(), dead.request(Caller::Operator, purge));
        async move { tenants.purge_tenant(purge).await.map(drop) }
    });
    timeout(LIMIT, faults.died()).await.unwrap();
    ask.abort();
    undone(base).await;
    dead
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_whose_data_is_gone_is_proved_and_not_cancelled() {
    let base = Base::new().await;
    let (acme, _) = base.plane().create("acme").await;
    base.sql("update tenants set state = 'deleting', purge_time = now() + interval '1 day'")
        .await;
    let dead = die_purging(&base, acme, Step::Purged).await;
    base.sql("update operations set lease_until = now() - interval '1 s' where not done")
        .await;
    let open = "select 'operations/' || id from operations where not done";
    let name: String = base.admin.query_one(open, &[]).await.unwrap().get(0);
    let cancel = lro::CancelOperationRequest { name };
    let cancel = dead.request(Caller::Operator, cancel);
    let refused = dead.operations().cancel_operation(cancel).await;
    assert_eq!(reason(&refused.unwrap_err()), "OPERATION_RUNNING");

    let plane = next_turn(&base).await;
    let proved = "select count(*) from tenants
         where state = 'purged' and (purge_proof->>'schema_gone')::bool";
    assert_eq!(base.count(proved).await, 1);
    // Where the proof itself failed, it is tried again after an hour.
    base.sql(
        "update tenants set purge_proof = purge_proof - 'schema_gone' - 'roles_gone',
                update_time = now() - interval '2 minutes'",
    )
    .await;
    let failed = "update operations set error = 'INTERNAL' where kind = 'purge'";
    base.sql(failed).await;
    assert_eq!(plane.reconcile().await, Default::default());
    base.sql("update operations set end_time = now() - interval '2 hours'")
        .await;
    let turn = plane.reconcile().await;
    assert_eq!((turn.operations_made, turn.taken_up), (1, 1));
    assert_eq!(base.count(proved).await, 1);
    let once = "select count(*) from audit_log where action = 'tenants.purged'";
    assert_eq!(base.count(once).await, 1);
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
        let _dead = die_purging(&base, acme, step).await;
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
        "DeletionMade",
        "Deleted",
        "PurgeBegun",
        "SchemaDropped",
        "RowsDeleted",
        "Purged",
        "Proved",
    ]);
    let all: BTreeSet<_> = Step::ALL.iter().map(|step| format!("{step:?}")).collect();
    assert!(all.iter().map(String::as_str).eq(tried));
}
