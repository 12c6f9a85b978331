//! People who use the product: the operator, and the owner of a tenant.

use anyhow::{Context as _, Result};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    client::{Client, Wire, calls},
    product::Product,
};

/// The password of every owner.
pub const PASSWORD: &str = "correct horse battery";

/// The owner of a tenant of their own.
#[derive(Debug, Clone)]
pub struct Owner {
    /// `tenants/<uuid>`.
    pub tenant: String,
    /// The tenant's slug.
    pub slug: String,
    /// The address they log in with.
    pub email: String,
    /// Their access token.
    pub token: String,
    /// The activation token that made them the owner.
    pub activation: String,
}

/// Returns a text of a JSON value.
///
/// # Errors
/// If there is none at that place.
pub fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no {pointer} in {value}"))?
        .to_owned())
}

/// Logs a person in and returns the access token.
///
/// # Errors
/// If the login is refused.
pub async fn login(client: &Client, email: &str, password: &str) -> Result<String> {
    let reply = client.call(&calls::login(email, password, "")).await?;
    text(&reply.message()?, "/accessToken")
}

impl Product {
    /// Logs the operator in.
    ///
    /// # Errors
    /// If the login is refused.
    pub async fn operator_client(&self, wire: Wire) -> Result<Client> {
        let client = self.client(wire);
        let operator = &self.operator;
        let token = login(&client, &operator.email, &operator.password).await?;
        client.token(&token)
    }

    /// Makes a tenant with an owner who is logged in.
    ///
    /// # Errors
    /// If a call is refused.
    pub async fn owner(&self) -> Result<Owner> {
        let operator = self.operator_client(Wire::Rest).await?;
        let slug = format!("t-{}", &Uuid::new_v4().simple().to_string()[..12]);
        let email = format!("owner@{slug}.example");
        let create = calls::create_tenant(&slug, &email);
        let created = operator.call(&create).await?.message()?;
        let activation = text(&created, "/activationToken")?;
        let nobody = self.client(Wire::Rest);
        let register = calls::register(&activation, &email, PASSWORD);
        nobody.call(&register).await?.message()?;
        Ok(Owner {
            tenant: text(&created, "/tenant/name")?,
            token: login(&nobody, &email, PASSWORD).await?,
            slug,
            email,
            activation,
        })
    }

    /// Returns a client of a tenant's owner.
    ///
    /// # Errors
    /// If the token is none.
    pub fn owner_client(&self, owner: &Owner, wire: Wire) -> Result<Client> {
        self.client(wire).token(&owner.token)
    }
}
