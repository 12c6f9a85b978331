//! One request makes one tenant, however often and however fast it comes.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use resido_e2e::{
    client::{Client, Reply, Wire, calls},
    people::text,
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
    // Whoever asks is given a token of its own; they open the tenant once.
    assert_eq!(tokens.len(), RACERS);
    let nobody = product().await.client(Wire::Rest);
    let mut tokens = tokens.into_iter();
    let register = |token: String| calls::register(&token, &email, "correct horse battery");
    message(&nobody, &register(tokens.next().unwrap())).await;
    let spent = refusal(&nobody, &register(tokens.next().unwrap())).await;
    assert_eq!(spent.reason(), "ACTIVATION_TOKEN_INVALID");
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
