//! A service learns where the caller is from the gateway alone.

use http::Request;
use resido::Settings;
use resido_e2e::{
    client::raw::{self, Version},
    cluster,
    mirror::Mirror,
    product::Product,
};
use resido_proto::headers;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_trusted_proxy_says_where_the_caller_is() {
    let mirror = Mirror::start().await.unwrap();
    for (trusted, expected) in [(None, "127.0.0.1"), (Some("127.0.0.0/8"), "203.0.113.5")] {
        let mut settings = Settings::default();
        settings.gateway.upstreams.push(mirror.upstream().unwrap());
        settings.gateway.trusted_proxies = trusted.into_iter().map(str::to_owned).collect();
        let cluster = cluster::shared().await.unwrap();
        let product = Product::start(cluster, settings).await.unwrap();
        for (version, builder) in [
            (Version::One, Request::get("/v1/echo/a")),
            (
                Version::Two,
                Request::post("/resido.e2e.v1.EchoService/Echo")
                    .header("content-type", "application/grpc"),
            ),
            (
                Version::One,
                Request::post("/resido.e2e.v1.EchoService/Echo")
                    .header("content-type", "application/grpc-web"),
            ),
        ] {
            let body: &[u8] = if builder.method_ref() == Some(&http::Method::GET) {
                &[]
            } else {
                &[0, 0, 0, 0, 0]
            };
            let request = builder
                .header("x-forwarded-for", "6.6.6.6, 203.0.113.5")
                .header("x-resido-client", "6.6.6.6")
                .header("x_resido_client", "6.6.6.6")
                .body(body)
                .unwrap();
            raw::send(product.gateway, version, request).await.unwrap();
            let seen = mirror.take().pop().unwrap();
            let told: Vec<_> = seen.headers.get_all(headers::CLIENT).iter().collect();
            assert_eq!(told, [expected], "{trusted:?} {version:?}");
            assert!(!seen.headers.contains_key("x_resido_client"));
        }
        product.stop().await.unwrap();
    }
}
