//! People see the members of their own tenant, and nobody else.

use std::collections::BTreeSet;

use resido_e2e::{
    client::{Call, Client, Wire, calls},
    people::{Owner, text},
};
use serde_json::json;

use super::port::{admin, message, product, refusal};

/// People who join a tenant at one and the same moment, some with the same roles.
const JOIN: &str = "
    with people as (
        insert into users (id, email, password_hash)
        select gen_random_uuid(), 'member' || n || '@' || $1 || '.example', 'none'
          from generate_series(1, 6) n
        returning id)
    insert into memberships (user_id, tenant_id, roles, state)
    select people.id, tenants.id, array['viewer'], 'active'
      from people, tenants where slug = $1";

fn list(size: u32, token: &str) -> Call {
    Call {
        path: "/resido.identity.v1.UserService/ListUsers",
        message: json!({"pageSize": size, "pageToken": token}),
        verb: http::Method::GET,
        uri: format!("/v1/users?pageSize={size}&pageToken={token}"),
        body: None,
    }
}

async fn owner(wire: Wire) -> (Owner, Client) {
    let product = product().await;
    let owner = product.owner().await.unwrap();
    let client = product.owner_client(&owner, wire).unwrap();
    (owner, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_another_tenant_do_not_exist() {
    let (_, client) = owner(Wire::Rest).await;
    let (other, others) = owner(Wire::Grpc).await;
    let theirs = message(&others, &calls::get_user("users/me")).await;
    let name = text(&theirs, "/name").unwrap();
    assert_eq!(text(&theirs, "/email").unwrap(), other.email);
    let own = message(&client, &calls::get_user("users/me")).await;
    let own_name = text(&own, "/name").unwrap();
    assert_eq!(message(&client, &calls::get_user(&own_name)).await, own);
    let nobody = format!("users/{}", uuid::Uuid::now_v7());
    let mut answers = Vec::new();
    for name in [name, nobody] {
        let reply = client.call(&calls::get_user(&name)).await.unwrap();
        assert_eq!(reply.http, 404);
        let refusal = reply.refusal().unwrap();
        assert_eq!(refusal.reason(), "RESOURCE_NOT_FOUND");
        answers.push(refusal.constant());
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_members_come_in_pages_and_end_at_the_tenant() {
    let (owner, client) = owner(Wire::Rest).await;
    let admin = admin(product().await).await;
    assert_eq!(admin.execute(JOIN, &[&owner.slug]).await.unwrap(), 6);
    for size in [1, 2, 3, 7, 50] {
        let (mut emails, mut token) = (Vec::new(), String::new());
        loop {
            let page = message(&client, &list(size, &token)).await;
            let users = page["users"].as_array().unwrap();
            assert!(!users.is_empty() && users.len() <= usize::try_from(size).unwrap());
            emails.extend(users.iter().map(|user| text(user, "/email").unwrap()));
            match page["nextPageToken"].as_str() {
                Some(next) => token = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(emails.len(), 7, "pages of {size}");
        assert_eq!(emails[0], owner.email, "who joined first comes first");
        let expected: BTreeSet<_> = (1..=6)
            .map(|n| format!("member{n}@{}.example", owner.slug))
            .collect();
        let rest: BTreeSet<_> = emails.drain(1..).collect();
        assert_eq!(rest, expected, "pages of {size}");
    }
    let odd = refusal(&client, &list(2, "garbage")).await;
    assert_eq!((odd.code(), odd.reason()), (3, "REQUEST_INVALID"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_of_the_platform_is_in_no_tenant() {
    let product = product().await;
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let unnamed = refusal(&operator, &list(5, "")).await;
    assert_eq!((unnamed.code(), unnamed.reason()), (3, "TENANT_REQUIRED"));
    // Naming a tenant does not make anybody a member.
    let owner = product.owner().await.unwrap();
    let operator = operator.header("x-tenant", &owner.slug).unwrap();
    let named = refusal(&operator, &list(5, "")).await;
    assert_eq!((named.code(), named.reason()), (7, "TENANT_DENIED"));
}
