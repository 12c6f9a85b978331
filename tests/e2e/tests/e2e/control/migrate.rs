//! Tenants are migrated in runs: one at a time, to their end whoever looks, and
//! what came of them can be read afterwards.

use std::{path::Path, time::Duration};

use resido_e2e::{database::Tenant, scratch, wait};
use resido_migrations::Sets;
use resido_proto::{
    ids::{TenantId, UserId},
    tenancy::v1::{
        self as proto, MigrateTenantsResponse, MigrationRun, TenantMigration,
        migrate_tenants_response::Event, migration_run::State, tenant_migration::Outcome,
    },
};
use tonic::{Code, Status, Streaming};

use super::plane::{Answer, Base, Caller, Plane, reason};

const LIMIT: Duration = Duration::from_secs(20);
const FIRST: &str = "create table things (id uuid primary key);";
/// Fails where there are rows.
const SECOND: &str = "-- allow: full-scan
    alter table things add column size integer;
    alter table things alter column size set not null;";

/// Files of tenants, in order.
fn files(sqls: &[&str]) -> Sets {
    let folder = scratch::folder("migrate").unwrap();
    let write = |path: &Path, sql: &str| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, sql).unwrap();
    };
    for (index, sql) in sqls.iter().enumerate() {
        let name = format!("tenant/000{}_things.sql", index + 1);
        write(&folder.join(name), sql);
    }
    std::fs::create_dir_all(folder.join("public")).unwrap();
    Sets::from_dir(&folder).unwrap()
}

/// Two tenants of an older version, and a control plane of the present one.
async fn behind(base: &Base) -> (Plane, Tenant, Tenant) {
    let old = base.plane_with(files(&[FIRST]));
    let ((acme, _), (globex, _)) = (old.create("acme").await, old.create("globex").await);
    old.stop().await;
    (base.plane_with(files(&[FIRST, SECOND])), acme, globex)
}

async fn migrate_as(
    plane: &Plane,
    caller: Caller,
    tenants: &[TenantId],
) -> Answer<Streaming<MigrateTenantsResponse>> {
    let tenants = tenants.iter().map(TenantId::resource_name).collect();
    let migrate = proto::MigrateTenantsRequest {
        tenants,
        ..proto::MigrateTenantsRequest::default()
    };
    let migrate = plane.request(caller, migrate);
    plane.tenants().migrate_tenants(migrate).await
}

async fn migrate(plane: &Plane, tenants: &[TenantId]) -> Streaming<MigrateTenantsResponse> {
    let begun = migrate_as(plane, Caller::Operator, tenants).await;
    begun.unwrap().into_inner()
}

/// Reads a run to its end: what came of tenants, and of the run.
async fn to_end(
    mut stream: Streaming<MigrateTenantsResponse>,
) -> (Vec<TenantMigration>, MigrationRun) {
    let mut tenants = Vec::new();
    let started = stream.message().await.unwrap().unwrap().event.unwrap();
    let Event::Started(started) = started else {
        panic!("{started:?}")
    };
    assert_eq!(started.state(), State::Running);
    loop {
        match stream.message().await.unwrap().unwrap().event.unwrap() {
            Event::Tenant(tenant) => tenants.push(tenant),
            Event::Finished(run) => {
                assert_eq!(run.name, started.name);
                assert!(stream.message().await.unwrap().is_none());
                return (tenants, run);
            }
            Event::Started(again) => panic!("{again:?}"),
        }
    }
}

async fn get(plane: &Plane, name: &str) -> Result<MigrationRun, Status> {
    let name = name.to_owned();
    let get = plane.request(Caller::Operator, proto::GetMigrationRunRequest { name });
    let run = plane.tenants().get_migration_run(get).await;
    run.map(tonic::Response::into_inner)
}

async fn list(plane: &Plane, token: &str) -> proto::ListMigrationRunsResponse {
    let list = proto::ListMigrationRunsRequest {
        page_size: 2,
        page_token: token.into(),
        ..proto::ListMigrationRunsRequest::default()
    };
    let list = plane.request(Caller::Operator, list);
    let runs = plane.tenants().list_migration_runs(list).await;
    runs.unwrap().into_inner()
}

