//! What does not fit is found: reported where a person must decide, mended where
//! nobody has to.

use super::plane::Base;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_database_gives_nothing_to_report() {
    let base = Base::new().await;
    let plane = base.plane();
    plane.create("acme").await;
    assert_eq!(plane.reconcile().await, Default::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_and_roles_of_nobody_are_reported_and_kept() {
    let base = Base::new().await;
    let plane = base.plane();
    plane.create("acme").await;
    let schema = format!("t_{}", "a".repeat(26));
    let role = format!("{}_o_{}", base.database.name, "a".repeat(26));
    base.sql(&format!("create schema {schema}")).await;
    base.sql(&format!("create role {role}")).await;
    for _ in 0..2 {
        let found = plane.reconcile().await;
        assert_eq!(found.orphan_schemas, std::slice::from_ref(&schema));
        assert_eq!(found.orphan_roles, std::slice::from_ref(&role));
    }
    let left = format!("select count(*) from pg_namespace where nspname = '{schema}'");
    assert_eq!(base.count(&left).await, 1);
    base.sql(&format!("drop role {role}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_in_service_without_a_schema_is_failed() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    let (globex, _) = plane.create("globex").await;
    base.sql(&format!("drop schema {} cascade", acme.schema()))
        .await;
    // What has just changed is not looked at.
    assert_eq!(plane.reconcile().await.tenants_lost, [""; 0]);
    base.sql("update tenants set update_time = now() - interval '2 minutes'")
        .await;
    assert_eq!(plane.reconcile().await.tenants_lost, [acme.id.to_string()]);
    assert_eq!(plane.reconcile().await.tenants_lost, [""; 0]);
    let states = format!(
        "select count(*) from tenants where (id, state) in (('{}', 'failed'), ('{}', 'active'))",
        acme.id, globex.id
    );
    assert_eq!(base.count(&states).await, 2);
    assert_eq!(
        base.count("select count(*) from audit_log where action = 'tenants.fail'")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_to_be_made_without_an_operation_is_made() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    base.sql(&format!("drop schema {} cascade", acme.schema()))
        .await;
    base.sql("delete from operations").await;
    base.sql("update tenants set state = 'provisioning', update_time = now() - interval '1 hour'")
        .await;
    let turn = plane.reconcile().await;
    assert_eq!((turn.operations_made, turn.taken_up), (1, 1));
    assert_eq!(
        base.count("select count(*) from tenants where state = 'active'")
            .await,
        1
    );
    assert_eq!(
        base.count("select count(*) from pg_namespace where nspname ~ '^t_'")
            .await,
        1
    );
}
