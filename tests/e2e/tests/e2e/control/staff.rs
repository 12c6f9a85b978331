//! Tenants with several people, and calls as any of them.

use std::time::Duration;

use http::Method;
use resido_e2e::{
    client::{Call, Wire, calls},
    database::Tenant,
    people::{Owner, PASSWORD, login, text},
    product::Product,
    wait,
};
use resido_proto::{
    identity::{ContextClaims, Role},
    identity_api::v1::{self as proto},
    ids::UserId,
};
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;
use tonic::Request;
use uuid::Uuid;

use super::{
    plane::{Base, Caller, Plane},
    port::{admin, message},
};

const HIRE: &str = "
    with person as (
        insert into users (id, email, password_hash)
        values ($1, $2, 'none') on conflict (id) do nothing)
    insert into memberships (user_id, tenant_id, roles, state) values ($1, $3, $4, 'active')";
/// A mail that is still to be sent.
const WAITING: &str = "select 1 from mails where invitation_id = $1";
/// What the sender of mails does, with a text that the test knows.
const PLANT: &str = "
    insert into activation_tokens
           (token_hash, tenant_id, email, roles, expire_time, invitation_id)
    select sha256($1), tenant_id, email, roles, expire_time, id from invitations where id = $2";

/// A tenant, and the first of its owners.
pub(super) struct House {
    pub(super) base: Base,
    pub(super) plane: Plane,
    pub(super) tenant: Tenant,
    pub(super) owner: UserId,
}

impl House {
    pub(super) async fn new() -> Self {
        let base = Base::new().await;
        let plane = base.plane();
        let (tenant, _) = plane.create("acme").await;
        let owner = hire(&base, tenant, UserId::new(), &["owner"]).await;
        Self {
            base,
            plane,
            tenant,
            owner,
        }
    }

    /// Makes a new person a member.
    pub(super) async fn hire(&self, roles: &[&str]) -> UserId {
        hire(&self.base, self.tenant, UserId::new(), roles).await
    }

    /// Returns a call as the owner.
    pub(super) fn owner<T>(&self, message: T) -> Request<T> {
        self.by(self.owner, &["owner"], message)
    }

    /// Returns a call as a member with these roles.
    pub(super) fn by<T>(&self, user: UserId, roles: &[&str], message: T) -> Request<T> {
        self.claiming(user, message, |claims| claims.roles = named(roles))
    }

    /// Returns a call as a member of whom something is claimed.
    pub(super) fn claiming<T>(
        &self,
        user: UserId,
        message: T,
        change: impl FnOnce(&mut ContextClaims),
    ) -> Request<T> {
        let caller = Caller::Owner(self.tenant, user);
        self.plane.request_by(caller, message, change)
    }

    /// Invites somebody as the owner.
    pub(super) async fn invite(&self, email: &str, roles: &[&str]) -> proto::Invitation {
        let invite = proto::InviteUserRequest {
            email: email.into(),
            roles: texts(roles),
            validity: None,
        };
        let invite = self.owner(invite);
        let invited = self.plane.users().invite_user(invite).await;
        invited.unwrap().into_inner()
    }

    /// Makes a token of an invitation, as if it had been sent.
    pub(super) async fn plant(&self, invitation: &proto::Invitation) -> String {
        plant(&self.base.admin, &invitation.name).await
    }

    pub(super) async fn epoch(&self, user: UserId) -> i64 {
        let epoch = "select epoch from memberships where tenant_id = $1 and user_id = $2";
        let values: [&(dyn ToSql + Sync); 2] = [&self.tenant.id.as_uuid(), &user.as_uuid()];
        let row = self.base.admin.query_one(epoch, &values).await;
        row.unwrap().get(0)
    }

    /// Returns the actions of the record, in order.
    pub(super) async fn record(&self) -> Vec<String> {
        let actions = "select action from audit_log where tenant_id = $1 order by id";
        let id = self.tenant.id.as_uuid();
        let rows = self.base.admin.query(actions, &[&id]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// Makes a person a member of a tenant.
pub(super) async fn hire(base: &Base, tenant: Tenant, user: UserId, roles: &[&str]) -> UserId {
    let email = format!("{}@acme.example", user.as_uuid().simple());
    let (user_id, tenant_id) = (user.as_uuid(), tenant.id.as_uuid());
    let values: [&(dyn ToSql + Sync); 4] = [&user_id, &email, &tenant_id, &roles];
    base.admin.execute(HIRE, &values).await.unwrap();
    user
}

/// Makes a token of an invitation, as if it had been sent: in place of the one
/// that was.
pub(super) async fn plant(admin: &tokio_postgres::Client, name: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let (left, right) = (Uuid::new_v4(), Uuid::new_v4());
    let bytes = [*left.as_bytes(), *right.as_bytes()].concat();
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let id: Uuid = name.strip_prefix("invitations/").unwrap().parse().unwrap();
    let sent = || async { admin.query_opt(WAITING, &[&id]).await.unwrap().is_none() };
    assert!(wait::until(Duration::from_secs(20), sent).await, "unsent");
    let planted = admin.execute(PLANT, &[&token.as_bytes(), &id]).await;
    assert_eq!(planted.unwrap(), 1);
    token
}

/// A call of the user service, in both spellings.
pub(super) fn user_call(method: &'static str, verb: Method, uri: &str, message: Value) -> Call {
    let body = (verb != Method::GET && verb != Method::DELETE).then(|| {
        let mut body = message.clone();
        if let Some(body) = body.as_object_mut() {
            body.remove("name");
        }
        body
    });
    Call {
        path: method,
        message,
        verb,
        uri: uri.to_owned(),
        body,
    }
}

/// Returns a call that sets a member's roles.
pub(super) fn set_roles(name: &str, roles: &[&str]) -> Call {
    let message = json!({"name": name, "roles": roles});
    let uri = format!("/v1/{name}:setRoles");
    user_call(
        "/resido.identity.v1.UserService/SetRoles",
        Method::POST,
        &uri,
        message,
    )
}

/// Makes a person a member of an owner's tenant by the product's port, and returns
/// the person's name and access token.
pub(super) async fn joined(product: &Product, owner: &Owner, roles: &[&str]) -> (String, String) {
    let email = format!("m-{}@{}.example", Uuid::new_v4().simple(), owner.slug);
    let invite = json!({"email": email, "roles": roles});
    let path = "/resido.identity.v1.UserService/InviteUser";
    let invite = user_call(path, Method::POST, "/v1/users:invite", invite);
    let by = product.owner_client(owner, Wire::Rest).unwrap();
    let invitation = message(&by, &invite).await;
    let token = plant(&admin(product).await, &text(&invitation, "/name").unwrap()).await;
    let nobody = product.client(Wire::Rest);
    let user = message(&nobody, &calls::register(&token, &email, PASSWORD)).await;
    let token = login(&nobody, &email, PASSWORD).await.unwrap();
    (text(&user, "/name").unwrap(), token)
}

pub(super) fn named(roles: &[&str]) -> Vec<Role> {
    roles.iter().map(|name| Role::named(*name)).collect()
}

pub(super) fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}
