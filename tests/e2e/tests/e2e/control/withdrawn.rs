//! What somebody gave ends when they may give it no more.

use std::collections::BTreeSet;

use resido_e2e::{
    client::{Wire, calls},
    people::text,
};
use resido_proto::{
    identity::{Role, Subject},
    identity_api::v1::{
        self as proto, CreateApiKeyRequest, CreateRoleRequest, DeactivateUserRequest,
        DeleteUserRequest, InviteUserRequest, RegisterUserRequest, RevokeApiKeyRequest,
        RotateApiKeyRequest, SetRolesRequest, UpdateRoleRequest,
        api_key_service_client::ApiKeyServiceClient,
    },
    ids::UserId,
    tenancy::v1::watch_tenants_response::Event,
};
use serde_json::json;

use super::{
    lowered::refused_within_a_second,
    plane::{Caller, reason},
    port::{message, product},
    staff::{House, joined, named, set_roles, texts},
    stream::Watch,
};

/// Somebody who gives, as what they are.
struct Giver {
    id: UserId,
    roles: &'static [&'static str],
    grants: &'static [&'static str],
}

impl Giver {
    async fn new(house: &House, roles: &'static [&'static str]) -> Self {
        Self {
            id: house.hire(roles).await,
            roles,
            grants: &[],
        }
    }

    /// Makes a key, which is called after its role.
    async fn key(&self, house: &House, role: &str, scopes: &[&str]) -> String {
        let create = CreateApiKeyRequest {
            api_key: Some(proto::ApiKey {
                display_name: role.into(),
                roles: texts(&[role]),
                scopes: texts(scopes),
                ..Default::default()
            }),
        };
        let create = house.claiming(self.id, create, |claims| {
            claims.roles = named(self.roles);
            claims.grants = texts(self.grants);
        });
        let mut keys = ApiKeyServiceClient::new(house.plane.door());
        let made = keys.create_api_key(create).await.unwrap();
        made.into_inner().api_key.unwrap().name
    }

    /// Gets a new secret of a key; the old one works still for as long.
    async fn rotate(&self, house: &House, key: &str, seconds: i64) {
        let rotate = RotateApiKeyRequest {
            name: key.to_owned(),
            overlap: Some(prost_types::Duration { seconds, nanos: 0 }),
        };
        let rotate = house.by(self.id, self.roles, rotate);
        let mut keys = ApiKeyServiceClient::new(house.plane.door());
        keys.rotate_api_key(rotate).await.unwrap();
    }

    /// Invites somebody whose address begins with the role.
    async fn invite(&self, house: &House, role: &str) -> proto::Invitation {
        self.invite_by(house, role, Subject::User(self.id)).await
    }

    async fn invite_by(&self, house: &House, role: &str, by: Subject) -> proto::Invitation {
        let invite = InviteUserRequest {
            email: format!("{role}-{}@acme.example", self.id.as_uuid().simple()),
            roles: texts(&[role]),
            validity: None,
        };
        let invite = house.claiming(self.id, invite, |claims| {
            claims.sub = by;
            claims.roles = named(self.roles);
            claims.grants = texts(self.grants);
        });
        let invited = house.plane.users().invite_user(invite).await;
        invited.unwrap().into_inner()
    }
}

/// Returns the roles of the keys that work and of the open invitations.
async fn left(house: &House) -> (Vec<String>, Vec<String>) {
    let of = |sql: &'static str| async move {
        let rows = house.base.admin.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let keys = "select roles[1] from api_keys where revoke_time is null order by 1";
    let open = "select roles[1] from invitations where state = 'open' order by 1";
    (of(keys).await, of(open).await)
}

async fn demote(house: &House, giver: &Giver, roles: &[&str]) {
    let set = house.owner(SetRolesRequest {
        name: giver.id.resource_name(),
        roles: texts(roles),
        etag: String::new(),
    });
    house.plane.users().set_roles(set).await.unwrap();
}

