//! What a tenant's transaction costs beside the same query on a bare
//! connection: opening, checking and committing included. The goal is a ratio of
//! at most 1.3.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use criterion::{Criterion, criterion_group, criterion_main};
use resido_e2e::{
    database::{self, Database},
    door::Door,
};
use resido_tenancy::db::{Access, params};
use tokio::runtime::Runtime;

const QUERY: &str = "select id, display_name from properties limit 1";

fn transactions(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (database, tenants, contexts) = runtime.block_on(async {
        let database = Database::migrated().await.unwrap();
        let door = Door::new().unwrap();
        let tenants = [
            database.tenant().await.unwrap(),
            database.tenant().await.unwrap(),
        ];
        let contexts = [
            door.enter(&tenants[0]).await.unwrap(),
            door.enter(&tenants[1]).await.unwrap(),
        ];
        (database, tenants, contexts)
    });
    let mut group = c.benchmark_group("transaction");

    let admin = runtime
        .block_on(database::connect(&database.admin_url))
        .unwrap();
    let path = format!("set search_path to {}", tenants[0].schema());
    runtime.block_on(admin.execute(&path, &[])).unwrap();
    group.bench_function("bare query, unnamed statement", |b| {
        b.to_async(&runtime)
            .iter(|| async { admin.query_typed(QUERY, &[]).await.unwrap() });
    });
    group.bench_function("bare begin, query, commit", |b| {
        b.to_async(&runtime).iter(|| async {
            admin.execute("begin", &[]).await.unwrap();
            let rows = admin.query_typed(QUERY, &[]).await.unwrap();
            admin.execute("commit", &[]).await.unwrap();
            rows
        });
    });

    // The pool's upkeep is a task of the runtime.
    let app = runtime.block_on(async { database.app(1).unwrap() });
    for (name, other) in [("tenant, always the same", 0), ("tenants in turn", 1)] {
        let turn = std::cell::Cell::new(0);
        group.bench_function(name, |b| {
            b.to_async(&runtime).iter(|| {
                let ctx = &contexts[turn.get()];
                turn.set(other - turn.get().min(other));
                let app = &app;
                async move {
                    let tx = app.begin(ctx, Access::Read).await.unwrap();
                    let rows = tx.query(QUERY, params![]).await.unwrap();
                    tx.commit().await.unwrap();
                    rows
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, transactions);
criterion_main!(benches);
