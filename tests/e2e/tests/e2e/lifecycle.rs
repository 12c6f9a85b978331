//! The life of a tenant as its people see it, over every protocol: renamed,
//! maintained, deleted, restored.

use std::time::{Duration, Instant};

use http::Method;
use resido_e2e::{
    client::{Call, Client, Refusal, Reply, Wire, calls},
    people::{Owner, PASSWORD, text},
    product::{self, Product},
    wait,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long a change may take to be known everywhere.
const EFFECT: Duration = Duration::from_secs(1);

async fn product() -> &'static Product {
    product::shared().await.unwrap()
}

/// Returns a slug that nobody has.
fn slug() -> String {
    format!("l-{}", &Uuid::new_v4().simple().to_string()[..12])
}

fn refresh(token: &str) -> Call {
    let message = json!({"refreshToken": token});
    Call {
        path: "/resido.identity.v1.AuthService/Refresh",
        body: Some(message.clone()),
        message,
        verb: Method::POST,
        uri: "/v1/auth:refresh".to_owned(),
    }
}

async fn operate(operator: &Client, call: &Call) -> Value {
    operator.call(call).await.unwrap().message().unwrap()
}

/// Waits until a call of the owner ends as expected, and returns how; fails after
/// a second.
async fn becomes(owner: &Owner, call: &Call, reason: &str) -> Reply {
    let client = product().await.owner_client(owner, Wire::Rest).unwrap();
    let is = |reply: &Reply| match &reply.outcome {
        Ok(_) => reason.is_empty(),
        Err(refusal) => refusal.reason() == reason,
    };
    let started = Instant::now();
    let became = wait::until(Duration::from_secs(5), || async {
        is(&client.call(call).await.unwrap())
    });
    assert!(became.await, "never {reason:?}");
    let took = started.elapsed();
    assert!(took < EFFECT, "{took:?}");
    client.call(call).await.unwrap()
}

