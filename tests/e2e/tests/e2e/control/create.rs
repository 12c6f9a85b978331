//! One request makes one tenant, however often and however fast it comes.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use resido_e2e::{
    client::{Call, Client, Reply, Wire, calls},
    cluster,
    people::text,
    product::Product,
};
use serde_json::json;

use super::port::{admin, create, message, product, refusal, slug};

/// Requests at once.
const RACERS: usize = 20;

async fn race(clients: &[Client; 2], call: &resido_e2e::client::Call) -> Vec<Reply> {
    let calls = (0..RACERS).map(|number| clients[number % 2].call(call));
    let replies = join_all(calls).await;
    replies.into_iter().map(Result::unwrap).collect()
}

async fn operators() -> [Client; 2] {
    let product = product().await;
    [
        product.operator_client(Wire::Rest).await.unwrap(),
        product.operator_client(Wire::Grpc).await.unwrap(),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_id_makes_one_tenant() {
    let (operators, slug) = (operators().await, slug());
    let email = format!("owner@{slug}.example");
    let call = create(&slug, &email, &slug);
    let mut names = BTreeSet::new();
    let mut tokens = BTreeSet::new();
    for reply in race(&operators, &call).await {
        let created = reply.message().unwrap();
        assert_eq!(created["tenant"]["state"], "ACTIVE");
        names.insert((
            text(&created, "/tenant/name").unwrap(),
            text(&created, "/operation/name").unwrap(),
        ));
        tokens.insert(text(&created, "/activationToken").unwrap());
    }
    assert_eq!(names.len(), 1, "{names:?}");
    // Whoever asks is given a token of its own, and the last of them opens the tenant.
    assert_eq!(tokens.len(), RACERS);
    let nobody = product().await.client(Wire::Rest);
    let mut entered = 0;
    for token in tokens {
        let register = calls::register(&token, &email, "correct horse battery");
        match nobody.call(&register).await.unwrap().outcome {
            Ok(_) => entered += 1,
            Err(refusal) => assert_eq!(refusal.reason(), "ACTIVATION_TOKEN_INVALID"),
        }
    }
    assert_eq!(entered, 1);
    // Once somebody has entered, repeating the request opens nothing more.
    let again = message(&operators[0], &call).await;
    assert_eq!(again["activationToken"], json!(null));
    let admin = admin(product().await).await;
    let rows = "select count(*) from tenants where slug = $1";
    let rows: i64 = admin.query_one(rows, &[&slug]).await.unwrap().get(0);
    assert_eq!(rows, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_not_used_for_another_request() {
    let (operators, slug) = (operators().await, slug());
    let email = format!("owner@{slug}.example");
    message(&operators[0], &create(&slug, &email, &slug)).await;
    for other in [
        create(&format!("{slug}-2"), &email, &slug),
        create(&slug, "other@example.com", &slug),
    ] {
        for (operator, http) in operators.iter().zip([409, 200]) {
            let reply = operator.call(&other).await.unwrap();
            assert_eq!(reply.http, http);
            let refusal = reply.refusal().unwrap();
            assert_eq!(refusal.code(), 6);
            assert_eq!(refusal.reason(), "IDEMPOTENCY_KEY_REUSED");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_slug_is_given_once() {
    let (operators, slug) = (operators().await, slug());
    let call = calls::create_tenant(&slug, "owner@example.com");
    let mut won = 0;
    for (number, reply) in race(&operators, &call).await.into_iter().enumerate() {
        let http = reply.http;
        if reply.outcome.is_ok() {
            won += 1;
            continue;
        }
        let refusal = reply.refusal().unwrap();
        assert_eq!((refusal.code(), refusal.reason()), (6, "TENANT_EXISTS"));
        assert_eq!(http, if number % 2 == 0 { 409 } else { 200 });
    }
    assert_eq!(won, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_request_is_named_at_once() {
    let operators = operators().await;
    let mut call = create("No Slug", "no address", &"x".repeat(129));
    for field in [&mut call.message["tenant"], call.body.as_mut().unwrap()] {
        field["displayName"] = json!("");
        field["plan"] = json!("Not A Plan");
        field["contactPhone"] = json!("1".repeat(51));
    }
    for operator in &operators {
        let refusal = refusal(operator, &call).await;
        assert_eq!((refusal.code(), refusal.reason()), (3, "REQUEST_INVALID"));
        let fields = [
            "request_id",
            "tenant.contact_email",
            "tenant.contact_phone",
            "tenant.display_name",
            "tenant.plan",
            "tenant.slug",
        ];
        assert_eq!(refusal.fields(), fields);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reserved_words_are_no_slugs() {
    let operators = operators().await;
    for word in ["admin", "www", "api"] {
        let call = calls::create_tenant(word, "owner@example.com");
        let refusal = refusal(&operators[0], &call).await;
        assert_eq!(refusal.reason(), "REQUEST_INVALID");
        assert_eq!(refusal.fields(), ["tenant.slug"]);
    }
}

/// Starts a product where nobody is refused for the length of a queue.
async fn spacious() -> Product {
    let mut settings = resido::Settings::default();
    settings.control_plane.max_waiting_provisioning = 200;
    settings.database.acquire_seconds = 30;
    let cluster = cluster::shared().await.unwrap();
    Product::start(cluster, settings).await.unwrap()
}

/// Makes a hundred calls at once, over two protocols in turn.
async fn hundred(product: &Product, call: impl Fn(usize) -> Call) -> Vec<Reply> {
    let operators = [
        product.operator_client(Wire::Rest).await.unwrap(),
        product.operator_client(Wire::Grpc).await.unwrap(),
    ];
    let calls = (0..100).map(|number| {
        let (client, call) = (&operators[number % 2], call(number));
        async move { client.call(&call).await.unwrap() }
    });
    join_all(calls).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_at_once_make_one_tenant() {
    let product = spacious().await;
    let admin = admin(&product).await;
    let count = async |slug: &str| {
        let traces = "
            select (select count(*) from tenants where slug = $1),
                   (select count(*) from operations o join tenants t on t.id = o.tenant_id
                     where t.slug = $1),
                   (select count(*) from pg_namespace n join tenants t on t.schema_name = n.nspname
                     where t.slug = $1)";
        let row = admin.query_one(traces, &[&slug]).await.unwrap();
        [row.get::<_, i64>(0), row.get(1), row.get(2)]
    };
    // One slug: one is given it.
    let strangers = slug();
    let call = |_| calls::create_tenant(&strangers, "owner@example.com");
    let (mut won, mut lost) = (0, 0);
    for reply in hundred(&product, call).await {
        match reply.outcome {
            Ok(created) => {
                won += 1;
                assert_eq!(created["tenant"]["state"], "ACTIVE");
            }
            Err(refusal) => {
                lost += 1;
                assert_eq!((refusal.code(), refusal.reason()), (6, "TENANT_EXISTS"));
            }
        }
    }
    assert_eq!((won, lost), (1, 99));
    assert_eq!(count(&strangers).await, [1, 1, 1]);
    // One key: one tenant, and the same answer for all.
    let repeated = slug();
    let call = |_| create(&repeated, "owner@example.com", "the-key");
    let mut names = BTreeSet::new();
    for reply in hundred(&product, call).await {
        let created = reply.message().unwrap();
        assert_eq!(created["tenant"]["state"], "ACTIVE");
        let name = text(&created, "/tenant/name").unwrap();
        names.insert((name, text(&created, "/operation/name").unwrap()));
    }
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(count(&repeated).await, [1, 1, 1]);
    // One key for different requests: one of them is made.
    let base = slug();
    let slug_of = |number: usize| format!("{base}-{number}");
    let call = |number| create(&slug_of(number), "owner@example.com", "another-key");
    let mut made = Vec::new();
    for (number, reply) in hundred(&product, call).await.into_iter().enumerate() {
        match reply.outcome {
            Ok(_) => made.push(number),
            Err(refusal) => {
                let reason = refusal.reason();
                assert_eq!((refusal.code(), reason), (6, "IDEMPOTENCY_KEY_REUSED"));
            }
        }
    }
    assert_eq!(made.len(), 1, "{made:?}");
    let mut rows = 0;
    for number in 0..100 {
        rows += count(&slug_of(number)).await[0];
    }
    assert_eq!(rows, 1);
    product.stop().await.unwrap();
}
