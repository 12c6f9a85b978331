//! What somebody may no longer do is refused within a second, and a role of the
//! tenant's own opens what it names and nothing else.

use std::time::{Duration, Instant};

use http::Method;
use resido_e2e::{
    client::{Call, Client, Refusal, Wire, calls},
    people::text,
    product::Product,
    wait,
};
use serde_json::{Value, json};

use super::{
    port::{message, product, refusal},
    staff::{joined, set_roles, user_call},
};

fn property() -> Call {
    calls::create_property(json!({"displayName": "House"}))
}

/// Waits until a call is refused, for a second at most.
pub(super) async fn refused_within_a_second(client: &Client, call: &Call, reason: &str) {
    let started = Instant::now();
    let refused = wait::until(Duration::from_secs(5), || async {
        let reply = client.call(call).await.unwrap();
        reply.refusal().as_ref().map_or("", Refusal::reason) == reason
    });
    assert!(refused.await, "{reason}");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

fn clients(product: &Product, token: &str) -> Vec<Client> {
    let client = |wire| product.client(wire).token(token).unwrap();
    Wire::ALL.into_iter().map(client).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lowered_role_bites_within_a_second() {
    let product = product().await;
    let owner = product.owner().await.unwrap();
    let by = product.owner_client(&owner, Wire::Rest).unwrap();
    for wire in Wire::ALL {
        let (name, token) = joined(product, &owner, &["admin"]).await;
        let client = product.client(wire).token(&token).unwrap();
        message(&client, &list_users()).await;
        message(&by, &set_roles(&name, &["viewer"])).await;
        refused_within_a_second(&client, &list_users(), "CREDENTIAL_INVALID").await;
    }
}

fn list_users() -> Call {
    let path = "/resido.identity.v1.UserService/ListUsers";
    user_call(path, Method::GET, "/v1/users", json!({}))
}

fn role_call(method: &'static str, verb: Method, uri: &str, message: Value, body: Value) -> Call {
    Call {
        path: method,
        message,
        verb,
        uri: uri.to_owned(),
        body: Some(body),
    }
}

fn create_role(id: &str, permissions: &[&str]) -> Call {
    let role = json!({"displayName": "A role", "permissions": permissions});
    let message = json!({"roleId": id, "role": role});
    let uri = format!("/v1/roles?roleId={id}");
    let path = "/resido.identity.v1.RoleService/CreateRole";
    role_call(path, Method::POST, &uri, message, role)
}

fn change_role(id: &str, permissions: &[&str]) -> Call {
    let role = json!({"name": format!("roles/{id}"), "permissions": permissions});
    let message = json!({"role": role, "updateMask": "permissions"});
    let body = json!({"permissions": permissions});
    let path = "/resido.identity.v1.RoleService/UpdateRole";
    role_call(
        path,
        Method::PATCH,
        &format!("/v1/roles/{id}"),
        message,
        body,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_of_the_tenants_own_opens_exactly_what_it_names() {
    let product = product().await;
    let owner = product.owner().await.unwrap();
    let by = product.owner_client(&owner, Wire::Rest).unwrap();
    message(
        &by,
        &create_role("surveyor", &["properties.read", "properties.write"]),
    )
    .await;
    let house = message(&by, &property()).await;
    let house = calls::get_property(&text(&house, "/name").unwrap());
    let (_, token) = joined(product, &owner, &["surveyor"]).await;
    let clients = clients(product, &token);
    for client in &clients {
        message(client, &house).await;
        message(client, &calls::list_properties(5, "")).await;
        // Open to some built-in roles, and to none of these.
        message(client, &property()).await;
        // Whoever is a member may see themselves and one another, one by one.
        message(client, &calls::get_user("users/me")).await;
        for call in [list_users(), create_role("more", &["units.read"])] {
            let refused = refusal(client, &call).await;
            assert_eq!(refused.reason(), "ROLE_REQUIRED", "{}", call.path);
        }
    }
    message(&by, &change_role("surveyor", &["units.read"])).await;
    for client in &clients {
        refused_within_a_second(client, &house, "CREDENTIAL_INVALID").await;
    }
}