/// Makes a call over each protocol, which must be refused by each.
async fn refused(owner: &Owner, call: &Call) -> Vec<(Wire, Reply, Refusal)> {
    let mut all = Vec::new();
    for wire in Wire::ALL {
        let client = product().await.owner_client(owner, wire).unwrap();
        let reply = client.call(call).await.unwrap();
        let refusal = reply.clone().refusal().unwrap();
        all.push((wire, reply, refusal));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_tenant_answers_to_both_names() {
    let product = product().await;
    let (owner, other) = (
        product.owner().await.unwrap(),
        product.owner().await.unwrap(),
    );
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let (list, new) = (calls::list_properties(5, ""), slug());
    let named = async |owner: &Owner, wire, name: &str| {
        let client = product.owner_client(owner, wire).unwrap();
        let client = client.header("x-tenant", name).unwrap();
        client.call(&list).await.unwrap()
    };
    let rename = calls::update_tenant(&owner.tenant, json!({"slug": new}));
    let renamed = operate(&operator, &rename).await;
    assert_eq!(renamed["slug"], json!(new));
    assert_eq!(renamed["aliases"], json!([owner.slug]));
    let known = wait::until(EFFECT, || async {
        named(&owner, Wire::Rest, &new).await.outcome.is_ok()
    });
    assert!(known.await, "the new name is not known within a second");
    for wire in Wire::ALL {
        for name in [&owner.slug, &new] {
            named(&owner, wire, name).await.message().unwrap();
            let foreign = named(&other, wire, name).await.refusal().unwrap();
            assert_eq!(foreign.reason(), "TENANT_DENIED", "{wire:?} {name}");
        }
    }
    // Nobody else can have either, and both are found.
    for name in [&owner.slug, &new] {
        let create = calls::create_tenant(name, "owner@example.com");
        let taken = operator.call(&create).await.unwrap().refusal().unwrap();
        assert_eq!(taken.reason(), "TENANT_EXISTS");
        let found = operate(&operator, &calls::lookup_tenant(name)).await;
        assert_eq!(text(&found, "/name").unwrap(), owner.tenant);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maintenance_lets_reads_through_or_nothing() {
    let product = product().await;
    let owner = product.owner().await.unwrap();
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let list = calls::list_properties(5, "");
    let create = calls::create_property(json!({"displayName": "kept"}));
    operate(
        &operator,
        &calls::start_maintenance(&owner.tenant, "READ_ONLY"),
    )
    .await;
    becomes(&owner, &create, "TENANT_READ_ONLY").await;
    for wire in Wire::ALL {
        let client = product.owner_client(&owner, wire).unwrap();
        client.call(&list).await.unwrap().message().unwrap();
    }
    for (wire, reply, refusal) in refused(&owner, &create).await {
        assert_eq!(
            (refusal.code(), refusal.reason()),
            (14, "TENANT_READ_ONLY"),
            "{wire:?}"
        );
        assert!(wire != Wire::Rest || reply.http == 503);
    }
    operate(&operator, &calls::end_maintenance(&owner.tenant)).await;
    becomes(&owner, &create, "").await;
    operate(
        &operator,
        &calls::start_maintenance(&owner.tenant, "CLOSED"),
    )
    .await;
    becomes(&owner, &list, "TENANT_MAINTENANCE").await;
    for call in [&list, &create] {
        for (wire, reply, refusal) in refused(&owner, call).await {
            let told = (refusal.code(), refusal.reason());
            assert_eq!(told, (14, "TENANT_MAINTENANCE"), "{wire:?}");
            assert!(refusal.detail("RetryInfo").is_some(), "{wire:?}");
            if wire == Wire::Rest {
                assert_eq!(reply.http, 503);
                let after = reply.headers["retry-after"].to_str().unwrap();
                assert_eq!(after, "30");
            }
        }
    }
    operate(&operator, &calls::end_maintenance(&owner.tenant)).await;
    becomes(&owner, &list, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_tenant_looks_unknown_until_it_is_restored() {
    let product = product().await;
    let (owner, other) = (
        product.owner().await.unwrap(),
        product.owner().await.unwrap(),
    );
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let list = calls::list_properties(5, "");
    let create = calls::create_property(json!({"displayName": "kept"}));
    let client = product.owner_client(&owner, Wire::Rest).unwrap();
    client.call(&create).await.unwrap().message().unwrap();
    let nobody = product.client(Wire::Rest);
    let login = nobody.call(&calls::login(&owner.email, PASSWORD, "")).await;
    let session = login.unwrap().message().unwrap();
    let session = text(&session, "/refreshToken").unwrap();
    let deleted = operate(&operator, &calls::delete_tenant(&owner.tenant)).await;
    assert_eq!(deleted["state"], "DELETING");
    becomes(&owner, &list, "TENANT_DENIED").await;
    for (wire, _, refusal) in refused(&owner, &list).await {
        // As a tenant that there never was.
        let stranger = product.owner_client(&other, wire).unwrap();
        let stranger = stranger.header("x-tenant", &slug()).unwrap();
        let unknown = stranger.call(&list).await.unwrap().refusal().unwrap();
        assert_eq!(refusal.constant(), unknown.constant(), "{wire:?}");
        // By name as well, for those who never belonged to it.
        let named = product.owner_client(&other, wire).unwrap();
        let named = named.header("x-tenant", &owner.slug).unwrap();
        let named = named.call(&list).await.unwrap().refusal().unwrap();
        assert_eq!(named.constant(), unknown.constant(), "{wire:?}");
        let nobody = product.client(wire);
        let login = |tenant: &str| calls::login(&owner.email, PASSWORD, tenant);
        let gone = nobody.call(&login(&owner.slug)).await.unwrap();
        let never = nobody.call(&login(&slug())).await.unwrap();
        assert_eq!(
            gone.refusal().unwrap().constant(),
            never.refusal().unwrap().constant(),
            "{wire:?}"
        );
    }
    // The operator sees it, and its slug is nobody else's.
    let found = operate(&operator, &calls::lookup_tenant(&owner.slug)).await;
    assert_eq!(found["state"], "DELETING");
    let again = calls::create_tenant(&owner.slug, "owner@example.com");
    let taken = operator.call(&again).await.unwrap().refusal().unwrap();
    assert_eq!(taken.reason(), "TENANT_EXISTS");
    let restored = operate(&operator, &calls::undelete_tenant(&owner.tenant)).await;
    assert_eq!(restored["state"], "ACTIVE");
    let kept = becomes(&owner, &list, "").await.message().unwrap();
    let kept = kept["properties"].as_array().unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["displayName"], "kept");
    // The tenant is back, its log-ins are not.
    let ended = nobody.call(&refresh(&session)).await.unwrap();
    assert_eq!(ended.refusal().unwrap().reason(), "REFRESH_TOKEN_INVALID");
}
