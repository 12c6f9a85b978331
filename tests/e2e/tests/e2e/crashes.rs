//! A control plane that is killed a hundred times, at random, leaves nothing half
//! done.

use std::{net::SocketAddr, time::Duration};

use resido_e2e::{
    cluster::free_port, database::Database, dice::Dice, program::Program, scratch, wait,
};
use tokio_postgres::Client;

const PROGRAM: &str = env!("CARGO_BIN_EXE_resido-under-test");
const KILLS: usize = 100;
/// Work that waits for whoever comes next: tenants to be made and to be purged,
/// with leases that have run out. A process that starts takes them up at once.
const WORK: &str = "
    with made as (
        insert into tenants (id, schema_name, slug, display_name, contact_email, plan, state)
        select $1, $2, $3, 'A tenant', 'owner@x.example', 'free', 'provisioning'
        returning id)
    insert into operations (id, kind, tenant_id, actor, lease_until)
    select gen_random_uuid(), 'provision', id, 'users/x', now() from made";
/// Some of the tenants that are there are deleted, and their time is over.
const DELETE: &str = "
    update tenants set state = 'deleting', epoch = epoch + 1, purge_time = now()
     where id in (select id from tenants where state = 'active' order by id limit 2)";
const OPEN: &str = "
    select (select count(*) from operations where not done)
         + (select count(*) from tenants where state = 'deleting')";
/// Work that waits at once: less than what one turn takes up.
const MAX_OPEN: i64 = 8;
/// The dead hold no lease, and their attempts do not count: there are many.
const EXPIRE: &str = "
    update operations set lease_until = now(), attempt = 1 where not done";
const BROKEN: &[(&str, &str)] = &[
    (
        "a schema without a tenant",
        "select count(*) from pg_namespace n where n.nspname ~ '^t_[a-z2-7]{26}$'
            and not exists (select from tenants t where t.schema_name = n.nspname
                               and t.state not in ('provisioning', 'purged', 'failed'))",
    ),
    (
        "a tenant in service without a whole schema",
        "select count(*) from tenants t
          where t.state in ('active', 'deleting', 'purging')
            and (t.schema_version = 0
                 or not exists (select from pg_namespace n
                                  join pg_class c on c.relnamespace = n.oid
                                 where n.nspname = t.schema_name and c.relname = '_tenant'))",
    ),
    (
        "a role without a tenant, or one of two",
        "select count(*) from (
            select right(rolname, 26) as id, count(*) as roles from pg_roles
             where rolname ~ ('^' || current_database() || '_[ot]_[a-z2-7]{26}$') group by 1) r
          where r.roles <> 2
             or not exists (select from tenants t where t.schema_name = 't_' || r.id
                               and t.state not in ('provisioning', 'purged', 'failed'))",
    ),
    (
        "a purged tenant with rows",
        "select count(*) from tenants t where state = 'purged'
            and (contact_email <> '' or purge_proof is null
                 or exists (select from memberships m where m.tenant_id = t.id))",
    ),
];

async fn count(admin: &Client, sql: &str) -> i64 {
    admin.query_one(sql, &[]).await.unwrap().get(0)
}

async fn check(admin: &Client, when: &str) {
    for (what, sql) in BROKEN {
        assert_eq!(count(admin, sql).await, 0, "{what}, {when}");
    }
}

fn start(folder: &std::path::Path, database: &Database) -> Program {
    let any = SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()));
    let arguments = [
        "control-plane",
        "--listen",
        &any.to_string(),
        "--data-dir",
        "data",
    ];
    let variables = [
        ("RESIDO_CONTROL_DATABASE_URL", database.control_url.as_str()),
        (
            "RESIDO_CONTEXT_JWKS",
            "http://127.0.0.1:1/context-jwks.json",
        ),
    ];
    Program::start(PROGRAM, folder, &arguments, &variables).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kills_leave_nothing_half_done() {
    let database = Database::migrated().await.unwrap();
    let admin = database.admin().await.unwrap();
    let folder = scratch::folder("killed").unwrap();
    let dice = Dice::new();
    let mut worked = 0;
    for kill in 0..KILLS {
        let waits = count(&admin, OPEN).await;
        for n in 0..3.min(MAX_OPEN - waits) {
            let id = resido_proto::ids::TenantId::new();
            let schema = resido_tenancy::tenant::SchemaName::of(id);
            let slug = format!("t-{kill}-{n}");
            admin
                .execute(WORK, &[&id.as_uuid(), &schema.as_str(), &slug])
                .await
                .unwrap();
        }
        if waits < MAX_OPEN {
            admin.execute(DELETE, &[]).await.unwrap();
        }
        admin.execute(EXPIRE, &[]).await.unwrap();
        let before = count(&admin, "select count(*) from operations where done").await;
        let mut process = start(&folder, &database);
        // Around the moment at which it begins to work.
        tokio::time::sleep(Duration::from_millis(100) + dice.micros(500_000)).await;
        process.kill().unwrap();
        let after = count(&admin, "select count(*) from operations where done").await;
        worked += i64::from(after > before);
        check(&admin, &format!("after kill {kill}, seed {}", dice.seed())).await;
    }
    // Some were killed in their work, not all before it.
    assert!(worked > 5, "{worked}");
    // What each takes up at its start is enough for all in the end.
    for _ in 0..5 {
        admin.execute(EXPIRE, &[]).await.unwrap();
        let mut last = start(&folder, &database);
        let all = || async { count(&admin, OPEN).await == 0 };
        let done = wait::until(Duration::from_secs(5), all).await;
        last.kill().unwrap();
        if done {
            break;
        }
    }
    assert_eq!(count(&admin, OPEN).await, 0, "seed {}", dice.seed());
    check(&admin, "at the end").await;
}
