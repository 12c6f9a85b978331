//! A runner that is killed again and again applies nothing twice.

use std::time::Duration;

use resido_e2e::{database::Database, dice::Dice, program::Program, scratch};

use super::files::Files;

const PROGRAM: &str = env!("CARGO_BIN_EXE_resido-under-test");
const TENANTS: usize = 10;
const FILES: usize = 4;
const KILLS: usize = 12;
/// The dead hold the fleet no longer.
const EXPIRE: &str = "update migration_runs set lease_until = now() where state = 'running'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_is_killed_and_gone_on_with_applies_nothing_twice() {
    let database = Database::migrated().await.unwrap();
    let admin = database.admin().await.unwrap();
    for _ in 0..TENANTS {
        database.tenant().await.unwrap();
    }
    let files = Files::new();
    let mut last = 0;
    for _ in 0..FILES {
        // Applied twice, it counts two; applied in part, none.
        last = files.add(
            "tenant",
            "create table if not exists counted (n int);
             insert into counted values (1); select pg_sleep(0.02);",
        );
    }
    let folder = scratch::folder("killed").unwrap();
    let start = || {
        let path = files.path().to_str().unwrap();
        let arguments = [
            "migrate",
            "up",
            "--migrations",
            path,
            "--tenant-concurrency",
            "2",
        ];
        let variables = [("RESIDO_CONTROL_DATABASE_URL", database.control_url.as_str())];
        Program::start(PROGRAM, &folder, &arguments, &variables).unwrap()
    };
    let dice = Dice::new();
    let behind = "select count(*) from tenants where schema_version < $1";
    let mut partly = 0;
    for _ in 0..KILLS {
        let mut process = start();
        tokio::time::sleep(Duration::from_millis(150) + dice.micros(400_000)).await;
        process.kill().unwrap();
        admin.execute(EXPIRE, &[]).await.unwrap();
        let left: i64 = admin.query_one(behind, &[&last]).await.unwrap().get(0);
        partly += u8::from(left > 0 && left < i64::try_from(TENANTS).unwrap());
    }
    let ended = start().ended().await.unwrap();
    assert!(ended.success(), "seed {}", dice.seed());
    let left: i64 = admin.query_one(behind, &[&last]).await.unwrap().get(0);
    assert_eq!(left, 0, "seed {}, {partly} partly", dice.seed());
    let schemas = "select schema_name from tenants";
    for row in admin.query(schemas, &[]).await.unwrap() {
        let sql = format!("select count(*) from {}.counted", row.get::<_, &str>(0));
        let counted: i64 = admin.query_one(&sql, &[]).await.unwrap().get(0);
        assert_eq!(
            usize::try_from(counted).unwrap(),
            FILES,
            "seed {}",
            dice.seed()
        );
    }
}
