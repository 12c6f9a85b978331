//! A tenant's role ends at its schema, a transaction at its deadline, and a
//! stale context at the fence.

use std::time::{Duration, Instant};

use resido_e2e::{
    database::{Database, Tenant},
    door::Door,
    wait,
};
use resido_migrations::Fence;
use resido_proto::identity::Mode;
use resido_tenancy::{
    context::TenantContext,
    db::{Access, Error, TenantDatabase, params},
};
use uuid::Uuid;

const INSERT: &str = "insert into properties (id, display_name) values ($1, $2)";
const COUNT: &str = "select count(*) as rows from properties";
const DENIED: Option<&str> = Some("42501");
const NO_TABLE: Option<&str> = Some("42P01");

struct Place {
    database: Database,
    db: TenantDatabase,
    door: Door,
}

impl Place {
    async fn new() -> Self {
        let database = Database::migrated().await.unwrap();
        let db = database.app(1).unwrap();
        let door = Door::new().unwrap();
        Self { database, db, door }
    }

    /// Makes a tenant with one property.
    async fn tenant(&self) -> (Tenant, TenantContext) {
        let tenant = self.database.tenant().await.unwrap();
        let ctx = self.door.enter(&tenant).await.unwrap();
        let tx = self.db.begin(&ctx, Access::Write).await.unwrap();
        let name = tenant.id.to_string();
        tx.execute(INSERT, params![Uuid::now_v7(), name])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        (tenant, ctx)
    }

    /// Runs a statement as a tenant and returns the SQLSTATE it ended with.
    async fn sqlstate(&self, ctx: &TenantContext, sql: String) -> Option<String> {
        let tx = self.db.begin(ctx, Access::Write).await.unwrap();
        let result = tx.execute(sql.leak(), params![]).await;
        let state = result
            .err()
            .map(|error| error.sqlstate().unwrap_or("none").to_owned());
        tx.rollback().await.unwrap();
        state
    }

    async fn count(&self, ctx: &TenantContext) -> i64 {
        let tx = self.db.begin(ctx, Access::Read).await.unwrap();
        let rows = tx.query_one(COUNT, params![]).await.unwrap().get("rows");
        tx.commit().await.unwrap();
        rows
    }
}

#[tokio::test]
async fn a_tenants_role_reaches_nothing_beyond_its_schema() {
    let place = Place::new().await;
    let (_, ctx) = place.tenant().await;
    let (other, _) = place.tenant().await;
    let theirs = other.schema();
    let own = ctx_schema(&ctx);
    for sql in [
        format!("select 1 from {theirs}.properties"),
        format!(
            "insert into {theirs}.properties (id, display_name) values (gen_random_uuid(), 'x')"
        ),
        format!("delete from {theirs}.units"),
        format!("select 1 from {theirs}._tenant"),
        format!("create table {theirs}.mine (id int)"),
        "select 1 from public.tenants".to_owned(),
        "select 1 from public.users".to_owned(),
        "select 1 from public._migrations".to_owned(),
        "create table public.mine (id int)".to_owned(),
        "create table ext.mine (id int)".to_owned(),
        "create schema mine".to_owned(),
        "select 1 from pg_authid".to_owned(),
        // What keeps the tenant itself in order is not for its calls.
        format!("create table {own}.mine (id int)"),
        "drop table properties".to_owned(),
        "update _tenant set epoch = 0".to_owned(),
        "delete from _migrations".to_owned(),
        "create temporary table mine (id int)".to_owned(),
    ] {
        let state = place.sqlstate(&ctx, sql.clone()).await;
        assert_eq!(state.as_deref(), DENIED, "{sql}");
    }
    assert_eq!(place.count(&ctx).await, 1);
}

fn ctx_schema(ctx: &TenantContext) -> String {
    Tenant {
        id: ctx.id(),
        epoch: 1,
    }
    .schema()
}

#[tokio::test]
async fn a_wrong_path_is_an_error_and_ends_with_its_transaction() {
    let place = Place::new().await;
    let (_, ctx) = place.tenant().await;
    let (other, theirs) = place.tenant().await;
    for path in [other.schema(), "public".to_owned(), "t_nowhere".to_owned()] {
        let tx = place.db.begin(&ctx, Access::Read).await.unwrap();
        let wander = "select set_config('search_path', $1, false)";
        tx.query(wander, params![path]).await.unwrap();
        let error = tx.query(COUNT, params![]).await.unwrap_err();
        assert_eq!(error.sqlstate(), NO_TABLE, "{path}");
        tx.rollback().await.unwrap();
        assert_eq!(place.count(&ctx).await, 1);
        assert_eq!(place.count(&theirs).await, 1);
    }
}

