//! What does not fit is found: reported where a person must decide, mended where
//! nobody has to.

use resido_proto::tenancy::v1::tenant::State;

use super::{plane::Base, stream::Watch};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_failed_in_service_is_told_of_as_gone() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    let mut watch = Watch::ready(&plane).await;
    base.sql(&format!("drop schema {} cascade", acme.schema()))
        .await;
    base.sql("update tenants set update_time = now() - interval '2 minutes'")
        .await;
    assert_eq!(plane.reconcile().await.tenants_lost, [acme.id.to_string()]);
    let told = watch.tenant().await;
    assert_eq!(
        (told.id, told.state),
        (acme.id.to_string(), State::Purged.into())
    );
    // Who comes later does not hear of it at all.
    assert_eq!(Watch::open(&plane, 0).await.whole().await.tenants.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenant_that_cannot_be_helped_keeps_nobody_waiting() {
    let base = Base::new().await;
    let plane = base.plane();
    let (stuck, _) = plane.create("stuck").await;
    for n in 0..9 {
        plane.create(&format!("good-{n}")).await;
    }
    let own = |owner: &str| format!("alter schema {} owner to {owner}", stuck.schema());
    base.sql(&own("postgres")).await;
    base.sql("update tenants set state = 'purging'").await;
    // It comes first, and has had its attempts.
    base.sql(
        "insert into operations (id, kind, tenant_id, actor, from_state, lease_until, attempt)
         select gen_random_uuid(), 'purge', id, 'users/x', 'deleting',
                now() - case slug when 'stuck' then interval '1 hour' else interval '1 s' end,
                case slug when 'stuck' then 5 else 1 end
           from tenants",
    )
    .await;
    let turn = plane.reconcile().await;
    assert_eq!((turn.taken_up, turn.failures), (10, 1));
    let purged = "select count(*) from tenants where state = 'purged' and slug like 'good-%'";
    assert_eq!(base.count(purged).await, 9);
    let open = "select count(*) from operations where not done";
    assert_eq!(base.count(open).await, 1);
    // Once it can be helped, it is.
    let role = format!("{}_o_{}", base.database.name, &stuck.schema()[2..]);
    base.sql(&own(&role)).await;
    base.sql("update operations set lease_until = now() - interval '1 s' where not done")
        .await;
    let turn = plane.reconcile().await;
    assert_eq!((turn.taken_up, turn.failures), (1, 0));
    let back = "select count(*) from tenants where state = 'deleting' and slug = 'stuck'";
    assert_eq!(base.count(back).await, 1);
}
