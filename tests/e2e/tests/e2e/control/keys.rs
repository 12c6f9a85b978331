//! The published keys verify the tokens that log-ins hand out.

use http::Request;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use resido_e2e::{
    client::{
        Wire,
        raw::{self, Version},
    },
    people::login,
};
use resido_proto::identity::{ACCESS_AUDIENCE, ACCESS_ISSUER, AccessClaims, Role};

use super::port::product;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_keys_verify_access_tokens() {
    let product = product().await;
    let request = Request::get("/.well-known/jwks.json").body("").unwrap();
    let answer = raw::send(product.gateway, Version::One, request);
    let answer = answer.await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "public, max-age=60");
    let keys: JwkSet = serde_json::from_slice(&answer.body).unwrap();
    let private = String::from_utf8_lossy(&answer.body).contains("\"d\":");
    assert!(!private, "the keys are public ones");

    let (client, operator) = (product.client(Wire::Rest), &product.operator);
    let token = login(&client, &operator.email, &operator.password);
    let token = token.await.unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(header.alg, Algorithm::EdDSA);
    let key = keys.find(&header.kid.unwrap()).unwrap();
    let key = DecodingKey::from_jwk(key).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[ACCESS_AUDIENCE]);
    validation.set_issuer(&[ACCESS_ISSUER]);
    let claims = jsonwebtoken::decode::<AccessClaims>(&token, &key, &validation);
    assert_eq!(claims.unwrap().claims.roles, [Role::PLATFORM_ADMIN]);
    // One letter of the claims changed, and it verifies no more.
    let dot = token.find('.').unwrap() + 8;
    let mut forged = token.clone().into_bytes();
    forged[dot] = if forged[dot] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    assert!(jsonwebtoken::decode::<AccessClaims>(&forged, &key, &validation).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_openid_connect_find_the_keys() {
    let product = product().await;
    let uri = "/.well-known/openid-configuration";
    let request = Request::get(uri).body("").unwrap();
    let answer = raw::send(product.gateway, Version::One, request);
    let answer = answer.await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "public, max-age=60");
    let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(document["issuer"], ACCESS_ISSUER);
    let keys = format!("http://{}/.well-known/jwks.json", product.gateway);
    assert_eq!(document["jwks_uri"], keys);
    let algorithms = &document["id_token_signing_alg_values_supported"];
    assert_eq!(algorithms, &serde_json::json!(["EdDSA"]));
}
