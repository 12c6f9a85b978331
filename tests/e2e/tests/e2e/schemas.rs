//! Every schema is whole or not there, and every migration is applied once.

use resido_e2e::{
    database::{Database, Tenant},
    door::Door,
};
use resido_migrations::{
    Error, ItemState, Request, Runner, Selection, Sets, migrate_public, status,
};
use resido_tenancy::db::{Access, params};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fleet::files::{Files, migrate, run};

async fn count(database: &Database, sql: &str) -> i64 {
    let admin = database.admin().await.unwrap();
    admin.query_one(sql, &[]).await.unwrap().get(0)
}

/// Counts schemas, roles and records that a tenant leaves behind.
async fn traces(database: &Database) -> [i64; 3] {
    let roles = format!(
        "select count(*) from pg_roles where rolname ~ '^{}_[ot]_'",
        database.name
    );
    [
        count(
            database,
            "select count(*) from pg_namespace where nspname ~ '^t_'",
        )
        .await,
        count(database, &roles).await,
        count(database, "select count(*) from tenants").await,
    ]
}

#[tokio::test]
async fn a_tenant_whose_migration_fails_leaves_nothing_behind() {
    let database = Database::migrated().await.unwrap();
    for wrong in [
        "create table extra (id int); select 1 / 0;",
        "create table properties (id int);",
        // What no rule of the files sees, the owner's rights stop.
        "do $$ begin execute 'create table public.mine (id int)'; end $$;",
    ] {
        let files = Files::new();
        let version = files.add("tenant", wrong);
        let error = database.tenant_of(&files.sets()).await.unwrap_err();
        let error = error.downcast::<Error>().unwrap();
        let failed = matches!(error, Error::Failed { version: found, .. } if found == version);
        assert!(failed, "{error:?}");
        assert_eq!(traces(&database).await, [0, 0, 0], "{wrong}");
    }
    database.tenant().await.unwrap();
    assert_eq!(traces(&database).await, [1, 2, 1]);
}

#[tokio::test]
async fn a_tenant_whose_maker_goes_away_leaves_nothing_behind() {
    let database = Database::migrated().await.unwrap();
    let files = Files::new();
    files.add("tenant", "select pg_sleep(20);");
    let sets = files.sets();
    let made = database.tenant_of(&sets);
    let gone = tokio::time::timeout(std::time::Duration::from_millis(300), made);
    assert!(gone.await.is_err());
    let left = resido_e2e::wait::until(std::time::Duration::from_secs(5), || async {
        traces(&database).await == [0, 0, 0]
            && count(
                &database,
                "select count(*) from pg_locks where locktype = 'advisory'",
            )
            .await
                == 0
    });
    assert!(left.await, "{:?}", traces(&database).await);
}

