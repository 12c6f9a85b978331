//! Without its database the product says so at once, and goes on by itself when
//! the database is back.

use std::time::{Duration, Instant};

use resido::Settings;
use resido_e2e::{
    client::{Wire, calls},
    cluster::Cluster,
    product::Product,
    wait,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_503_until_the_database_is_back() {
    let mut cluster = Cluster::start().await.unwrap();
    let product = Product::start(&cluster, Settings::default()).await.unwrap();
    let owner = product.owner().await.unwrap();
    let client = product.owner_client(&owner, Wire::Rest).unwrap();
    let list = calls::list_properties(5, "");
    client.call(&list).await.unwrap().message().unwrap();
    cluster.stop().unwrap();
    for wire in Wire::ALL {
        let client = product.owner_client(&owner, wire).unwrap();
        let started = Instant::now();
        let reply = client.call(&list).await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(4), "{wire:?}");
        if wire == Wire::Rest {
            assert_eq!(reply.http, 503, "{reply:?}");
            let after = reply.headers["retry-after"].to_str().unwrap();
            assert!(after.parse::<u32>().unwrap() >= 1);
        }
        let refusal = reply.refusal().unwrap();
        assert_eq!(refusal.code(), 14, "{wire:?}: {refusal:?}");
        assert_eq!(refusal.reason(), "DATABASE_UNAVAILABLE", "{wire:?}");
        assert!(refusal.detail("RetryInfo").is_some(), "{wire:?}");
    }
    let operator = &product.operator;
    let login = calls::login(&operator.email, &operator.password, "");
    let refused = product.client(Wire::Rest).call(&login).await.unwrap();
    assert_eq!(refused.http, 503, "{refused:?}");
    cluster.run().await.unwrap();
    let served = wait::until(Duration::from_secs(10), || async {
        client.call(&list).await.unwrap().outcome.is_ok()
    });
    assert!(served.await, "the product does not recover");
    // What is told by notifications recovers, too.
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    operator
        .call(&calls::suspend_tenant(&owner.tenant))
        .await
        .unwrap()
        .message()
        .unwrap();
    let refused = wait::until(Duration::from_secs(10), || async {
        client.call(&list).await.unwrap().http == 403
    });
    assert!(refused.await, "the gateway hears of no changes any more");
    product.stop().await.unwrap();
}
