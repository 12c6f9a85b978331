//! A call that is refused half-way costs nobody a database connection.

use resido::Settings;
use resido_e2e::{
    client::{Call, Wire, calls},
    cluster,
    people::text,
    product::Product,
};
use serde_json::json;
use uuid::Uuid;

use crate::metrics::{page, sum};

/// As a client whose copy is old sends it.
fn with_old_etag(mut call: Call) -> Call {
    let etag = json!("r999");
    if let Some(property) = call.message.get_mut("property") {
        property["etag"] = etag;
    } else {
        call.message["etag"] = etag;
    }
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_within_a_transaction_keep_its_connection() {
    let cluster = cluster::shared().await.unwrap();
    let product = Product::start(cluster, Settings::default()).await.unwrap();
    let owner = product.owner().await.unwrap();
    let client = product.owner_client(&owner, Wire::Grpc).unwrap();
    let create = calls::create_property(json!({"displayName": "Tower"}));
    let property = client.call(&create).await.unwrap().message().unwrap();
    let property = text(&property, "/name").unwrap();
    let unit = json!({"displayName": "1a"});
    let create = calls::create_unit(&property, unit.clone());
    client.call(&create).await.unwrap().message().unwrap();
    let nothing = format!("properties/{}", Uuid::now_v7());
    let refused = [
        (calls::get_property(&nothing), "RESOURCE_NOT_FOUND"),
        (calls::rename_property(&nothing, "x"), "RESOURCE_NOT_FOUND"),
        (calls::delete_property(&nothing), "RESOURCE_NOT_FOUND"),
        (
            calls::create_unit(&nothing, unit.clone()),
            "RESOURCE_NOT_FOUND",
        ),
        (calls::create_unit(&property, unit), "RESOURCE_EXISTS"),
        (calls::delete_property(&property), "RESOURCE_IN_USE"),
        (
            with_old_etag(calls::rename_property(&property, "x")),
            "ETAG_MISMATCH",
        ),
        (
            with_old_etag(calls::delete_property(&property)),
            "ETAG_MISMATCH",
        ),
    ];
    for round in 0..7 {
        for (call, reason) in &refused {
            let refusal = client.call(call).await.unwrap().refusal().unwrap();
            assert_eq!(refusal.reason(), *reason, "{round}: {call:?}");
        }
    }
    let metrics = page(&product, "/metrics").await;
    let discarded = "resido_db_connections_discarded_total";
    assert_eq!(sum(&metrics, discarded, &[r#"pool="app""#]), 0, "{metrics}");
    assert_eq!(sum(&metrics, discarded, &["unfinished"]), 0, "{metrics}");
    product.stop().await.unwrap();
}