/// Keeps others from working on a tenant until [`release`].
async fn hold(base: &Base, tenant: Tenant) {
    let hold = format!(
        "select pg_advisory_lock(1382380289, lock_no) from tenants where id = '{}'",
        tenant.id
    );
    base.sql(&hold).await;
}

async fn release(base: &Base) {
    base.sql("select pg_advisory_unlock_all()").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_brings_every_tenant_to_the_present_version() {
    let base = Base::new().await;
    let (plane, acme, globex) = Box::pin(behind(&base)).await;
    plane.suspend(globex.id).await.unwrap();
    let (tenants, run) = to_end(migrate(&plane, &[]).await).await;
    assert_eq!(tenants.len(), 2);
    for tenant in &tenants {
        assert_eq!(tenant.outcome(), Outcome::Migrated);
        assert_eq!((tenant.schema_version, tenant.error.as_str()), (2, ""));
    }
    assert_eq!(run.state(), State::Succeeded);
    assert_eq!(
        (run.total, run.done, run.failed, run.target_version),
        (2, 2, 0, 2)
    );
    assert_eq!(run.actor, format!("users/{}", plane.operator));
    assert!(run.create_time.is_some() && run.end_time.is_some());

    // Nothing is left to do: those that are named are told of all the same.
    let (tenants, again) = to_end(migrate(&plane, &[]).await).await;
    assert_eq!((tenants.len(), again.total, again.done), (0, 2, 2));
    let (tenants, named) = to_end(migrate(&plane, &[acme.id, acme.id]).await).await;
    assert_eq!(tenants.len(), 1);
    assert_eq!(tenants[0].outcome(), Outcome::Current);
    assert_eq!(
        (named.total, named.done, named.state()),
        (1, 1, State::Succeeded)
    );

    let first = list(&plane, "").await;
    assert_eq!(first.migration_runs, [named, again]);
    let second = list(&plane, &first.next_page_token).await;
    assert_eq!(second.migration_runs, std::slice::from_ref(&run));
    assert_eq!(second.next_page_token, "");
    assert_eq!(get(&plane, &run.name).await.unwrap(), run);
    let audited = "select count(*) from audit_log
        where action = 'tenants.migrate' and resource like 'migration-runs/%'";
    assert_eq!(base.count(audited).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenants_failure_is_not_the_others() {
    let base = Base::new().await;
    let (plane, acme, globex) = Box::pin(behind(&base)).await;
    let schema = acme.schema();
    let fill = format!("insert into {schema}.things values (gen_random_uuid())");
    base.sql(&fill).await;
    let (tenants, run) = to_end(migrate(&plane, &[]).await).await;
    let of = |id: TenantId| {
        let mut found = tenants.iter();
        found
            .find(|told| told.tenant == id.resource_name())
            .unwrap()
    };
    assert_eq!(of(globex.id).outcome(), Outcome::Migrated);
    let failed = of(acme.id);
    assert_eq!(failed.outcome(), Outcome::Failed);
    // As it was before the file that failed.
    assert_eq!((failed.schema_version, failed.error.as_str()), (1, "23502"));
    assert_eq!(run.state(), State::Failed);
    assert_eq!((run.total, run.done, run.failed), (2, 1, 1));
    assert_eq!(run.failures, std::slice::from_ref(failed));
    assert_eq!(get(&plane, &run.name).await.unwrap(), run);

    base.sql(&format!("delete from {schema}.things")).await;
    let (_, mended) = to_end(migrate(&plane, &[acme.id]).await).await;
    assert_eq!(mended.state(), State::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_without_its_caller_and_alone() {
    let base = Base::new().await;
    let (plane, acme, _) = Box::pin(behind(&base)).await;
    hold(&base, acme).await;
    let mut stream = migrate(&plane, &[]).await;
    let started = stream.message().await.unwrap().unwrap().event.unwrap();
    let Event::Started(run) = started else {
        panic!("{started:?}")
    };
    drop(stream);
    let second = migrate_as(&plane, Caller::Operator, &[]).await.unwrap_err();
    assert_eq!(second.code(), Code::Unavailable);
    assert_eq!(reason(&second), "MIGRATION_RUNNING");
    // One tenant is done, and the other is waited for.
    let half = wait::until(LIMIT, || async {
        get(&plane, &run.name).await.unwrap().done == 1
    });
    assert!(half.await);
    assert_eq!(
        get(&plane, &run.name).await.unwrap().state(),
        State::Running
    );
    assert_eq!(plane.reconcile().await.runs_abandoned, 0);
    release(&base).await;
    let over = wait::until(LIMIT, || async {
        get(&plane, &run.name).await.unwrap().state() == State::Succeeded
    });
    assert!(over.await);
    assert_eq!(get(&plane, &run.name).await.unwrap().done, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_process_ended_is_abandoned() {
    let base = Base::new().await;
    let (plane, acme, _) = Box::pin(behind(&base)).await;
    // In order: it says so itself.
    hold(&base, acme).await;
    let mut stream = migrate(&plane, &[acme.id]).await;
    assert!(stream.message().await.unwrap().is_some());
    tokio::time::timeout(LIMIT, plane.stop()).await.unwrap();
    let interrupted = "select count(*) from migration_runs where state = 'interrupted'";
    assert_eq!(base.count(interrupted).await, 1);
    let abandoned = "select count(*) from migration_runs where state = 'abandoned'";
    release(&base).await;

    // Without a word: its lease runs out.
    let dead = "
        insert into migration_runs
               (id, kind, target_version, total, done, actor, request, lease_until)
        values (gen_random_uuid(), 'up', 2, 2, 0, 'users/x', '{}', now() - interval '1 s')";
    base.sql(dead).await;
    let plane = base.plane_with(files(&[FIRST, SECOND]));
    // Its first look may have been faster than this one.
    plane.reconcile().await;
    assert_eq!(base.count(abandoned).await, 1);
    let found = list(&plane, "").await.migration_runs;
    let states: Vec<_> = found.iter().map(MigrationRun::state).collect();
    assert_eq!(states, [State::Abandoned, State::Interrupted]);
    assert!(found.iter().all(|run| run.end_time.is_some()));

    // The next run need not wait for that look.
    base.sql(dead).await;
    let (_, run) = to_end(migrate(&plane, &[]).await).await;
    assert_eq!(run.state(), State::Succeeded);
    assert_eq!(base.count(abandoned).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_for_administrators_and_tenants_in_service() {
    let base = Base::new().await;
    let (plane, acme, _) = Box::pin(behind(&base)).await;
    let owner = Caller::Owner(acme, UserId::new());
    for caller in [owner, Caller::Gateway, Caller::Anonymous] {
        assert!(migrate_as(&plane, caller, &[]).await.is_err(), "{caller:?}");
    }
    let unknown = migrate_as(&plane, Caller::Operator, &[acme.id, TenantId::new()]).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    base.sql("update tenants set state = 'deleting' where slug = 'acme'")
        .await;
    let deleted = migrate_as(&plane, Caller::Operator, &[acme.id]).await;
    assert_eq!(reason(&deleted.unwrap_err()), "TENANT_STATE");
    assert_eq!(base.count("select count(*) from migration_runs").await, 0);
    // Without a name it is passed over.
    let (tenants, run) = to_end(migrate(&plane, &[]).await).await;
    assert_eq!((tenants.len(), run.total), (1, 1));
    let wrong = get(&plane, "migration-runs/x").await.unwrap_err();
    assert_eq!(reason(&wrong), "REQUEST_INVALID");
    let absent = format!("migration-runs/{}", UserId::new());
    assert_eq!(
        get(&plane, &absent).await.unwrap_err().code(),
        Code::NotFound
    );
}
