//! Whatever happens to a call, the next one on the same connection sees its own
//! tenant's rows and nothing else.

use std::{
    collections::BTreeSet,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::future::join_all;
use resido_e2e::{
    database::{Database, Tenant},
    dice::Dice,
    door::Door,
    wait,
};
use resido_tenancy::{
    context::TenantContext,
    db::{Access, Error, TenantDatabase, TenantTx, params},
};
use uuid::Uuid;

const ROUNDS: u64 = 300;
const INSERT: &str = "insert into properties (id, display_name) values ($1, $2)";
const ALL: &str = "select id, display_name from properties";
const PLACE: &str = "select current_schema()::text as schema, current_user::text as role";

/// What one side of the alternation has written, and what it may have.
struct Side {
    tenant: Tenant,
    ctx: TenantContext,
    /// Rows that must be there.
    kept: BTreeSet<Uuid>,
    /// Rows of transactions whose end is not known.
    unknown: BTreeSet<Uuid>,
}

impl Side {
    async fn new(database: &Database, db: &TenantDatabase, door: &Door) -> Self {
        let tenant = database.tenant().await.unwrap();
        let ctx = door.enter(&tenant).await.unwrap();
        let mut side = Self {
            tenant,
            ctx,
            kept: BTreeSet::new(),
            unknown: BTreeSet::new(),
        };
        for _ in 0..3 {
            let id = Uuid::now_v7();
            let tx = db.begin(&side.ctx, Access::Write).await.unwrap();
            insert(&tx, id, &tenant).await.unwrap();
            tx.commit().await.unwrap();
            side.kept.insert(id);
        }
        side
    }

    /// Reads everything there is to read, and compares.
    async fn look(&mut self, db: &TenantDatabase, after: &str) {
        let tx = db.begin(&self.ctx, Access::Read).await;
        let tx = tx.unwrap_or_else(|error| panic!("no transaction after {after}: {error:?}"));
        let place = tx.query_one(PLACE, params![]).await.unwrap();
        assert_eq!(
            place.get::<_, String>("schema"),
            self.tenant.schema(),
            "{after}"
        );
        let role: String = place.get("role");
        assert!(
            self.tenant.schema().ends_with(&role[role.len() - 26..]),
            "{after}"
        );
        let mut found = BTreeSet::new();
        for row in tx.query(ALL, params![]).await.unwrap() {
            let owner: String = row.get("display_name");
            assert_eq!(
                owner,
                self.tenant.id.to_string(),
                "a foreign row after {after}"
            );
            found.insert(row.get::<_, Uuid>("id"));
        }
        tx.commit().await.unwrap();
        assert!(found.is_superset(&self.kept), "rows are lost after {after}");
        let surplus: BTreeSet<_> = found.difference(&self.kept).copied().collect();
        assert!(
            surplus.is_subset(&self.unknown),
            "undone rows are there after {after}"
        );
        self.kept.extend(surplus);
        self.unknown.clear();
    }
}

async fn insert(tx: &TenantTx, id: Uuid, tenant: &Tenant) -> Result<(), Error> {
    let label = tenant.id.to_string();
    tx.execute(INSERT, params![id, label]).await.map(drop)
}

/// Polls a future so many times and drops it then. Returns what it came to, if
/// it came to an end.
async fn polled<F: Future>(times: u64, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| {
        left = left.saturating_sub(1);
        match future.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// What happens to a call, from the harmless to the rude.
async fn disturb(db: &TenantDatabase, side: &mut Side, dice: &Dice, admin: &Admin) -> &'static str {
    let id = Uuid::now_v7();
    let (ctx, tenant) = (side.ctx.clone(), side.tenant);
    let whole = {
        let db = db.clone();
        async move {
            let tx = db.begin(&ctx, Access::Write).await?;
            insert(&tx, id, &tenant).await?;
            tx.query_one("select 1 as one from pg_sleep(0.002)", params![])
                .await?;
            tx.commit().await
        }
    };
    match dice.below(8) {
        0 => {
            whole.await.unwrap();
            side.kept.insert(id);
            "a commit"
        }
        1 => {
            // Somewhere between the first message and the answer to the last.
            match polled(dice.below(12), whole).await {
                Some(done) => {
                    done.unwrap();
                    side.kept.insert(id);
                }
                None => drop(side.unknown.insert(id)),
            }
            "a call that was dropped at a step"
        }
        2 => {
            match tokio::time::timeout(dice.micros(6000), whole).await {
                Ok(done) => {
                    done.unwrap();
                    side.kept.insert(id);
                }
                Err(_) => drop(side.unknown.insert(id)),
            }
            "a call that was dropped at a moment"
        }
        3 => {
            let tx = db.begin(&side.ctx, Access::Write).await.unwrap();
            insert(&tx, id, &side.tenant).await.unwrap();
            let running = tx.query("select pg_sleep(30)", params![]);
            let moment = dice.micros(3000);
            assert!(tokio::time::timeout(moment, running).await.is_err());
            "a statement that was left running"
        }
        4 => {
            let tx = db.begin(&side.ctx, Access::Write).await.unwrap();
            insert(&tx, id, &side.tenant).await.unwrap();
            let wrong = tx.execute("insert into properties (id) values (null)", params![]);
            assert!(matches!(wrong.await, Err(Error::Constraint(_))));
            assert!(matches!(tx.query(ALL, params![]).await, Err(Error::Ended)));
            "a statement that failed"
        }
        5 => {
            let (db, ctx, tenant) = (db.clone(), side.ctx.clone(), side.tenant);
            let call = tokio::spawn(async move {
                let tx = db.begin(&ctx, Access::Write).await.unwrap();
                insert(&tx, id, &tenant).await.unwrap();
                panic!("on purpose");
            });
            assert!(call.await.unwrap_err().is_panic());
            "a panic"
        }
        6 => {
            let tx = db.begin(&side.ctx, Access::Write).await.unwrap();
            insert(&tx, id, &side.tenant).await.unwrap();
            admin.terminate_all().await;
            assert!(insert(&tx, Uuid::now_v7(), &side.tenant).await.is_err());
            "the server's end of a connection in use"
        }
        _ => {
            admin.terminate_all().await;
            "the server's end of an idle connection"
        }
    }
}

/// The administrator, who ends connections.
struct Admin(tokio_postgres::Client);

impl Admin {
    async fn terminate_all(&self) {
        let end = "select pid, pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and usename like '%\\_app'";
        let ended = self.0.query(end, &[]).await.unwrap();
        let ended: Vec<i32> = ended.iter().map(|row| row.get(0)).collect();
        let left = "select 1 from pg_stat_activity where pid = any ($1)";
        let gone = wait::until(Duration::from_secs(5), || async {
            self.0.query(left, &[&ended]).await.unwrap().is_empty()
        });
        assert!(gone.await, "a connection does not end");
    }

    async fn connections(&self) -> i64 {
        let count = "select count(*) from pg_stat_activity
                      where datname = current_database() and usename like '%\\_app'";
        self.0.query_one(count, &[]).await.unwrap().get(0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_on_one_connection_never_meet() {
    let dice = Dice::new();
    let database = Database::migrated().await.unwrap();
    let admin = Admin(database.admin().await.unwrap());
    let db = database.app(1).unwrap();
    let door = Door::new().unwrap();
    let mut one = Side::new(&database, &db, &door).await;
    let mut two = Side::new(&database, &db, &door).await;
    // What panics on purpose need not be read by anybody.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"on purpose") {
            hook(info);
        }
    }));
    for round in 0..ROUNDS {
        let (acting, other) = if round % 2 == 0 {
            (&mut one, &mut two)
        } else {
            (&mut two, &mut one)
        };
        let event = Box::pin(disturb(&db, acting, &dice, &admin)).await;
        let after = format!("{event}, in round {round} of seed {}", dice.seed());
        other.look(&db, &after).await;
        acting.look(&db, &after).await;
    }
    let settled = wait::until(Duration::from_secs(5), || async {
        admin.connections().await <= 1
    });
    assert!(settled.await, "abandoned connections are still open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_read_by_many_clients_is_the_readers() {
    const CLIENTS: usize = 32;
    let database = Database::migrated().await.unwrap();
    let db = database.app(4).unwrap();
    let door = Arc::new(Door::new().unwrap());
    let mut clients = Vec::new();
    for _ in 0..2 {
        let tenant = database.tenant().await.unwrap();
        for client in 0..CLIENTS {
            let (db, door) = (db.clone(), Arc::clone(&door));
            clients.push(tokio::spawn(async move {
                let ctx = door.enter(&tenant).await.unwrap();
                let mut read = 0;
                for round in 0..15 {
                    let work = write_and_read(&db, &ctx, &tenant, (client + round) % 5 == 0);
                    // Some calls are given up on the way, as browsers do.
                    match polled(if client % 4 == 0 { 9 } else { 10_000 }, work).await {
                        Some(Ok(rows)) => read += rows,
                        Some(Err(Error::TenantBusy)) | None => {}
                        Some(Err(error)) => panic!("{error:?}"),
                    }
                }
                read
            }));
        }
    }
    let read: usize = join_all(clients)
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    assert!(read > 1000, "only {read} rows were read");
}

/// Returns how many rows were read, all of them the tenant's.
async fn write_and_read(
    db: &TenantDatabase,
    ctx: &TenantContext,
    tenant: &Tenant,
    undo: bool,
) -> Result<usize, Error> {
    let tx = db.begin(ctx, Access::Write).await?;
    insert(&tx, Uuid::now_v7(), tenant).await?;
    let rows = tx.query(ALL, params![]).await?;
    for row in &rows {
        let owner: String = row.get("display_name");
        assert_eq!(owner, tenant.id.to_string(), "a foreign row");
    }
    if undo {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    Ok(rows.len())
}
