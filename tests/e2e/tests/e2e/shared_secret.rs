//! Tokens of a product before this one are good for members, where the operator
//! gives the secret they are signed with.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use resido::Settings;
use resido_e2e::{
    client::{Wire, calls},
    cluster, product,
    product::Product,
};
use resido_gateway::SharedSecret;
use resido_proto::identity::AccessClaims;
use serde_json::{Value, json};

const SECRET: &str = "a secret that is long enough for HS256";

/// Signs the claims of another token by the secret.
fn resigned(token: &str, change: impl Fn(&mut Value)) -> String {
    let claims = jsonwebtoken::dangerous::insecure_decode::<AccessClaims>(token).unwrap();
    let mut claims = json!(claims.claims);
    change(&mut claims);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_the_shared_secret_is_good_for_a_member_alone() {
    let mut settings = Settings::default();
    settings.gateway.shared_secret = Some(SharedSecret::new(SECRET));
    let cluster = cluster::shared().await.unwrap();
    let product = Product::start(cluster, settings).await.unwrap();
    let (owner, other) = (
        product.owner().await.unwrap(),
        product.owner().await.unwrap(),
    );
    let list = calls::list_properties(5, "");
    let foreign = other.tenant.trim_start_matches("tenants/").to_owned();
    for wire in Wire::ALL {
        let reason = async |token: &str| {
            let client = product.client(wire).token(token).unwrap();
            let reply = client.call(&list).await.unwrap();
            reply
                .outcome
                .err()
                .map(|refusal| refusal.reason().to_owned())
        };
        let good = resigned(&owner.token, |_| {});
        assert_eq!(reason(&good).await, None, "{wire:?}");
        let abroad = resigned(&owner.token, |claims| claims["tid"] = json!(foreign));
        assert_eq!(reason(&abroad).await.as_deref(), Some("TENANT_DENIED"));
        let old = resigned(&owner.token, |claims| claims["epoch"] = json!(0));
        assert_eq!(reason(&old).await.as_deref(), Some("CREDENTIAL_INVALID"));
        let staff = resigned(&owner.token, |claims| {
            claims["roles"] = json!(["platform_admin"])
        });
        assert_eq!(reason(&staff).await.as_deref(), Some("CREDENTIAL_INVALID"));
    }
    product.stop().await.unwrap();
    // A product that was given no secret.
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let client = product.client(Wire::Rest);
    let client = client.token(&resigned(&owner.token, |_| {})).unwrap();
    let refusal = client.call(&list).await.unwrap().refusal().unwrap();
    assert_eq!(refusal.reason(), "CREDENTIAL_INVALID");
}
