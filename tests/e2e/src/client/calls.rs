//! The calls of the product that tests make, in both spellings.

use http::Method;
use serde_json::{Value, json};

use super::Call;

macro_rules! call {
    ($service:literal, $method:literal, $verb:ident $uri:expr, $message:expr, $body:expr) => {
        Call {
            path: concat!("/", $service, "/", $method),
            message: $message,
            verb: Method::$verb,
            uri: $uri.to_owned(),
            body: $body,
        }
    };
}

/// Logs a person in.
#[must_use]
pub fn login(email: &str, password: &str, tenant: &str) -> Call {
    let message = json!({"email": email, "password": password, "tenant": tenant});
    let body = Some(message.clone());
    call!("resido.identity.v1.AuthService", "Login",
        POST "/v1/auth:login", message, body)
}

/// Goes on with a log-in.
#[must_use]
pub fn refresh(token: &str) -> Call {
    let message = json!({"refreshToken": token});
    let body = Some(message.clone());
    call!("resido.identity.v1.AuthService", "Refresh",
        POST "/v1/auth:refresh", message, body)
}

/// Ends a log-in.
#[must_use]
pub fn logout(token: &str) -> Call {
    let message = json!({"refreshToken": token});
    let body = Some(message.clone());
    call!("resido.identity.v1.AuthService", "Logout",
        POST "/v1/auth:logout", message, body)
}

/// Asks for a mail that resets a password.
#[must_use]
pub fn forgot_password(email: &str) -> Call {
    let message = json!({"email": email});
    let body = Some(message.clone());
    call!("resido.identity.v1.AuthService", "ForgotPassword",
        POST "/v1/auth:forgotPassword", message, body)
}

/// Resets a password.
#[must_use]
pub fn reset_password(token: &str, password: &str) -> Call {
    let message = json!({"token": token, "newPassword": password});
    let body = Some(message.clone());
    call!("resido.identity.v1.AuthService", "ResetPassword",
        POST "/v1/auth:resetPassword", message, body)
}

/// Uses an activation token.
#[must_use]
pub fn register(token: &str, email: &str, password: &str) -> Call {
    let message = json!({
        "activationToken": token, "email": email, "password": password, "firstName": "Ada",
    });
    let body = Some(message.clone());
    call!("resido.identity.v1.UserService", "RegisterUser",
        POST "/v1/users:register", message, body)
}

/// Asks for a person.
#[must_use]
pub fn get_user(name: &str) -> Call {
    call!("resido.identity.v1.UserService", "GetUser",
        GET format!("/v1/{name}"), json!({"name": name}), None)
}

/// Creates a tenant.
#[must_use]
pub fn create_tenant(slug: &str, email: &str) -> Call {
    let tenant = json!({"slug": slug, "displayName": "A tenant", "contactEmail": email});
    call!("resido.tenancy.v1.TenantService", "CreateTenant",
        POST "/v1/tenants", json!({"tenant": tenant}), Some(tenant))
}

/// Finds a tenant by its slug.
#[must_use]
pub fn lookup_tenant(slug: &str) -> Call {
    call!("resido.tenancy.v1.TenantService", "LookupTenant",
        GET format!("/v1/tenants:lookup?slug={slug}"), json!({"slug": slug}), None)
}

/// Lists tenants.
#[must_use]
pub fn list_tenants() -> Call {
    call!("resido.tenancy.v1.TenantService", "ListTenants",
        GET "/v1/tenants?pageSize=5", json!({"pageSize": 5}), None)
}

/// Suspends a tenant.
#[must_use]
pub fn suspend_tenant(name: &str) -> Call {
    let message = json!({"name": name, "reason": "a test"});
    call!("resido.tenancy.v1.TenantService", "SuspendTenant",
        POST format!("/v1/{name}:suspend"), message, Some(json!({"reason": "a test"})))
}

/// Resumes a tenant.
#[must_use]
pub fn resume_tenant(name: &str) -> Call {
    call!("resido.tenancy.v1.TenantService", "ResumeTenant",
        POST format!("/v1/{name}:resume"), json!({"name": name}), Some(json!({})))
}

