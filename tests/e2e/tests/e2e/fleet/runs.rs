//! A run touches whom it should, halts when it should, and is gone on with where
//! it stopped.

use std::{sync::Mutex, time::Duration};

use resido_e2e::database::{Database, Tenant};
use resido_migrations::{
    Canary, Error, Event, ItemState, Order, Request, Rollout, RunState, Runner, Selection, Task,
    Tolerance,
};
use resido_proto::ids::TenantId;
use resido_tenancy::db::PublicDatabase;
use tokio_util::sync::CancellationToken;

use super::files::{Files, migrate, run};

const EXTRA: &str = "create table extra (id int);";

/// A database of so many tenants.
async fn fleet(number: usize) -> (Database, PublicDatabase, Vec<Tenant>) {
    let database = Database::migrated().await.unwrap();
    let db = database.control().unwrap();
    let mut tenants = Vec::new();
    for _ in 0..number {
        tenants.push(database.tenant().await.unwrap());
    }
    (database, db, tenants)
}

/// Makes a file fail in a tenant, or lets it go well again.
async fn poison(database: &Database, tenant: &Tenant) {
    let clash = format!("create table {}.extra (id int)", tenant.schema());
    database
        .admin()
        .await
        .unwrap()
        .execute(&clash, &[])
        .await
        .unwrap();
}

async fn cure(database: &Database, tenant: &Tenant) {
    let clear = format!("drop table {}.extra", tenant.schema());
    database
        .admin()
        .await
        .unwrap()
        .execute(&clear, &[])
        .await
        .unwrap();
}