/// Makes a role, as the owner.
async fn role(house: &House, id: &str, permissions: &[&str]) {
    let create = house.owner(CreateRoleRequest {
        role: Some(proto::Role {
            display_name: "A role".into(),
            permissions: texts(permissions),
            ..Default::default()
        }),
        role_id: id.into(),
    });
    house.plane.roles().create_role(create).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_demoted_leaves_what_they_may_still_give() {
    let house = House::new().await;
    let giver = Giver::new(&house, &["owner"]).await;
    let other = Giver::new(&house, &["owner"]).await;
    let ended = giver.key(&house, "owner", &[]).await;
    giver.key(&house, "admin", &["units.read"]).await;
    other.key(&house, "owner", &[]).await;
    let offer = giver.invite(&house, "owner").await;
    giver.invite(&house, "admin").await;
    other.invite(&house, "owner").await;
    let token = house.plant(&offer).await;
    let mut watch = Watch::ready(&house.plane).await;
    demote(&house, &giver, &["admin"]).await;
    let (keys, open) = left(&house).await;
    assert_eq!(
        (keys, open),
        (texts(&["admin", "owner"]), texts(&["admin", "owner"]))
    );
    // Gateways hear of the key, and nobody comes in by the invitation.
    loop {
        if let Event::ApiKey(change) = watch.next().await {
            assert_eq!(format!("api-keys/{}", change.id), ended);
            break;
        }
    }
    let register = RegisterUserRequest {
        activation_token: token,
        email: offer.email.clone(),
        password: resido_e2e::people::PASSWORD.into(),
        ..Default::default()
    };
    let register = house.plane.request(Caller::Anonymous, register);
    let refused = house.plane.users().register_user(register).await;
    assert_eq!(reason(&refused.unwrap_err()), "ACTIVATION_TOKEN_INVALID");
    let record = "
        select resource from audit_log
         where action in ('api-keys.revoke', 'invitations.revoke') and actor = $1";
    let by = house.owner.resource_name();
    let rows = house.base.admin.query(record, &[&by]).await.unwrap();
    let recorded: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(recorded, BTreeSet::from([ended, offer.name]));
    // One who may give nothing leaves nothing.
    demote(&house, &giver, &["member"]).await;
    let (keys, open) = left(&house).await;
    assert_eq!((keys, open), (texts(&["owner"]), texts(&["owner"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_kept_out_or_removed_leaves_nothing() {
    let house = House::new().await;
    for remove in [false, true] {
        let giver = Giver::new(&house, &["admin"]).await;
        let key = giver.key(&house, "viewer", &[]).await;
        giver.invite(&house, "viewer").await;
        // What their keys offered is theirs as well.
        let id = key.strip_prefix("api-keys/").unwrap().to_owned();
        giver.invite_by(&house, "member", Subject::ApiKey(id)).await;
        assert_eq!(left(&house).await.1, ["member", "viewer"]);
        let (name, etag) = (giver.id.resource_name(), String::new());
        if remove {
            let delete = house.owner(DeleteUserRequest { name, etag });
            house.plane.users().delete_user(delete).await.unwrap();
        } else {
            let deactivate = house.owner(DeactivateUserRequest { name });
            let mut users = house.plane.users();
            users.deactivate_user(deactivate).await.unwrap();
        }
        assert_eq!(left(&house).await, (vec![], vec![]), "{remove}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_rotated_a_key_leaves_no_secret_behind() {
    let house = House::new().await;
    let maker = Giver::new(&house, &["owner"]).await;
    for (overlap, again, works) in [(0, false, false), (600, true, false), (0, true, true)] {
        let giver = Giver::new(&house, &["admin"]).await;
        let key = maker.key(&house, "admin", &[]).await;
        giver.rotate(&house, &key, 0).await;
        let id = key.strip_prefix("api-keys/").unwrap().to_owned();
        giver.invite_by(&house, "viewer", Subject::ApiKey(id)).await;
        if again {
            // The giver's is the old secret now.
            maker.rotate(&house, &key, overlap).await;
        }
        demote(&house, &giver, &["member"]).await;
        let (keys, open) = left(&house).await;
        assert_eq!(!keys.is_empty(), works, "{overlap} {again}");
        assert_eq!(open, [""; 0], "{overlap} {again}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_revoked_leaves_no_invitation() {
    let house = House::new().await;
    let giver = Giver::new(&house, &["owner"]).await;
    let key = giver.key(&house, "admin", &[]).await;
    let id = key.strip_prefix("api-keys/").unwrap().to_owned();
    let by = Subject::ApiKey(id);
    let offer = giver.invite_by(&house, "viewer", by.clone()).await;
    giver.invite(&house, "member").await;
    let token = house.plant(&offer).await;
    let name = key.clone();
    let revoke = house.owner(RevokeApiKeyRequest { name });
    let mut keys = ApiKeyServiceClient::new(house.plane.door());
    keys.revoke_api_key(revoke).await.unwrap();
    assert_eq!(left(&house).await, (vec![], texts(&["member"])));
    let register = RegisterUserRequest {
        activation_token: token,
        email: offer.email,
        password: resido_e2e::people::PASSWORD.into(),
        ..Default::default()
    };
    let register = house.plane.request(Caller::Anonymous, register);
    let refused = house.plane.users().register_user(register).await;
    assert_eq!(reason(&refused.unwrap_err()), "ACTIVATION_TOKEN_INVALID");
    assert!(house.record().await.contains(&"invitations.revoke".into()));
    // Nor does it make another, though a gateway may not have heard yet.
    let late = InviteUserRequest {
        email: "late@acme.example".into(),
        roles: texts(&["viewer"]),
        validity: None,
    };
    let late = house.claiming(giver.id, late, |claims| {
        claims.sub = by;
        claims.roles = named(giver.roles);
    });
    let refused = house.plane.users().invite_user(late).await;
    assert_eq!(reason(&refused.unwrap_err()), "ROLE_REQUIRED");
    // With a key that its maker may give no more end its invitations, too.
    let key = giver.key(&house, "owner", &[]).await;
    let id = key.strip_prefix("api-keys/").unwrap().to_owned();
    giver.invite_by(&house, "viewer", Subject::ApiKey(id)).await;
    demote(&house, &giver, &["admin"]).await;
    assert_eq!(left(&house).await, (vec![], texts(&["member"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_permits_more_ends_what_was_given_by_who_may_not_give_that() {
    let house = House::new().await;
    role(&house, "reader", &["units.read"]).await;
    let clerk = &["api-keys.write", "units.read", "users.write"];
    role(&house, "clerk", clerk).await;
    let giver = Giver {
        grants: clerk,
        ..Giver::new(&house, &["clerk"]).await
    };
    let admin = Giver::new(&house, &["admin"]).await;
    for by in [&giver, &admin] {
        by.key(&house, "reader", &[]).await;
        by.invite(&house, "reader").await;
    }
    let key = giver.key(&house, "clerk", &[]).await;
    let id = key.strip_prefix("api-keys/").unwrap().to_owned();
    giver.invite_by(&house, "reader", Subject::ApiKey(id)).await;
    let update = UpdateRoleRequest {
        role: Some(proto::Role {
            name: "roles/reader".into(),
            permissions: texts(&["units.read", "units.write"]),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: texts(&["permissions"]),
        }),
    };
    let mut roles = house.plane.roles();
    roles.update_role(house.owner(update)).await.unwrap();
    let rest = (texts(&["clerk", "reader"]), texts(&["reader"]));
    assert_eq!(left(&house).await, rest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_permits_less_ends_what_its_holders_gave_by_it() {
    let house = House::new().await;
    role(&house, "reader", &["units.read"]).await;
    role(&house, "writer", &["units.write"]).await;
    let clerk = &["api-keys.write", "units.read", "units.write", "users.write"];
    role(&house, "clerk", clerk).await;
    let giver = Giver {
        grants: clerk,
        ..Giver::new(&house, &["clerk"]).await
    };
    for role in ["reader", "writer"] {
        giver.key(&house, role, &[]).await;
        giver.invite(&house, role).await;
    }
    let update = |permissions: &[&str]| UpdateRoleRequest {
        role: Some(proto::Role {
            name: "roles/clerk".into(),
            permissions: texts(permissions),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: texts(&["permissions"]),
        }),
    };
    let widened = update(&[clerk, &["leases.read"][..]].concat());
    let mut roles = house.plane.roles();
    roles.update_role(house.owner(widened)).await.unwrap();
    let both = texts(&["reader", "writer"]);
    assert_eq!(left(&house).await, (both.clone(), both));
    let narrowed = update(&["api-keys.write", "units.read", "users.write"]);
    roles.update_role(house.owner(narrowed)).await.unwrap();
    assert_eq!(left(&house).await, (texts(&["reader"]), texts(&["reader"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_somebody_demoted_is_refused_within_a_second() {
    let product = product().await;
    let owner = product.owner().await.unwrap();
    let by = product.owner_client(&owner, Wire::Rest).unwrap();
    for wire in Wire::ALL {
        let (name, token) = joined(product, &owner, &["admin"]).await;
        let admin = product.client(wire).token(&token).unwrap();
        let key = calls::create_api_key(json!({"displayName": "k", "roles": ["member"]}));
        let made = message(&admin, &key).await;
        let secret = text(&made, "/secret").unwrap();
        let program = product.client(wire).header("x-api-key", &secret).unwrap();
        let list = calls::list_properties(1, "");
        message(&program, &list).await;
        message(&by, &set_roles(&name, &["viewer"])).await;
        refused_within_a_second(&program, &list, "CREDENTIAL_INVALID").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owners_key_makes_no_owners() {
    let house = House::new().await;
    let giver = Giver::new(&house, &["owner"]).await;
    let key = giver.key(&house, "owner", &[]).await;
    let invite = |role: &str| {
        let id = key.strip_prefix("api-keys/").unwrap().to_owned();
        let invite = InviteUserRequest {
            email: format!("{role}@acme.example"),
            roles: texts(&[role]),
            validity: None,
        };
        let invite = house.claiming(house.owner, invite, |claims| {
            claims.sub = Subject::ApiKey(id);
            claims.roles = vec![Role::OWNER];
        });
        let mut users = house.plane.users();
        async move { users.invite_user(invite).await }
    };
    let refused = invite("owner").await.unwrap_err();
    assert_eq!(reason(&refused), "ROLE_REQUIRED");
    invite("admin").await.unwrap();
}
