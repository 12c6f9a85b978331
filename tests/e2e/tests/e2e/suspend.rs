//! A suspended tenant's calls are refused everywhere within a second, and served
//! again when it is resumed.

use std::time::{Duration, Instant};

use resido_e2e::{
    client::{Refusal, Wire, calls},
    product, wait,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_takes_effect_within_a_second() {
    let product = product::shared().await.unwrap();
    let (owner, other) = (
        product.owner().await.unwrap(),
        product.owner().await.unwrap(),
    );
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let list = calls::list_properties(5, "");
    let call = async |wire| {
        let client = product.owner_client(&owner, wire).unwrap();
        client.call(&list).await.unwrap()
    };
    let create = calls::create_property(json!({"displayName": "kept"}));
    let client = product.owner_client(&owner, Wire::Rest).unwrap();
    client.call(&create).await.unwrap().message().unwrap();
    // Twice, for what is remembered of the first time must not help.
    for _ in 0..2 {
        let suspended = operator
            .call(&calls::suspend_tenant(&owner.tenant))
            .await
            .unwrap();
        assert_eq!(suspended.message().unwrap()["state"], "SUSPENDED");
        let started = Instant::now();
        // The fence in the schema stands before the gateway hears of it.
        let refused = wait::until(Duration::from_secs(5), || async {
            let refusal = call(Wire::Rest).await.refusal();
            let reason = refusal.as_ref().map_or("none", Refusal::reason);
            assert!(
                ["TENANT_CHANGED", "TENANT_SUSPENDED"].contains(&reason),
                "{reason}"
            );
            reason == "TENANT_SUSPENDED"
        });
        assert!(refused.await);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        for wire in Wire::ALL {
            let reply = call(wire).await;
            assert!(wire != Wire::Rest || reply.http == 403);
            let refusal = reply.refusal().unwrap();
            assert_eq!(
                (refusal.code(), refusal.reason()),
                (7, "TENANT_SUSPENDED"),
                "{wire:?}"
            );
        }
        let neighbour = product.owner_client(&other, Wire::Rest).unwrap();
        neighbour.call(&list).await.unwrap().message().unwrap();
        let twice = operator
            .call(&calls::suspend_tenant(&owner.tenant))
            .await
            .unwrap();
        assert_eq!(twice.refusal().unwrap().reason(), "TENANT_STATE");
        let resumed = operator
            .call(&calls::resume_tenant(&owner.tenant))
            .await
            .unwrap();
        assert_eq!(resumed.message().unwrap()["state"], "ACTIVE");
        let served = wait::until(Duration::from_secs(1), || async {
            call(Wire::Rest).await.outcome.is_ok()
        });
        assert!(served.await, "the same token is not served again");
    }
    let kept = call(Wire::Grpc).await.message().unwrap();
    assert_eq!(kept["properties"].as_array().unwrap().len(), 1);
}
