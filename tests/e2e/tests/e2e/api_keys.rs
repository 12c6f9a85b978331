//! Programs call with keys: over every protocol as their roles allow, and not for
//! a second after they are revoked.

use std::time::{Duration, Instant};

use resido_e2e::{
    client::{Call, Client, Wire, calls},
    people::{Owner, text},
    product::{self, Product},
    wait,
};
use serde_json::{Value, json};

/// Makes a key, and returns its name and what the program sends.
async fn make(product: &Product, owner: &Owner, key: Value) -> (String, String) {
    let client = product.owner_client(owner, Wire::Rest).unwrap();
    let made = client.call(&calls::create_api_key(key)).await.unwrap();
    let made = made.message().unwrap();
    let name = text(&made, "/apiKey/name").unwrap();
    (name, text(&made, "/secret").unwrap())
}

async fn reason(client: &Client, call: &Call) -> Option<String> {
    let reply = client.call(call).await.unwrap();
    reply
        .outcome
        .err()
        .map(|refusal| refusal.reason().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g6_a_key_calls_as_its_roles_allow_until_it_is_revoked() {
    let product = product::shared().await.unwrap();
    let (owner, other) = (
        product.owner().await.unwrap(),
        product.owner().await.unwrap(),
    );
    let key = json!({"displayName": "a program", "roles": ["member"]});
    let (name, secret) = make(product, &owner, key).await;
    let narrow = json!({
        "displayName": "a reader", "roles": ["member"], "scopes": ["properties.read"],
    });
    let (_, reader) = make(product, &owner, narrow).await;
    let list = calls::list_properties(5, "");
    let create = calls::create_property(json!({"displayName": "by a program"}));
    for wire in Wire::ALL {
        let client = product.client(wire);
        let sent = |name: &str, value: &str| client.clone().header(name, value).unwrap();
        let (plain, scheme) = (
            sent("x-api-key", &secret),
            sent("authorization", &format!("ApiKey {secret}")),
        );
        assert_eq!(reason(&plain, &list).await, None, "{wire:?}");
        assert_eq!(reason(&scheme, &create).await, None, "{wire:?}");
        let narrowed = sent("x-api-key", &reader);
        assert_eq!(reason(&narrowed, &list).await, None, "{wire:?}");
        let refused = reason(&narrowed, &create).await;
        assert_eq!(refused.as_deref(), Some("ROLE_REQUIRED"), "{wire:?}");
        let abroad = plain.clone().header("x-tenant", &other.slug).unwrap();
        assert_eq!(
            reason(&abroad, &list).await.as_deref(),
            Some("TENANT_DENIED")
        );
        let mut wrong = secret.clone();
        wrong.replace_range(
            20..21,
            if secret.as_bytes()[20] == b'a' {
                "b"
            } else {
                "a"
            },
        );
        let wrong = reason(&sent("x-api-key", &wrong), &list).await;
        assert_eq!(wrong.as_deref(), Some("CREDENTIAL_INVALID"), "{wire:?}");
        let both = plain.token(&owner.token).unwrap();
        let both = reason(&both, &list).await;
        assert_eq!(both.as_deref(), Some("CREDENTIAL_INVALID"), "{wire:?}");
    }

    let admin = product.owner_client(&owner, Wire::Rest).unwrap();
    admin
        .call(&calls::revoke_api_key(&name))
        .await
        .unwrap()
        .message()
        .unwrap();
    let started = Instant::now();
    for wire in Wire::ALL {
        let client = product.client(wire).header("x-api-key", &secret).unwrap();
        let refused = wait::until(Duration::from_secs(5), || async {
            reason(&client, &list).await.as_deref() == Some("CREDENTIAL_INVALID")
        });
        assert!(refused.await, "{wire:?}");
    }
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    let client = product
        .client(Wire::Rest)
        .header("x-api-key", &reader)
        .unwrap();
    assert_eq!(reason(&client, &list).await, None, "another key works on");
}
