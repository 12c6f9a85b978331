//! A schema that somebody changed by hand is found, and the object named.

use resido_e2e::database::Database;
use resido_migrations::{Difference, Sets, drift, prove_baseline};

use super::files::Files;

#[tokio::test]
async fn a_change_by_hand_is_found_with_its_object() {
    let database = Database::migrated().await.unwrap();
    let db = database.control().unwrap();
    let sets = Sets::embedded().unwrap();
    let sound = database.tenant().await.unwrap();
    let report = drift(&db, &sets, &[]).await.unwrap();
    assert_eq!((report.checked, report.drifted), (1, 0), "{report:?}");
    let admin = database.admin().await.unwrap();
    for (sql, undo, object) in [
        (
            "alter table S.units alter column display_name type varchar(300)",
            "alter table S.units alter column display_name type text",
            "column units.display_name",
        ),
        (
            "alter table S.units add column by_hand int",
            "alter table S.units drop column by_hand",
            "column units.by_hand",
        ),
        (
            "create table S.stray (id int)",
            "drop table S.stray",
            "relation stray",
        ),
        (
            "grant select on S.units to public",
            "revoke select on S.units from public",
            "relation units",
        ),
        (
            "create index by_hand on S.units (display_name)",
            "drop index S.by_hand",
            "index by_hand",
        ),
        (
            "alter table S.units add constraint by_hand check (true)",
            "alter table S.units drop constraint by_hand",
            "constraint units.by_hand",
        ),
        (
            "create function S.by_hand() returns int language sql as 'select 1'",
            "drop function S.by_hand()",
            "function by_hand()",
        ),
    ] {
        let hit = database.tenant().await.unwrap();
        let schema = hit.schema();
        let run = async |sql: &str| admin.execute(&sql.replace('S', &schema), &[]).await;
        run(sql).await.unwrap();
        let report = drift(&db, &sets, &[]).await.unwrap();
        assert_eq!(report.drifted, 1, "{sql}: {report:?}");
        assert_eq!(report.tenants[0].tenant, hit.id);
        let named = report.tenants[0].differences.iter();
        assert!(
            named.map(|d| d.object.as_str()).any(|name| name == object),
            "{sql}: {report:?}"
        );
        assert!(!format!("{report:?}").contains(&hit.schema()), "{sql}");
        run(undo).await.unwrap();
    }
    let report = drift(&db, &sets, &[sound.id]).await.unwrap();
    assert_eq!((report.checked, report.drifted), (1, 0), "{report:?}");
}

#[tokio::test]
async fn a_baseline_is_proven_and_makes_the_same_tenant() {
    let database = Database::migrated().await.unwrap();
    let db = database.control().unwrap();
    let built_in = Sets::embedded().unwrap();
    let squashed: String = built_in
        .tenant
        .migrations
        .iter()
        .map(|m| m.sql.as_str())
        .collect();
    let files = Files::new();
    let latest = built_in.tenant.latest();
    let name = format!("baseline_{latest:04}.sql");
    files.write("tenant", &name, &squashed);
    let proven = prove_baseline(&db, &files.sets()).await.unwrap();
    assert_eq!(proven, Vec::<Difference>::new());
    let tenant = database.tenant_of(&files.sets()).await.unwrap();
    let report = drift(&db, &built_in, &[tenant.id]).await.unwrap();
    assert_eq!((report.checked, report.drifted), (1, 0), "{report:?}");
    assert!(super::files::migrate(&db, &built_in).await.is_empty());
    files.write(
        "tenant",
        &name,
        &format!("{squashed}\ncreate table too_much (id int);"),
    );
    let unproven = prove_baseline(&db, &files.sets()).await.unwrap();
    assert!(
        unproven.iter().any(|d| d.object == "relation too_much"),
        "{unproven:?}"
    );
}
