//! What a run applied can be undone, and nothing else is.

use resido_e2e::database::Database;
use resido_migrations::{Error, ItemState, Request, RunState, Task, drift};

use super::files::{Files, migrate, run};

const DOWN: &str = "drop index units_extra; alter table units drop column extra;";
const UP: &str = "alter table units add column extra text;
    create index units_extra on units (extra);";

fn rollback(of: resido_proto::ids::MigrationRunId) -> Request {
    Request {
        task: Task::Rollback(of),
        ..Request::of("test")
    }
}

#[tokio::test]
async fn a_run_is_undone_in_the_tenants_that_it_changed_and_leaves_no_trace() {
    let database = Database::migrated().await.unwrap();
    let db = database.control().unwrap();
    let old = database.tenant().await.unwrap();
    let files = Files::new();
    let version = files.add("tenant", UP);
    files.write("tenant", &format!("{version:04}_added.down.sql"), DOWN);
    let sets = files.sets();
    let new = database.tenant_of(&sets).await.unwrap();
    let before = Files::new().sets();
    let (_, applied) = run(&db, &sets, &Request::of("test")).await.unwrap();
    let applied = applied.unwrap();
    assert_eq!(applied.done, 2);
    let (came, undone) = run(&db, &sets, &rollback(applied.id)).await.unwrap();
    assert_eq!(undone.unwrap().state, RunState::Succeeded);
    // The one that was made with the file keeps it.
    assert_eq!(came.keys().copied().collect::<Vec<_>>(), [old.id]);
    let fate = &came[&old.id];
    assert_eq!(
        (fate.state, fate.version),
        (ItemState::RolledBack, version - 1)
    );
    let report = drift(&db, &before, &[old.id]).await.unwrap();
    assert_eq!((report.checked, report.drifted), (1, 0), "{report:?}");
    let report = drift(&db, &sets, &[new.id]).await.unwrap();
    assert_eq!((report.checked, report.drifted), (1, 0), "{report:?}");
    let again = run(&db, &sets, &rollback(applied.id)).await;
    assert!(matches!(again, Err(Error::Run(_))), "{again:?}");
    // It can be applied again.
    assert_eq!(migrate(&db, &sets).await[&old.id].state, ItemState::Done);
}

#[tokio::test]
async fn a_run_without_a_way_back_or_with_later_ones_is_not_undone() {
    let database = Database::migrated().await.unwrap();
    let db = database.control().unwrap();
    let tenant = database.tenant().await.unwrap();
    let files = Files::new();
    let first = files.add("tenant", "create table one (id int);");
    let applied = run(&db, &files.sets(), &Request::of("test")).await.unwrap();
    let applied = applied.1.unwrap();
    let refused = run(&db, &files.sets(), &rollback(applied.id)).await;
    assert!(
        matches!(refused, Err(Error::NoWayBack(version)) if version == first),
        "{refused:?}"
    );
    files.write(
        "tenant",
        &format!("{first:04}_added.down.sql"),
        "drop table one;",
    );
    files.add("tenant", "create table two (id int);");
    migrate(&db, &files.sets()).await;
    let (came, undone) = run(&db, &files.sets(), &rollback(applied.id))
        .await
        .unwrap();
    assert_eq!(undone.unwrap().state, RunState::Failed);
    assert_eq!(came[&tenant.id].state, ItemState::Failed);
    // With files that do not know it, nothing is undone and nothing said to be.
    let unknown = run(&db, &Files::new().sets(), &rollback(applied.id)).await;
    assert!(matches!(unknown, Err(Error::Run(_))), "{unknown:?}");
    let kept = format!("select count(*) from {}.one", tenant.schema());
    database
        .admin()
        .await
        .unwrap()
        .query_one(&kept, &[])
        .await
        .unwrap();
}