#[tokio::test]
async fn applying_twice_is_applying_once() {
    let database = Database::empty().await.unwrap();
    let sets = Sets::embedded().unwrap();
    let db = database.control().unwrap();
    let before = status(&db, &sets).await.unwrap();
    assert!(!before.is_current());
    assert_eq!(before.public_applied, 0);
    let all = sets.public.migrations.len();
    assert_eq!(migrate_public(&db, &sets).await.unwrap(), all);
    assert_eq!(migrate_public(&db, &sets).await.unwrap(), 0);
    let tenant = database.tenant().await.unwrap();
    let files = Files::new();
    let version = files.add("tenant", "alter table units add column extra text;");
    let sets = files.sets();
    let behind = status(&db, &sets).await.unwrap();
    assert_eq!((behind.tenants_behind(), behind.is_current()), (1, false));
    let run = async || migrate(&db, &sets).await;
    let first = run().await;
    let done = &first[&tenant.id];
    assert_eq!((done.state, done.files), (ItemState::Done, 1));
    assert_eq!(count(&database, "select count(*) from outbox").await, 1);
    assert!(run().await.is_empty());
    let current = status(&db, &sets).await.unwrap();
    assert!(current.is_current());
    assert_eq!(current.tenants[&version], 1);
    let rows = format!("select count(*) from {}._migrations", tenant.schema());
    assert_eq!(count(&database, &rows).await, version);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrating_from_several_processes_at_once_applies_each_file_once() {
    let database = Database::empty().await.unwrap();
    let files = Files::new();
    files.add(
        "public",
        "create table counted (id int); select pg_sleep(0.2);",
    );
    let sets = files.sets();
    let (one, two) = (database.control().unwrap(), database.control().unwrap());
    let (first, second) = tokio::join!(migrate_public(&one, &sets), migrate_public(&two, &sets));
    assert_eq!(
        first.unwrap() + second.unwrap(),
        sets.public.migrations.len()
    );
    for _ in 0..4 {
        database.tenant_of(&sets).await.unwrap();
    }
    files.add(
        "tenant",
        "alter table units add column extra text; select pg_sleep(0.05);",
    );
    let sets = files.sets();
    let run = async |db| {
        let runner = Runner::new(db, sets.clone().into());
        let end = CancellationToken::new();
        runner.run(&Request::of("test"), &end, &|_| {}).await
    };
    // One of them does it; the other is told so, or finds nothing left to do.
    let (first, second) = tokio::join!(run(one), run(two));
    let mut done = 0;
    for ended in [first, second] {
        match ended {
            Ok(run) => done += run.map_or(0, |run| run.done),
            Err(error) => assert!(matches!(error, Error::Locked), "{error:?}"),
        }
    }
    assert_eq!(done, 4);
}

#[tokio::test]
async fn a_file_that_changed_after_it_was_applied_is_refused() {
    let database = Database::migrated().await.unwrap();
    let tenant = database.tenant().await.unwrap();
    let files = Files::new();
    let db = database.control().unwrap();
    files.write("public", "0001_control.sql", "create table other (id int);");
    let refused = migrate_public(&db, &files.sets()).await;
    assert!(
        matches!(refused, Err(Error::Changed { version: 1, .. })),
        "{refused:?}"
    );
    let files = Files::new();
    files.write("tenant", "0001_housing.sql", "create table other (id int);");
    files.add("tenant", "create table further (id int);");
    let came = migrate(&db, &files.sets()).await;
    assert_eq!(came[&tenant.id].state, ItemState::BlockedChecksum);
    assert_eq!(came[&tenant.id].error, "MIGRATION_CHANGED");
    let made = "select count(*) from pg_class where relname in ('other', 'further')";
    assert_eq!(count(&database, made).await, 0);
}

#[tokio::test]
async fn an_edited_file_is_noticed_without_a_newer_one() {
    let database = Database::migrated().await.unwrap();
    let tenant = database.tenant().await.unwrap();
    let db = database.control().unwrap();
    let built_in = Sets::embedded().unwrap();
    let files = Files::new();
    let text = built_in.tenant.migrations[0].sql.clone();
    files.write("tenant", "0001_housing.sql", &format!("{text}-- Edited.\n"));
    let edited = files.sets();
    let run = async |sets: &Sets| migrate(&db, sets).await;
    for _ in 0..2 {
        let came = run(&edited).await;
        assert_eq!(came[&tenant.id].state, ItemState::BlockedChecksum);
    }
    let state = status(&db, &edited).await.unwrap();
    assert_eq!((state.tenants_behind(), state.changed), (0, 1));
    assert!(!state.is_current());
    assert!(run(&built_in).await.is_empty());
    assert!(status(&db, &built_in).await.unwrap().is_current());
    // The record alone is behind: it is put right once, and gateways hear of it.
    let admin = database.admin().await.unwrap();
    let forget = "update tenants set fingerprint = ''";
    admin.execute(forget, &[]).await.unwrap();
    assert_eq!(status(&db, &built_in).await.unwrap().changed, 1);
    let came = run(&built_in).await;
    assert_eq!(came[&tenant.id].state, ItemState::SkippedCurrent);
    assert!(run(&built_in).await.is_empty());
    // Files that go on from an edited one are not applied, either.
    files.add("tenant", "create table further (id int);");
    let came = run(&files.sets()).await;
    assert_eq!(came[&tenant.id].state, ItemState::BlockedChecksum);
}

#[tokio::test]
async fn one_tenants_failure_is_its_own() {
    let database = Database::migrated().await.unwrap();
    let good = database.tenant().await.unwrap();
    let bad = database.tenant().await.unwrap();
    let other = database.tenant().await.unwrap();
    let admin = database.admin().await.unwrap();
    let clash = format!("create table {}.extra (id int)", bad.schema());
    admin.execute(&clash, &[]).await.unwrap();
    let files = Files::new();
    files.add("tenant", "create table before (id int);");
    let extra = files.add("tenant", "create table extra (id int);");
    let db = database.control().unwrap();
    let run = async || migrate(&db, &files.sets()).await;
    let came = run().await;
    for tenant in [good, other] {
        let done = &came[&tenant.id];
        assert_eq!((done.state, done.files), (ItemState::Done, 2));
    }
    let failed = &came[&bad.id];
    assert_eq!(
        (failed.state, failed.error.as_str()),
        (ItemState::Failed, "42P07")
    );
    // What went before stays, and the record says how far it came.
    let reached = status(&db, &files.sets()).await.unwrap();
    assert_eq!(
        reached.tenants.into_iter().collect::<Vec<_>>(),
        [(extra - 1, 1), (extra, 2)]
    );
    let clear = format!("drop table {}.extra", bad.schema());
    admin.execute(&clear, &[]).await.unwrap();
    let mended = &run().await[&bad.id];
    assert_eq!((mended.state, mended.files), (ItemState::Done, 1));
}

#[tokio::test]
async fn a_schema_newer_than_the_program_is_left_alone() {
    let database = Database::migrated().await.unwrap();
    let files = Files::new();
    files.add("tenant", "create table later (id int);");
    let tenant = database.tenant_of(&files.sets()).await.unwrap();
    let db = database.control().unwrap();
    let built_in = Sets::embedded().unwrap();
    assert!(migrate(&db, &built_in).await.is_empty());
    let runner = Runner::new(db.clone(), built_in.clone().into());
    let tx = db.begin(None).await.unwrap();
    let everybody = Selection::default();
    let plan = runner.plan(&tx, &everybody, &Default::default()).await;
    assert_eq!(plan.unwrap().ahead, [tenant.id]);
    tx.rollback().await.unwrap();
    assert_eq!(status(&db, &built_in).await.unwrap().changed, 0);
    files.add("public", "create table later (id int);");
    migrate_public(&db, &files.sets()).await.unwrap();
    let refused = migrate_public(&db, &built_in).await;
    assert!(matches!(refused, Err(Error::Ahead { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_old_tenant_migrated_equals_a_new_one() {
    let database = Database::migrated().await.unwrap();
    let old = database.tenant().await.unwrap();
    let files = Files::new();
    files.add(
        "tenant",
        "create table notes (id bigint generated always as identity primary key, text text);
         alter table units add column extra text not null default '';
         create index units_extra on units (extra);",
    );
    let db = database.control().unwrap();
    migrate(&db, &files.sets()).await;
    let new = database.tenant_of(&files.sets()).await.unwrap();
    let (one, two) = (shape(&database, &old).await, shape(&database, &new).await);
    assert!(one.len() > 30, "{one:?}");
    assert_eq!(one, two);
    // What a migration makes is the tenant's to use, at once.
    let ctx = Door::new().unwrap().enter(&old).await.unwrap();
    let tx = database
        .app(1)
        .unwrap()
        .begin(&ctx, Access::Write)
        .await
        .unwrap();
    tx.execute("insert into notes (text) values ('x')", params![])
        .await
        .unwrap();
    let insert = "insert into properties (id, display_name) values ($1, 'x')";
    tx.execute(insert, params![Uuid::now_v7()]).await.unwrap();
    tx.commit().await.unwrap();
}

/// Describes everything in a schema, without the schema's own name.
async fn shape(database: &Database, tenant: &Tenant) -> Vec<String> {
    let sql = "
        select line from (
            select table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
                   || coalesce(column_default, '') as line
              from information_schema.columns where table_schema = $1
            union all
            select indexdef from pg_indexes where schemaname = $1
            union all
            select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
              from pg_constraint where connamespace = $1::regnamespace
            union all
            select relname || ' ' || relkind::text || ' ' || coalesce(relacl::text, '') || ' '
                   || relowner::regrole
              from pg_class where relnamespace = $1::regnamespace
            union all
            select version || name || encode(checksum, 'hex') from _migrations_of_tenant
        ) lines order by line";
    let schema = tenant.schema();
    let sql = sql.replace("_migrations_of_tenant", &format!("{schema}._migrations"));
    let sql = sql.replace("$1", &format!("'{schema}'"));
    let rows = database
        .admin()
        .await
        .unwrap()
        .query(&sql, &[])
        .await
        .unwrap();
    let id = schema.trim_start_matches("t_");
    rows.iter()
        .map(|row| row.get::<_, String>(0).replace(id, ""))
        .collect()
}

#[tokio::test]
async fn a_migration_may_not_leave_its_tenant() {
    let files = Files::new();
    for sql in [
        "select 1 from public.tenants;",
        "set search_path = public;",
        "reset role;",
        "commit;",
        "create type mood as enum ('a');",
        "create extension citext;",
    ] {
        files.write("tenant", "0003_reaching.sql", sql);
        let refused = files.read();
        assert!(matches!(refused, Err(Error::Files(_))), "{sql}");
    }
    let database = Database::migrated().await.unwrap();
    let victim = database.tenant().await.unwrap();
    let tenant = database.tenant().await.unwrap();
    let spread = victim.schema().split_at(4).0.to_owned();
    let rest = victim.schema()[4..].to_owned();
    for (sql, expected) in [
        ("'drop table ' || name || '.units'", "42501"),
        ("'select 1 from ' || name || '.units'", "42501"),
        ("'select count(*) from pub' || 'lic.tenants'", "42501"),
        (
            "'set local ' || 'role ' || quote_ident(replace(current_user, '_o_', '_t_'))",
            "42501",
        ),
    ] {
        let sql = format!(
            "do $$ declare name text := '{spread}' || '{rest}'; begin execute {sql}; end $$;"
        );
        files.write("tenant", "0003_reaching.sql", &sql);
        let db = database.control().unwrap();
        let only = Request {
            selection: Selection {
                tenants: vec![tenant.id],
                ..Selection::default()
            },
            ..Request::of("test")
        };
        let (came, _) = run(&db, &files.sets(), &only).await.unwrap();
        let failed = &came[&tenant.id];
        assert_eq!(failed.error, expected, "{sql}: {failed:?}");
    }
}
