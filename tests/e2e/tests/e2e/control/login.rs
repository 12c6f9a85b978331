//! A password opens what its person may enter, and without it nobody learns who
//! has an account or where.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use resido_e2e::{
    client::{Wire, calls},
    people::{PASSWORD, text},
    product::Product,
};
use serde_json::{Value, json};

use super::port::{admin, invite, member_of, message, product, refusal, slug};

/// Reads a token's claims without verifying it.
fn claims(login: &Value) -> Value {
    let token = text(login, "/accessToken").unwrap();
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn id(name: &str) -> &str {
    name.split_once('/').unwrap().1
}

async fn enter(product: &Product, email: &str, tenant: &str) -> Value {
    let login = calls::login(email, PASSWORD, tenant);
    message(&product.client(Wire::Rest), &login).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_person_and_a_wrong_password_are_answered_alike() {
    let product = product().await;
    let wrong = "a wrong password";
    for wire in Wire::ALL {
        // A fifth failure in a row would be answered otherwise.
        let member = member_of(product, 1).await.remove(0);
        let nobody = format!("nobody@{}.example", slug());
        let client = product.client(wire);
        let mut answers = Vec::new();
        for (email, password, tenant) in [
            (&member.email, wrong, ""),
            (&member.email, "x", &*member.slug),
            (&nobody, PASSWORD, ""),
            (&nobody, wrong, "nowhere"),
            (&product.operator.email, PASSWORD, &member.slug),
        ] {
            let login = calls::login(email, password, tenant);
            let reply = client.call(&login).await.unwrap();
            assert!(wire != Wire::Rest || reply.http == 401);
            let refusal = reply.refusal().unwrap();
            assert_eq!(refusal.reason(), "CREDENTIALS_INVALID");
            answers.push(refusal.constant());
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{wire:?}: {answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_tenant_needs_no_name() {
    let product = product().await;
    let member = member_of(product, 1).await.remove(0);
    let admin = admin(product).await;
    for email in [member.email.clone(), member.email.to_uppercase()] {
        let login = enter(product, &email, "").await;
        assert_eq!(login["tokenType"], "Bearer");
        assert_eq!(login["expiresIn"], 900);
        assert_eq!(login["user"]["roles"], json!(["owner"]));
        assert!(login["user"]["lastLoginTime"].is_string());
        let claims = claims(&login);
        assert_eq!(claims["tid"], id(&member.name));
        assert_eq!(claims["sub"], login["user"]["name"]);
        let epoch = "
            select m.epoch from memberships m join users u on u.id = m.user_id
             where u.email = $1";
        let epoch = admin.query_one(epoch, &[&member.email]).await.unwrap();
        assert_eq!(claims["epoch"], epoch.get::<_, i64>(0));
        let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
        assert_eq!(life, 900);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_several_tenants_chooses_after_the_password_was_right() {
    let product = product().await;
    let members = member_of(product, 2).await;
    let email = &members[0].email;
    let client = product.client(Wire::Rest);
    let wrong = refusal(&client, &calls::login(email, "a wrong password", "")).await;
    assert_eq!(wrong.reason(), "CREDENTIALS_INVALID");
    assert!(!wrong.0.to_string().contains(&members[0].slug));
    let reply = client.call(&calls::login(email, PASSWORD, "")).await;
    let reply = reply.unwrap();
    assert_eq!(reply.http, 400);
    let choice = reply.refusal().unwrap();
    assert_eq!(
        (choice.code(), choice.reason()),
        (9, "TENANT_CHOICE_REQUIRED")
    );
    let mut slugs = [&*members[0].slug, &*members[1].slug];
    slugs.sort_unstable();
    let told = &choice.detail("ErrorInfo").unwrap()["metadata"]["tenants"];
    assert_eq!(*told, slugs.join(","));
    // By slug and by id.
    for member in &members {
        for selector in [&*member.slug, id(&member.name)] {
            let login = enter(product, email, selector).await;
            assert_eq!(claims(&login)["tid"], id(&member.name));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_of_the_platform_gets_a_token_without_a_tenant() {
    let product = product().await;
    let operator = &product.operator;
    let login = calls::login(&operator.email, &operator.password, "");
    let login = message(&product.client(Wire::Grpc), &login).await;
    let claims = claims(&login);
    assert_eq!(claims.get("tid"), None);
    assert_eq!(claims["roles"], json!(["platform_admin"]));
    assert_eq!(login["user"]["roles"], json!(["platform_admin"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_and_unknown_tenants_are_answered_alike() {
    let product = product().await;
    let (member, other) = (
        member_of(product, 1).await.remove(0),
        member_of(product, 1).await.remove(0),
    );
    let client = product.client(Wire::Rest);
    let mut answers = Vec::new();
    let nowhere = uuid::Uuid::now_v7().to_string();
    for tenant in [&*other.slug, id(&other.name), &slug(), &nowhere] {
        let login = calls::login(&member.email, PASSWORD, tenant);
        let reply = client.call(&login).await.unwrap();
        assert_eq!(reply.http, 403);
        let refusal = reply.refusal().unwrap();
        assert_eq!((refusal.code(), refusal.reason()), (7, "TENANT_DENIED"));
        answers.push(refusal.constant());
    }
    // The platform's staff is no member anywhere.
    let operator = &product.operator;
    let login = calls::login(&operator.email, &operator.password, &other.slug);
    answers.push(refusal(&client, &login).await.constant());
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let odd = calls::login(&member.email, PASSWORD, "No Slug");
    let odd = refusal(&client, &odd).await;
    assert_eq!(odd.reason(), "REQUEST_INVALID");
    assert_eq!(odd.fields(), ["tenant"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_tenant_is_not_entered() {
    let product = product().await;
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let member = member_of(product, 1).await.remove(0);
    message(&operator, &calls::suspend_tenant(&member.name)).await;
    let client = product.client(Wire::Rest);
    for tenant in ["", &member.slug] {
        let login = calls::login(&member.email, PASSWORD, tenant);
        let refusal = refusal(&client, &login).await;
        assert_eq!((refusal.code(), refusal.reason()), (7, "TENANT_SUSPENDED"));
    }
    let wrong = calls::login(&member.email, "a wrong password", &member.slug);
    let wrong = refusal(&client, &wrong).await;
    assert_eq!(wrong.reason(), "CREDENTIALS_INVALID");
    message(&operator, &calls::resume_tenant(&member.name)).await;
    enter(product, &member.email, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inactive_membership_opens_nothing() {
    let product = product().await;
    let members = member_of(product, 2).await;
    let email = &members[0].email;
    let admin = admin(product).await;
    let suspend = "
        update memberships set state = 'suspended'
         where tenant_id = (select id from tenants where slug = $1)";
    assert_eq!(
        admin.execute(suspend, &[&members[0].slug]).await.unwrap(),
        1
    );
    let client = product.client(Wire::Rest);
    let shut = calls::login(email, PASSWORD, &members[0].slug);
    let shut = refusal(&client, &shut).await;
    assert_eq!(shut.reason(), "CREDENTIALS_INVALID");
    // It is no longer among the choices.
    let login = enter(product, email, "").await;
    assert_eq!(claims(&login)["tid"], id(&members[1].name));
    admin.execute(suspend, &[&members[1].slug]).await.unwrap();
    let closed = refusal(&client, &calls::login(email, PASSWORD, "")).await;
    assert_eq!(closed.reason(), "CREDENTIALS_INVALID");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_that_was_not_taken_is_no_account() {
    let product = product().await;
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let invited = invite(&operator, &format!("owner@{}.example", slug())).await;
    let login = calls::login(&invited.email, PASSWORD, "");
    let refusal = refusal(&product.client(Wire::Rest), &login).await;
    assert_eq!(refusal.reason(), "CREDENTIALS_INVALID");
}
