//! Staff measures what a tenant uses, and sees nothing of any other.

use resido_proto::{
    ids::TenantId,
    tenancy::v1::{self as proto, usage_service_client::UsageServiceClient},
};
use tonic::Code;

use super::plane::{Answer, Base, Caller, Plane, reason};

async fn usage(plane: &Plane, caller: Caller, name: String) -> Answer<proto::Usage> {
    let get = plane.request(caller, proto::GetUsageRequest { name });
    UsageServiceClient::new(plane.door()).get_usage(get).await
}

async fn usage_of(plane: &Plane, tenant: TenantId) -> Answer<proto::Usage> {
    let name = format!("{}/usage", tenant.resource_name());
    usage(plane, Caller::Operator, name).await
}

/// Gives a tenant members and keys, of which two and one count.
async fn people(base: &Base, tenant: TenantId) {
    for (person, state) in [("a", "active"), ("b", "active"), ("c", "suspended")] {
        base.sql(&format!(
            "with made as (
                 insert into users (id, email, password_hash)
                 values (gen_random_uuid(), '{person}@{tenant}.example', '') returning id)
             insert into memberships (user_id, tenant_id, roles, state)
             select id, '{tenant}', array['member'], '{state}' from made"
        ))
        .await;
    }
    for (expires, revoked) in [
        ("null", "null"),
        ("now() - interval '1 day'", "null"),
        ("null", "now()"),
    ] {
        base.sql(&format!(
            "insert into api_keys (id, tenant_id, prefix, display_name, roles, scopes,
                                   secret_hash, creator, expire_time, revoke_time)
             values (gen_random_uuid(), '{tenant}', gen_random_uuid()::text, 'x', '{{}}', '{{}}',
                     '', 'users/x', {expires}, {revoked})"
        ))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_is_measured_by_itself() {
    let base = Base::new().await;
    let plane = base.plane();
    let ((acme, _), (globex, _)) = (plane.create("acme").await, plane.create("globex").await);
    people(&base, acme.id).await;
    let fresh = usage_of(&plane, acme.id).await.unwrap().into_inner();
    assert_eq!((fresh.members, fresh.api_keys), (2, 1));
    let rows = |usage: &proto::Usage| {
        let found = usage
            .tables
            .iter()
            .find(|table| table.table == "properties");
        found.unwrap().estimated_rows
    };
    assert_eq!(rows(&fresh), 0);

    let schema = acme.schema();
    base.sql(&format!(
        "insert into {schema}.properties (id, display_name)
         select gen_random_uuid(), 'House ' || n
           from generate_series(1, 3000) n"
    ))
    .await;
    base.sql(&format!("analyze {schema}.properties")).await;
    let full = usage_of(&plane, acme.id).await.unwrap().into_inner();
    assert_eq!(full.name, format!("{}/usage", acme.id.resource_name()));
    assert!(full.measure_time.is_some());
    assert_eq!(rows(&full), 3000);
    assert!(full.storage_bytes > fresh.storage_bytes + 100_000);
    let sum: i64 = full.tables.iter().map(|table| table.storage_bytes).sum();
    assert_eq!(full.storage_bytes, sum);

    let other = usage_of(&plane, globex.id).await.unwrap().into_inner();
    assert_eq!((other.members, other.api_keys), (0, 0));
    assert_eq!(rows(&other), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_staff_measures_and_only_what_is_there() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    let name = || format!("{}/usage", acme.id.resource_name());
    let owner = Caller::Owner(acme, resido_proto::ids::UserId::new());
    for caller in [owner, Caller::Gateway, Caller::Anonymous] {
        let refused = usage(&plane, caller, name()).await.unwrap_err();
        assert_ne!(refused.code(), Code::Ok);
        assert_ne!(refused.code(), Code::NotFound, "{caller:?}");
    }
    let wrong = usage(&plane, Caller::Operator, acme.id.resource_name());
    assert_eq!(reason(&wrong.await.unwrap_err()), "REQUEST_INVALID");
    base.sql("update tenants set state = 'purged'").await;
    for tenant in [acme.id, TenantId::new()] {
        let gone = usage_of(&plane, tenant).await.unwrap_err();
        assert_eq!(gone.code(), Code::NotFound);
    }
}
