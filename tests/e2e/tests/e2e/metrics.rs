//! The admin port counts what happens, and says nothing that is secret.

use http::Request;
use resido::Settings;
use resido_e2e::{
    client::{
        Wire, calls,
        raw::{self, Version},
    },
    cluster,
    people::PASSWORD,
    product::Product,
};

/// Returns a page of the admin port.
pub(crate) async fn page(product: &Product, path: &str) -> String {
    let request = Request::get(path).body("").unwrap();
    let raw = raw::send(product.admin, Version::One, request)
        .await
        .unwrap();
    assert_eq!(raw.status, 200, "{path}");
    String::from_utf8(raw.body.to_vec()).unwrap()
}

/// Adds up the samples of a metric whose labels contain all of these.
pub(crate) fn sum(page: &str, metric: &str, labels: &[&str]) -> u64 {
    let samples = page.lines().filter(|line| {
        line.split(['{', ' ']).next() == Some(metric)
            && labels.iter().all(|label| line.contains(label))
    });
    let values = samples.filter_map(|line| line.rsplit(' ').next());
    values.map(|value| value.parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o3_each_call_is_counted_by_method_protocol_and_tenant() {
    let cluster = cluster::shared().await.unwrap();
    let product = Product::start(cluster, Settings::default()).await.unwrap();
    let owner = product.owner().await.unwrap();
    let list = calls::list_properties(5, "");
    for wire in Wire::ALL {
        let client = product.owner_client(&owner, wire).unwrap();
        client.call(&list).await.unwrap().message().unwrap();
        product
            .client(wire)
            .call(&list)
            .await
            .unwrap()
            .refusal()
            .unwrap();
    }
    let metrics = page(&product, "/metrics").await;
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    let total = "resido_gateway_requests_total";
    let method = r#"method="ListProperties""#;
    let tenant = owner.tenant.trim_start_matches("tenants/");
    let count = |labels: &[&str]| sum(&metrics, total, labels);
    assert_eq!(count(&[method, tenant]), 4, "{metrics}");
    assert_eq!(count(&[method]), 8, "{metrics}");
    for (protocol, times) in [("grpc", 2), ("rest", 2)] {
        let label = format!("protocol=\"{protocol}\"");
        assert_eq!(count(&[method, &label]), times, "{metrics}");
    }
    let seconds = "resido_gateway_request_duration_seconds_count";
    assert_eq!(sum(&metrics, seconds, &[method]), 8, "{metrics}");
    let transactions = sum(&metrics, "resido_db_transactions_total", &[r#"pool="app""#]);
    assert!(transactions >= 4, "{metrics}");
    assert_eq!(sum(&metrics, "resido_gateway_watch_connected", &[]), 1);
    let mut pages = metrics;
    for path in [
        "/healthz",
        "/readyz",
        "/routes",
        "/tenants",
        "/context-jwks.json",
    ] {
        pages.push_str(&page(&product, path).await);
    }
    for secret in [
        owner.token.as_str(),
        &owner.email,
        &product.operator.password,
        PASSWORD,
        &owner.activation,
        "postgresql://",
        "\"d\":",
    ] {
        assert!(!pages.contains(secret), "{secret} is shown");
    }
    product.stop().await.unwrap();
}
