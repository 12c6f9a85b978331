//! Files that run outside a transaction come to their end, whoever dies between.

use std::time::Duration;

use resido_e2e::{
    database::{Database, Tenant},
    wait,
};
use resido_migrations::{ItemState, drift};

use super::files::{Files, migrate};

const INDEX: &str = "-- no-transaction\ncreate index concurrently units_extra on units (floor);";

async fn valid(database: &Database, tenant: &Tenant) -> Option<bool> {
    let sql = "select indisvalid from pg_index where indexrelid = to_regclass($1)";
    let name = format!("{}.units_extra", tenant.schema());
    let admin = database.admin().await.unwrap();
    let row = admin.query_opt(sql, &[&name]).await.unwrap();
    row.map(|row| row.get(0))
}

#[tokio::test]
async fn an_index_is_built_beside_readers_and_new_tenants_have_it_too() {
    let database = Database::migrated().await.unwrap();
    let db = database.control().unwrap();
    let old = database.tenant().await.unwrap();
    let files = Files::new();
    files.add("tenant", INDEX);
    files.add("tenant", "create table later (id int);");
    let sets = files.sets();
    let came = migrate(&db, &sets).await;
    assert_eq!(
        (came[&old.id].state, came[&old.id].files),
        (ItemState::Done, 2)
    );
    assert_eq!(valid(&database, &old).await, Some(true));
    let new = database.tenant_of(&sets).await.unwrap();
    assert_eq!(valid(&database, &new).await, Some(true));
    let report = drift(&db, &sets, &[]).await.unwrap();
    assert_eq!((report.checked, report.drifted), (2, 0), "{report:?}");
    assert!(migrate(&db, &sets).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_whose_builder_died_is_built_anew() {
    let database = Database::migrated().await.unwrap();
    let tenant = database.tenant().await.unwrap();
    let files = Files::new();
    files.add("tenant", INDEX);
    let sets = files.sets();
    // A writer keeps the builder waiting, with the index half there.
    let mut writer = database.admin().await.unwrap();
    let open = writer.transaction().await.unwrap();
    let lock = format!("lock table {}.units in row exclusive mode", tenant.schema());
    open.batch_execute(&lock).await.unwrap();
    let db = database.control().unwrap();
    let dying = {
        let (db, sets) = (db.clone(), sets.clone());
        tokio::spawn(async move { migrate(&db, &sets).await })
    };
    let half = wait::until(Duration::from_secs(20), || async {
        valid(&database, &tenant).await == Some(false)
    });
    assert!(half.await);
    let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and query ilike '%concurrently%'
          and pid <> pg_backend_pid()";
    dying.abort();
    let admin = database.admin().await.unwrap();
    admin.query_one(kill, &[]).await.unwrap();
    open.rollback().await.unwrap();
    assert_eq!(valid(&database, &tenant).await, Some(false));
    // The dead run holds the fleet until its lease ends.
    admin
        .execute("update migration_runs set lease_until = now()", &[])
        .await
        .unwrap();
    let came = migrate(&db, &sets).await;
    assert_eq!(came[&tenant.id].state, ItemState::Done, "{came:?}");
    assert_eq!(valid(&database, &tenant).await, Some(true));
}
