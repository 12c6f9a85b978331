//! Calls by the product's port, and its tables as the administrator sees them.

use resido_e2e::{
    client::{Call, Client, Refusal, Wire, calls},
    database,
    people::{PASSWORD, text},
    product::{self, Product},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A tenant that nobody has entered.
pub(super) struct Invited {
    /// `tenants/<uuid>`.
    pub(super) name: String,
    pub(super) slug: String,
    pub(super) email: String,
    pub(super) token: String,
}

/// The product that all of these tests share.
pub(super) async fn product() -> &'static Product {
    product::shared().await.unwrap()
}

/// Returns a slug that nobody has.
pub(super) fn slug() -> String {
    format!("c-{}", &Uuid::new_v4().simple().to_string()[..12])
}

/// Returns a call that creates a tenant under a key.
pub(super) fn create(slug: &str, email: &str, key: &str) -> Call {
    let mut call = calls::create_tenant(slug, email);
    call.message["requestId"] = json!(key);
    call.uri = format!("{}?requestId={key}", call.uri);
    call
}

/// Makes a tenant for the holder of an address.
pub(super) async fn invite(operator: &Client, email: &str) -> Invited {
    let slug = slug();
    let create = calls::create_tenant(&slug, email);
    let created = operator.call(&create).await.unwrap().message().unwrap();
    Invited {
        name: text(&created, "/tenant/name").unwrap(),
        token: text(&created, "/activationToken").unwrap(),
        email: email.to_owned(),
        slug,
    }
}

/// Makes a person a member of so many tenants.
pub(super) async fn member_of(product: &Product, tenants: usize) -> Vec<Invited> {
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let nobody = product.client(Wire::Rest);
    let email = format!("somebody@{}.example", slug());
    let mut all = Vec::new();
    for _ in 0..tenants {
        let invited = invite(&operator, &email).await;
        let register = calls::register(&invited.token, &email, PASSWORD);
        nobody.call(&register).await.unwrap().message().unwrap();
        all.push(invited);
    }
    all
}

/// Makes a call that must be refused.
pub(super) async fn refusal(client: &Client, call: &Call) -> Refusal {
    client.call(call).await.unwrap().refusal().unwrap()
}

/// Makes a call that must succeed.
pub(super) async fn message(client: &Client, call: &Call) -> Value {
    client.call(call).await.unwrap().message().unwrap()
}

/// Connects to the product's database as the administrator.
pub(super) async fn admin(product: &Product) -> tokio_postgres::Client {
    database::connect(&product.admin_url).await.unwrap()
}