#[tokio::test]
async fn a_path_and_a_role_set_for_the_session_do_not_reach_the_next_tenant() {
    let place = Place::new().await;
    let (tenant, ctx) = place.tenant().await;
    let (_, other) = place.tenant().await;
    let tx = place.db.begin(&ctx, Access::Write).await.unwrap();
    let linger = "select set_config('search_path', $1, false),
                         set_config('role', current_user, false)";
    tx.query(linger, params![tenant.schema()]).await.unwrap();
    tx.commit().await.unwrap();
    let tx = place.db.begin(&other, Access::Read).await.unwrap();
    let row = tx.query_one(
        "select min(display_name) as name from properties",
        params![],
    );
    assert_eq!(
        row.await.unwrap().get::<_, String>("name"),
        other.id().to_string()
    );
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn no_transaction_opens_where_schema_and_context_disagree() {
    let place = Place::new().await;
    let (tenant, ctx) = place.tenant().await;
    let (_, neighbour) = place.tenant().await;
    // A tenant that was never made.
    let nobody = Tenant {
        id: resido_proto::ids::TenantId::new(),
        epoch: 1,
    };
    let nowhere = place.door.enter(&nobody).await.unwrap();
    let refused = place.db.begin(&nowhere, Access::Read).await;
    assert!(matches!(refused, Err(Error::CheckFailed)), "{refused:?}");
    // A schema that says it is another tenant's, as after a wrong restore.
    let admin = place.database.admin().await.unwrap();
    let forge = format!("update {}._tenant set tenant_id = $1", tenant.schema());
    admin
        .execute(&forge, &[&nobody.id.as_uuid()])
        .await
        .unwrap();
    let refused = place.db.begin(&ctx, Access::Read).await;
    assert!(matches!(refused, Err(Error::CheckFailed)), "{refused:?}");
    // A schema without its table of tables, and one that is gone.
    for sql in ["drop table {}._tenant", "drop schema {} cascade"] {
        let sql = sql.replace("{}", &tenant.schema());
        admin.execute(&sql, &[]).await.unwrap();
        let refused = place.db.begin(&ctx, Access::Read).await;
        assert!(matches!(refused, Err(Error::CheckFailed)), "{refused:?}");
    }
    assert_eq!(place.count(&neighbour).await, 1);
}

#[tokio::test]
async fn temporary_tables_neither_shadow_nor_show() {
    let place = Place::new().await;
    let (_, ctx) = place.tenant().await;
    let (_, other) = place.tenant().await;
    // The product does not give this right; a careless administrator may.
    let admin = place.database.admin().await.unwrap();
    let careless = format!(
        "grant temporary on database {} to public",
        place.database.name
    );
    admin.execute(&careless, &[]).await.unwrap();
    let tx = place.db.begin(&ctx, Access::Write).await.unwrap();
    for sql in [
        "create temporary table properties as select 1 as id from generate_series(1, 9)",
        "create temporary table secrets as select 'mine' as text",
        "select 1 from secrets",
    ] {
        tx.execute(sql, params![]).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(place.count(&ctx).await, 1, "a temporary table shadows");
    assert_eq!(place.count(&other).await, 1, "a temporary table shadows");
    let state = place
        .sqlstate(&other, "select 1 from secrets".to_owned())
        .await;
    assert_eq!(state.as_deref(), DENIED);
}

#[tokio::test]
async fn l2_no_statement_outlives_the_callers_deadline() {
    let place = Place::new().await;
    let (tenant, _) = place.tenant().await;
    let left = Duration::from_millis(400);
    let ctx = place
        .door
        .enter_as(&tenant, Mode::ReadWrite, Some(left))
        .await
        .unwrap();
    let tx = place.db.begin(&ctx, Access::Read).await.unwrap();
    let setting = "select setting::int8 as ms from pg_settings where name = 'statement_timeout'";
    let limit: i64 = tx.query_one(setting, params![]).await.unwrap().get("ms");
    assert!((1..=400).contains(&limit), "{limit} ms");
    let started = Instant::now();
    let error = tx
        .query("select pg_sleep(30)", params![])
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Deadline | Error::Timeout(_)),
        "{error:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(2));
    drop(tx);
    let late = place.db.begin(&ctx, Access::Read).await;
    assert!(matches!(late, Err(Error::Deadline)), "{late:?}");
    nothing_sleeps(&place.database).await;
}

#[tokio::test]
async fn a7_an_abandoned_statement_is_cancelled_at_the_server() {
    let place = Place::new().await;
    let (_, ctx) = place.tenant().await;
    let admin = place.database.admin().await.unwrap();
    let db = place.db.clone();
    let call = tokio::spawn(async move {
        let tx = db.begin(&ctx, Access::Write).await.unwrap();
        tx.query("select pg_sleep(30)", params![]).await
    });
    let running = wait::until(Duration::from_secs(5), || async {
        sleeping(&admin).await > 0
    });
    assert!(running.await);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    nothing_sleeps(&place.database).await;
}

async fn sleeping(admin: &tokio_postgres::Client) -> i64 {
    let count = "select count(*) from pg_stat_activity where datname = current_database()
                    and state = 'active' and query like '%pg\\_sleep%' and pid <> pg_backend_pid()";
    admin.query_one(count, &[]).await.unwrap().get(0)
}

async fn nothing_sleeps(database: &Database) {
    let admin = database.admin().await.unwrap();
    let gone = wait::until(Duration::from_secs(2), || async {
        sleeping(&admin).await == 0
    });
    assert!(gone.await, "the abandoned statement still runs");
}

#[tokio::test]
async fn reading_transactions_write_nothing() {
    let place = Place::new().await;
    let (tenant, ctx) = place.tenant().await;
    let tx = place.db.begin(&ctx, Access::Read).await.unwrap();
    let write = tx.execute(INSERT, params![Uuid::now_v7(), "x"]).await;
    assert_eq!(write.unwrap_err().sqlstate(), Some("25006"));
    drop(tx);
    let ctx = place
        .door
        .enter_as(&tenant, Mode::ReadOnly, None)
        .await
        .unwrap();
    let refused = place.db.begin(&ctx, Access::Write).await;
    assert!(matches!(refused, Err(Error::ReadOnly)), "{refused:?}");
    assert_eq!(place.count(&ctx).await, 1);
}

#[tokio::test]
async fn the_fence_stops_contexts_of_older_epochs_and_closed_tenants() {
    let place = Place::new().await;
    let (tenant, old) = place.tenant().await;
    let (_, neighbour) = place.tenant().await;
    let newer = Tenant { epoch: 7, ..tenant };
    let new = place.door.enter(&newer).await.unwrap();
    let admin = place.database.admin().await.unwrap();
    let open = async |ctx, access| match place.db.begin(ctx, access).await {
        Ok(tx) => {
            tx.commit().await.unwrap();
            "open"
        }
        Err(Error::TenantChanged) => "changed",
        Err(Error::ReadOnly) => "read-only",
        Err(Error::Maintenance) => "closed",
        Err(other) => panic!("{other:?}"),
    };
    let before = connection(&place, &neighbour).await;
    assert_eq!(open(&old, Access::Write).await, "open");
    // A transaction that is open already goes on.
    let db = place.database.app(1).unwrap();
    let running = db.begin(&old, Access::Write).await.unwrap();
    place
        .database
        .fence(&tenant, 7, Fence::ReadWrite)
        .await
        .unwrap();
    running
        .execute(INSERT, params![Uuid::now_v7(), "x"])
        .await
        .unwrap();
    running.commit().await.unwrap();
    for (fence, old_write, new_read, new_write) in [
        (Fence::ReadWrite, "changed", "open", "open"),
        (Fence::ReadOnly, "changed", "open", "read-only"),
        (Fence::Closed, "changed", "closed", "closed"),
    ] {
        place.database.fence(&tenant, 7, fence).await.unwrap();
        assert_eq!(open(&old, Access::Write).await, old_write, "{fence:?}");
        assert_eq!(open(&old, Access::Read).await, old_write, "{fence:?}");
        assert_eq!(open(&new, Access::Read).await, new_read, "{fence:?}");
        assert_eq!(open(&new, Access::Write).await, new_write, "{fence:?}");
        assert_eq!(open(&neighbour, Access::Write).await, "open");
    }
    let moved = format!("update {}._tenant set mode = 'moved'", tenant.schema());
    admin.execute(&moved, &[]).await.unwrap();
    assert_eq!(open(&new, Access::Read).await, "changed");
    // Being refused costs no connection.
    assert_eq!(connection(&place, &neighbour).await, before);
}

/// Returns the server process that serves the pool of one.
async fn connection(place: &Place, ctx: &TenantContext) -> i32 {
    let tx = place.db.begin(ctx, Access::Read).await.unwrap();
    let pid = tx
        .query_one("select pg_backend_pid() as pid", params![])
        .await;
    tx.commit().await.unwrap();
    pid.unwrap().get("pid")
}

#[tokio::test]
async fn nothing_is_committed_after_a_statement_was_abandoned() {
    let place = Place::new().await;
    let (_, ctx) = place.tenant().await;
    let tx = place.db.begin(&ctx, Access::Write).await.unwrap();
    tx.execute(INSERT, params![Uuid::now_v7(), "half"])
        .await
        .unwrap();
    let slow = tx.query("select pg_sleep(60)", params![]);
    let left = tokio::time::timeout(Duration::from_millis(20), slow).await;
    assert!(left.is_err());
    assert!(matches!(tx.commit().await, Err(Error::Ended)));
    assert_eq!(place.count(&ctx).await, 1);
}

#[tokio::test]
async fn a_read_whose_commit_is_not_answered_has_lost_nothing() {
    let place = Place::new().await;
    let (_, ctx) = place.tenant().await;
    let admin = place.database.admin().await.unwrap();
    for (access, unknown) in [(Access::Read, false), (Access::Write, true)] {
        let tx = place.db.begin(&ctx, access).await.unwrap();
        tx.query_one(COUNT, params![]).await.unwrap();
        let end = "select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and application_name like 'resido t_%'";
        admin.execute(end, &[]).await.unwrap();
        let error = tx.commit().await.unwrap_err();
        let is_unknown = matches!(error, Error::CommitUnknown(_));
        assert_eq!(is_unknown, unknown, "{access:?}: {error:?}");
        assert_eq!(place.count(&ctx).await, 1);
    }
}