/// Changes fields of a tenant, those that are given.
#[must_use]
pub fn update_tenant(name: &str, fields: Value) -> Call {
    let mut tenant = fields.clone();
    tenant["name"] = json!(name);
    let keys = fields.as_object().into_iter().flat_map(|map| map.keys());
    let mask = keys.cloned().collect::<Vec<_>>().join(",");
    call!("resido.tenancy.v1.TenantService", "UpdateTenant",
        PATCH format!("/v1/{name}"), json!({"tenant": tenant, "updateMask": mask}), Some(fields))
}

/// Begins maintenance, `READ_ONLY` or `CLOSED`.
#[must_use]
pub fn start_maintenance(name: &str, mode: &str) -> Call {
    call!("resido.tenancy.v1.TenantService", "StartMaintenance",
        POST format!("/v1/{name}:startMaintenance"), json!({"name": name, "mode": mode}),
        Some(json!({"mode": mode})))
}

/// Ends maintenance.
#[must_use]
pub fn end_maintenance(name: &str) -> Call {
    call!("resido.tenancy.v1.TenantService", "EndMaintenance",
        POST format!("/v1/{name}:endMaintenance"), json!({"name": name}), Some(json!({})))
}

/// Deletes a tenant; it can be restored.
#[must_use]
pub fn delete_tenant(name: &str) -> Call {
    call!("resido.tenancy.v1.TenantService", "DeleteTenant",
        DELETE format!("/v1/{name}"), json!({"name": name}), None)
}

/// Restores a tenant.
#[must_use]
pub fn undelete_tenant(name: &str) -> Call {
    call!("resido.tenancy.v1.TenantService", "UndeleteTenant",
        POST format!("/v1/{name}:undelete"), json!({"name": name}), Some(json!({})))
}

/// Makes an API key.
#[must_use]
pub fn create_api_key(key: Value) -> Call {
    call!("resido.identity.v1.ApiKeyService", "CreateApiKey",
        POST "/v1/api-keys", json!({"apiKey": key}), Some(key))
}

/// Revokes an API key.
#[must_use]
pub fn revoke_api_key(name: &str) -> Call {
    call!("resido.identity.v1.ApiKeyService", "RevokeApiKey",
        POST format!("/v1/{name}:revoke"), json!({"name": name}), Some(json!({})))
}

/// Creates a property.
#[must_use]
pub fn create_property(property: Value) -> Call {
    call!("resido.housing.v1.HousingService", "CreateProperty",
        POST "/v1/properties", json!({"property": property}), Some(property))
}

/// Asks for a property.
#[must_use]
pub fn get_property(name: &str) -> Call {
    call!("resido.housing.v1.HousingService", "GetProperty",
        GET format!("/v1/{name}"), json!({"name": name}), None)
}

/// Lists properties.
#[must_use]
pub fn list_properties(size: u32, token: &str) -> Call {
    call!("resido.housing.v1.HousingService", "ListProperties",
        GET format!("/v1/properties?pageSize={size}&pageToken={token}"),
        json!({"pageSize": size, "pageToken": token}), None)
}

/// Renames a property.
#[must_use]
pub fn rename_property(name: &str, display_name: &str) -> Call {
    let message = json!({
        "property": {"name": name, "displayName": display_name}, "updateMask": "displayName",
    });
    call!("resido.housing.v1.HousingService", "UpdateProperty",
        PATCH format!("/v1/{name}"), message, Some(json!({"displayName": display_name})))
}

/// Deletes a property.
#[must_use]
pub fn delete_property(name: &str) -> Call {
    call!("resido.housing.v1.HousingService", "DeleteProperty",
        DELETE format!("/v1/{name}"), json!({"name": name}), None)
}

/// Creates a unit.
#[must_use]
pub fn create_unit(parent: &str, unit: Value) -> Call {
    call!("resido.housing.v1.HousingService", "CreateUnit",
        POST format!("/v1/{parent}/units"), json!({"parent": parent, "unit": unit}), Some(unit))
}

/// Lists units.
#[must_use]
pub fn list_units(parent: &str) -> Call {
    call!("resido.housing.v1.HousingService", "ListUnits",
        GET format!("/v1/{parent}/units"), json!({"parent": parent}), None)
}
