//! A tenant that comes back is of the present version, or does not come back.

use std::path::Path;

use resido_e2e::scratch;
use resido_migrations::Sets;
use resido_proto::tenancy::v1::tenant::State;
use tonic::Code;

use super::plane::{Base, reason};
use crate::fleet::files::migrate;

/// Files of tenants, in order.
fn files(sqls: &[&str]) -> Sets {
    let folder = scratch::folder("restore").unwrap();
    let write = |path: &Path, sql: &str| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, sql).unwrap();
    };
    for (index, sql) in sqls.iter().enumerate() {
        write(
            &folder.join(format!("tenant/000{}_things.sql", index + 1)),
            sql,
        );
    }
    std::fs::create_dir_all(folder.join("public")).unwrap();
    Sets::from_dir(&folder).unwrap()
}

const FIRST: &str = "create table things (id uuid primary key);";
const SECOND: &str = "create table more_things (id uuid primary key);";
const BROKEN: &str = "insert into things (id) values ('no id');";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_tenant_is_migrated_first() {
    let base = Base::new().await;
    let old = base.plane_with(files(&[FIRST]));
    let (tenant, _) = old.create("acme").await;
    old.delete(tenant.id).await.unwrap();
    old.stop().await;
    // While it is away, runs pass it over.
    let sets = files(&[FIRST, SECOND, SECOND.replace("more", "most").as_str()]);
    let db = base.database.control().unwrap();
    let came = migrate(&db, &sets).await;
    assert!(came.is_empty(), "{came:?}");
    let plane = base.plane_with(sets);
    let restored = plane.undelete(tenant.id).await.unwrap().into_inner();
    assert_eq!(
        (restored.state(), restored.schema_version),
        (State::Active, 3)
    );
    let tables = format!(
        "select count(*) from pg_tables where schemaname = '{}' and tablename ~ 'things$'",
        tenant.schema()
    );
    assert_eq!(base.count(&tables).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_cannot_be_migrated_stays_deleted() {
    let base = Base::new().await;
    let old = base.plane_with(files(&[FIRST]));
    let (tenant, _) = old.create("acme").await;
    old.delete(tenant.id).await.unwrap();
    old.stop().await;
    let plane = base.plane_with(files(&[FIRST, BROKEN]));
    let failed = plane.undelete(tenant.id).await.unwrap_err();
    assert_eq!(
        (failed.code(), reason(&failed).as_str()),
        (Code::Internal, "INTERNAL")
    );
    let seen = plane.get(tenant.id).await.unwrap().into_inner();
    assert_eq!((seen.state(), seen.schema_version), (State::Deleting, 1));
    plane.stop().await;
    let plane = base.plane_with(files(&[FIRST, SECOND]));
    let restored = plane.undelete(tenant.id).await.unwrap().into_inner();
    assert_eq!(
        (restored.state(), restored.schema_version),
        (State::Active, 2)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_back_after_its_time() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    plane.delete(tenant.id).await.unwrap();
    base.sql("update tenants set purge_time = now() - interval '1 second'")
        .await;
    for state in ["deleting", "purging", "purged"] {
        base.sql(&format!("update tenants set state = '{state}'"))
            .await;
        let late = plane.undelete(tenant.id).await.unwrap_err();
        assert_eq!(late.code(), Code::FailedPrecondition, "{state}");
        assert_eq!(reason(&late), "TENANT_STATE", "{state}");
    }
}