async fn versions(database: &Database) -> Vec<(i64, i64)> {
    let sql = "select schema_version, count(*) from tenants group by 1 order by 1";
    let rows = database
        .admin()
        .await
        .unwrap()
        .query(sql, &[])
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn with(selection: Selection, rollout: Rollout) -> Request {
    Request {
        selection,
        rollout,
        ..Request::of("test")
    }
}

#[tokio::test]
async fn a_canary_that_fails_is_all_that_is_touched() {
    let (database, db, tenants) = fleet(6).await;
    let files = Files::new();
    let version = files.add("tenant", EXTRA);
    poison(&database, &tenants[3]).await;
    let canary = Rollout {
        canary: Some(Canary::Tenants(vec![tenants[3].id])),
        ..Rollout::default()
    };
    let (came, halted) = run(&db, &files.sets(), &with(Selection::default(), canary))
        .await
        .unwrap();
    let halted = halted.unwrap();
    assert_eq!(halted.state, RunState::Halted);
    assert_eq!((halted.done, halted.failed, halted.total), (0, 1, 6));
    assert_eq!(came.keys().copied().collect::<Vec<_>>(), [tenants[3].id]);
    assert_eq!(versions(&database).await, [(version - 1, 6)]);
    // Mended, the run goes on where it halted.
    cure(&database, &tenants[3]).await;
    let resume = Request {
        task: Task::Resume(halted.id),
        ..Request::of("test")
    };
    let (came, resumed) = run(&db, &files.sets(), &resume).await.unwrap();
    let resumed = resumed.unwrap();
    assert_eq!(
        (resumed.id, resumed.state),
        (halted.id, RunState::Succeeded)
    );
    assert_eq!((came.len(), resumed.done, resumed.failed), (6, 6, 0));
    assert_eq!(versions(&database).await, [(version, 6)]);
    let again = run(&db, &files.sets(), &resume).await;
    assert!(matches!(again, Err(Error::Run(_))), "{again:?}");
}

#[tokio::test]
async fn waves_come_one_after_the_other() {
    let (_database, db, tenants) = fleet(10).await;
    let files = Files::new();
    files.add("tenant", EXTRA);
    let rollout = Rollout {
        canary: Some(Canary::Count(2)),
        waves: vec![50.0, 100.0],
        max_failures: None,
    };
    let seen = Mutex::new(Vec::new());
    let runner = Runner::new(db, files.sets().into());
    let tell = |event: Event| match event {
        Event::Wave { number, tenants } => seen.lock().unwrap().push((number, tenants, 0)),
        Event::Tenant(_) => seen.lock().unwrap().last_mut().unwrap().2 += 1,
        Event::Started(_) | Event::Finished(_) => {}
    };
    let request = with(Selection::default(), rollout);
    runner
        .run(&request, &CancellationToken::new(), &tell)
        .await
        .unwrap();
    assert_eq!(*seen.lock().unwrap(), [(0, 2, 2), (1, 4, 4), (2, 4, 4)]);
    assert_eq!(tenants.len(), 10);
}

#[tokio::test]
async fn too_many_failures_halt_a_run_and_few_do_not() {
    let (database, db, tenants) = fleet(8).await;
    let files = Files::new();
    files.add("tenant", EXTRA);
    for tenant in &tenants[..3] {
        poison(&database, tenant).await;
    }
    let tolerant = |max_failures| Request {
        pace: resido_migrations::Pace {
            concurrency: 1,
            ..Default::default()
        },
        ..with(
            Selection::default(),
            Rollout {
                max_failures: Some(max_failures),
                ..Rollout::default()
            },
        )
    };
    let made = async |max_failures| {
        let (_, run) = run(&db, &files.sets(), &tolerant(max_failures))
            .await
            .unwrap();
        run.unwrap()
    };
    let halted = made(Tolerance::Count(2)).await;
    assert_eq!(
        (halted.state, halted.failed, halted.done),
        (RunState::Halted, 2, 0)
    );
    let rest = made(Tolerance::Percent(50.0)).await;
    assert_eq!(
        (rest.state, rest.failed, rest.done),
        (RunState::Failed, 3, 5)
    );
    assert!(rest.failures.iter().all(|came| came.error == "42P07"));
    // Those that failed are tried again alone.
    for tenant in &tenants[..3] {
        cure(&database, tenant).await;
    }
    let retry = Request {
        task: Task::Retry(rest.id),
        ..Request::of("test")
    };
    let (came, retried) = run(&db, &files.sets(), &retry).await.unwrap();
    assert_eq!(
        (came.len(), retried.unwrap().state),
        (3, RunState::Succeeded)
    );
}

#[tokio::test]
async fn tenants_are_selected() {
    let (database, db, tenants) = fleet(5).await;
    let admin = database.admin().await.unwrap();
    let id = tenants[4].id.as_uuid();
    let sql = "update tenants set plan = 'pro' where id = $1";
    admin.execute(sql, &[&id]).await.unwrap();
    let files = Files::new();
    let version = files.add("tenant", EXTRA);
    let last = files.add("tenant", "create table more (id int);");
    let chosen = async |selection: Selection| {
        let request = with(selection, Rollout::default());
        let (came, _) = run(&db, &files.sets(), &request).await.unwrap();
        came.into_keys().collect::<Vec<TenantId>>()
    };
    let pro = Selection {
        filter: "plan = pro".into(),
        ..Selection::default()
    };
    assert_eq!(chosen(pro).await, [tenants[4].id]);
    let two = Selection {
        limit: Some(2),
        exclude: vec![tenants[0].id],
        to: Some(version),
        ..Selection::default()
    };
    assert_eq!(chosen(two).await, [tenants[1].id, tenants[2].id]);
    assert_eq!(
        versions(&database).await,
        [(version - 1, 2), (version, 2), (last, 1)]
    );
    let named = Selection {
        tenants: vec![tenants[3].id],
        ..Selection::default()
    };
    assert_eq!(chosen(named).await, [tenants[3].id]);
    for (wrong, field) in [("plan =", "filter"), ("colour = red", "filter")] {
        let selection = Selection {
            filter: wrong.into(),
            ..Selection::default()
        };
        let request = with(selection, Rollout::default());
        match run(&db, &files.sets(), &request).await {
            Err(Error::Invalid(faults)) => assert_eq!(faults.0[0].field, field),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_rehearsal_says_how_it_would_go_and_leaves_nothing() {
    let (database, db, tenants) = fleet(3).await;
    let files = Files::new();
    let version = files.add("tenant", EXTRA);
    poison(&database, &tenants[1]).await;
    let rehearse = Request {
        task: Task::Rehearse,
        ..Request::of("test")
    };
    let (came, rehearsed) = run(&db, &files.sets(), &rehearse).await.unwrap();
    let rehearsed = rehearsed.unwrap();
    assert_eq!(rehearsed.state, RunState::Failed);
    let retry = Request {
        task: Task::Retry(rehearsed.id),
        ..Request::of("test")
    };
    let refused = run(&db, &files.sets(), &retry).await;
    assert!(matches!(refused, Err(Error::Run(_))), "{refused:?}");
    assert_eq!(came[&tenants[1].id].error, "42P07");
    assert_eq!(
        (came[&tenants[0].id].state, came[&tenants[0].id].files),
        (ItemState::Done, 1)
    );
    assert_eq!(versions(&database).await, [(version - 1, 3)]);
    let sql = "select count(*) from pg_class where relname = 'extra'";
    let made: i64 = database
        .admin()
        .await
        .unwrap()
        .query_one(sql, &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(made, 1);
}

#[tokio::test]
async fn an_older_file_after_a_newer_one_is_refused_unless_asked_for() {
    let (database, db, tenants) = fleet(1).await;
    let tenant = tenants[0].id;
    let files = Files::new();
    let first = files.add("tenant", "create table one (id int);");
    files.add("tenant", "create table two (id int);");
    migrate(&db, &files.sets()).await;
    // As a tenant that another branch migrated: it has the second without the first.
    let schema = tenants[0].schema();
    let admin = database.admin().await.unwrap();
    for sql in [
        format!("delete from {schema}._migrations where version = {first}"),
        format!("drop table {schema}.one"),
        "update tenants set fingerprint = ''".to_owned(),
    ] {
        admin.execute(&sql, &[]).await.unwrap();
    }
    let came = migrate(&db, &files.sets()).await;
    assert_eq!(came[&tenant].state, ItemState::BlockedChecksum);
    assert_eq!(came[&tenant].error, "MIGRATION_GAP");
    let any = Selection {
        order: Order::Any,
        ..Selection::default()
    };
    let (came, _) = run(&db, &files.sets(), &with(any, Rollout::default()))
        .await
        .unwrap();
    assert_eq!(
        (came[&tenant].state, came[&tenant].files),
        (ItemState::Done, 1)
    );
    assert!(migrate(&db, &files.sets()).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_locked_costs_the_others_nothing() {
    let (database, db, tenants) = fleet(4).await;
    let files = Files::new();
    files.add("tenant", "alter table units add column extra text;");
    let mut reader = database.admin().await.unwrap();
    let held = reader.transaction().await.unwrap();
    let read = format!("select count(*) from {}.units", tenants[2].schema());
    held.query_one(&read, &[]).await.unwrap();
    let runner = Runner::new(db, files.sets().into());
    let others = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let told = others.clone();
    let running = tokio::spawn(async move {
        let tell = |event: Event| {
            if let Event::Tenant(came) = event {
                assert_eq!(came.state, ItemState::Done, "{came:?}");
                told.add_permits(1);
            }
        };
        let request = Request::of("test");
        runner.run(&request, &CancellationToken::new(), &tell).await
    });
    // The three that nobody reads are done while the fourth waits.
    let done = tokio::time::timeout(Duration::from_secs(20), others.acquire_many(3)).await;
    done.unwrap().unwrap().forget();
    held.rollback().await.unwrap();
    let run = running.await.unwrap().unwrap().unwrap();
    assert_eq!((run.state, run.done), (RunState::Succeeded, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_runners_and_new_tenants_apply_each_file_once() {
    let (database, db, _) = fleet(12).await;
    let files = Files::new();
    // Applied twice, it would fail.
    let version = files.add("tenant", "create table once (id int);");
    let sets = files.sets();
    let runners = (0..8).map(|_| {
        let (db, sets) = (db.clone(), sets.clone());
        tokio::spawn(async move { run(&db, &sets, &Request::of("test")).await })
    });
    let runners: Vec<_> = runners.collect();
    for _ in 0..6 {
        database.tenant_of(&sets).await.unwrap();
    }
    let mut done = 0;
    for runner in runners {
        match runner.await.unwrap() {
            Ok((_, Some(run))) => {
                assert_eq!(run.failed, 0, "{run:?}");
                done += 1;
            }
            Ok((_, None)) | Err(Error::Locked) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(done >= 1);
    migrate(&db, &sets).await;
    assert_eq!(versions(&database).await, [(version, 18)]);
}
