//! Long work is looked at, waited for, cancelled and forgotten over every
//! protocol, by staff alone.

use std::time::{Duration, Instant};

use http::Method;
use resido_e2e::{
    client::{Call, Wire},
    database,
    product::{self, Product},
};
use resido_proto::ids::TenantId;
use resido_tenancy::tenant::SchemaName;
use serde_json::{Value, json};

/// Work on a tenant of its own that rests until it is cancelled.
const RESTING: &str = "
    with made as (
        insert into tenants (id, schema_name, slug, display_name, contact_email, plan, state)
        values ($1, $2, $3, 'A tenant', 'owner@x.example', 'free', 'provisioning')
        returning id)
    insert into operations (id, kind, tenant_id, actor, lease_until)
    select gen_random_uuid(), 'provision', id, 'users/x', now() + interval '1 hour' from made
    returning 'operations/' || id";
const OF: &str = "select 'operations/' || id from operations where tenant_id = $1";

async fn resting(product: &Product) -> String {
    let admin = database::connect(&product.admin_url).await.unwrap();
    let id = TenantId::new();
    let (schema, slug) = (SchemaName::of(id), format!("t{}", id.as_uuid().simple()));
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&id.as_uuid(), &schema.as_str(), &slug];
    admin.query_one(RESTING, &values).await.unwrap().get(0)
}

/// Returns the operation that made a tenant.
async fn making(product: &Product, tenant: &str) -> String {
    let admin = database::connect(&product.admin_url).await.unwrap();
    let id = TenantId::from_resource_name(tenant).unwrap();
    admin.query_one(OF, &[&id.as_uuid()]).await.unwrap().get(0)
}

fn get(name: &str) -> Call {
    Call {
        path: "/google.longrunning.Operations/GetOperation",
        message: json!({"name": name}),
        verb: Method::GET,
        uri: format!("/v1/{name}"),
        body: None,
    }
}

fn list() -> Call {
    let filter = "done = true AND kind = \"provision\"";
    Call {
        path: "/google.longrunning.Operations/ListOperations",
        message: json!({"name": "operations", "pageSize": 1, "filter": filter}),
        verb: Method::GET,
        uri: "/v1/operations?pageSize=1&filter=done%20%3D%20true%20AND%20kind%20%3D%20%22provision%22"
            .to_owned(),
        body: None,
    }
}

fn wait(name: &str) -> Call {
    Call {
        path: "/google.longrunning.Operations/WaitOperation",
        message: json!({"name": name, "timeout": "0.300s"}),
        verb: Method::POST,
        uri: format!("/v1/{name}:wait"),
        body: Some(json!({"timeout": "0.300s"})),
    }
}

fn cancel(name: &str) -> Call {
    Call {
        path: "/google.longrunning.Operations/CancelOperation",
        message: json!({"name": name}),
        verb: Method::POST,
        uri: format!("/v1/{name}:cancel"),
        body: Some(json!({})),
    }
}

fn delete(name: &str) -> Call {
    Call {
        path: "/google.longrunning.Operations/DeleteOperation",
        message: json!({"name": name}),
        verb: Method::DELETE,
        uri: format!("/v1/{name}"),
        body: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_governs_operations_over_every_protocol() {
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let made = making(product, &owner.tenant).await;
    for wire in Wire::ALL {
        let operator = product.operator_client(wire).await.unwrap();
        let ask = async |call: Call| operator.call(&call).await.unwrap();
        let refused = async |call: Call, reason: &str| {
            let reply = ask(call).await;
            let http = reply.http;
            let refusal = reply.refusal().unwrap();
            assert_eq!(refusal.reason(), reason, "{wire:?}");
            (refusal.code(), http)
        };
        let found = ask(get(&made)).await.message().unwrap();
        assert_eq!(
            (&found["name"], &found["done"]),
            (&json!(made), &json!(true))
        );
        assert_eq!(found["metadata"]["tenant"], json!(owner.tenant), "{wire:?}");
        assert_eq!(found["response"]["slug"], json!(owner.slug), "{wire:?}");
        assert_eq!(ask(wait(&made)).await.message().unwrap(), found, "{wire:?}");
        let listed = ask(list()).await.message().unwrap();
        assert_eq!(listed["operations"].as_array().unwrap().len(), 1);
        assert_eq!(listed["operations"][0]["done"], json!(true));

        let rests = resting(product).await;
        let started = Instant::now();
        let waited = ask(wait(&rests)).await.message().unwrap();
        assert_eq!(waited["done"], Value::Null, "{wire:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{wire:?}");
        refused(delete(&rests), "OPERATION_RUNNING").await;
        ask(cancel(&rests)).await.message().unwrap();
        let cancelled = ask(get(&rests)).await.message().unwrap();
        assert_eq!(cancelled["done"], json!(true), "{wire:?}");
        assert_eq!(cancelled["error"]["code"], json!(1), "{wire:?}");
        assert_eq!(cancelled["metadata"]["error"], "CANCELLED");
        let (code, http) = refused(cancel(&rests), "OPERATION_RUNNING").await;
        assert_eq!((code, http == 400), (9, wire == Wire::Rest), "{wire:?}");
        ask(delete(&rests)).await.message().unwrap();
        for call in [get(&rests), wait(&rests), cancel(&rests), delete(&rests)] {
            let (code, http) = refused(call, "RESOURCE_NOT_FOUND").await;
            assert_eq!((code, http == 404), (5, wire == Wire::Rest), "{wire:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_people_of_a_tenant_learn_nothing_of_any_operation() {
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let other = product.owner().await.unwrap();
    let (own, foreign) = (
        making(product, &owner.tenant).await,
        making(product, &other.tenant).await,
    );
    let rests = resting(product).await;
    let nothing = format!("operations/{}", TenantId::new());
    for wire in Wire::ALL {
        let client = product.owner_client(&owner, wire).unwrap();
        let refusal = async |call: Call| {
            let reply = client.call(&call).await.unwrap();
            reply.refusal().unwrap()
        };
        for call in [get, wait, cancel, delete] {
            let none = refusal(call(&nothing)).await;
            assert_eq!(none.code(), 7, "{wire:?}");
            for name in [&own, &foreign, &rests] {
                let known = refusal(call(name)).await;
                assert_eq!(known.constant(), none.constant(), "{wire:?}");
            }
        }
        assert_eq!(refusal(list()).await.code(), 7, "{wire:?}");
    }
    // They were all left alone.
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    for name in [&own, &foreign, &rests] {
        operator.call(&get(name)).await.unwrap().message().unwrap();
    }
    for call in [cancel(&rests), delete(&rests)] {
        operator.call(&call).await.unwrap().message().unwrap();
    }
}
