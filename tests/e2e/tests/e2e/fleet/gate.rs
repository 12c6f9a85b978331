//! Code never meets a schema that it cannot serve.

use resido_e2e::{database::Database, door::Door};
use resido_migrations::Sets;
use resido_proto::error::Failure as _;
use resido_tenancy::db::{Access, Config, Error, SchemaVersions, TenantDatabase};

use super::files::{Files, migrate};

fn serving(database: &Database, least: i64, known: i64) -> TenantDatabase {
    let config = Config {
        schema_versions: SchemaVersions { least, known },
        ..Config::new(database.app_url.clone())
    };
    TenantDatabase::new(config, Default::default()).unwrap()
}

#[tokio::test]
async fn a_program_is_told_to_wait_for_what_it_needs_and_goes_on_beside_what_is_added() {
    let database = Database::migrated().await.unwrap();
    let tenant = database.tenant().await.unwrap();
    let latest = Sets::embedded().unwrap().tenant.latest();
    let ctx = Door::new().unwrap().enter(&tenant).await.unwrap();
    let opens = async |least, known| match serving(&database, least, known)
        .begin(&ctx, Access::Read)
        .await
    {
        Ok(tx) => {
            tx.commit().await.unwrap();
            None
        }
        Err(error @ Error::Upgrading { .. }) => {
            assert!(error.retry_after().is_some());
            Some(error.reason())
        }
        Err(other) => panic!("{other:?}"),
    };
    let upgrading = Some("TENANT_UPGRADING");
    assert_eq!(opens(latest, latest).await, None);
    // A new program on a tenant of before.
    assert_eq!(opens(latest + 1, latest + 1).await, upgrading);
    let files = Files::new();
    let added = files.add("tenant", "alter table units add column extra text;");
    let db = database.control().unwrap();
    migrate(&db, &files.sets()).await;
    assert_eq!(opens(added, added).await, None);
    // An old one goes on beside what was added, and no further than that.
    assert_eq!(opens(latest, latest).await, None);
    let contract = "-- phase: contract\nalter table units drop column extra;";
    let taken = files.add("tenant", contract);
    migrate(&db, &files.sets()).await;
    assert_eq!(opens(latest, added).await, upgrading);
    assert_eq!(opens(latest, taken).await, None);
}
