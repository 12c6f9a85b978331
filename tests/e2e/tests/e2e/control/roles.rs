//! Roles that a tenant makes for itself.

use resido_proto::{
    identity_api::v1::{
        self as proto, CreateRoleRequest, DeleteRoleRequest, GetRoleRequest, ListRolesRequest,
        RevokeInvitationRequest, SetRolesRequest, UpdateRoleRequest,
    },
    ids::UserId,
    tenancy::v1::watch_tenants_response::Event,
};
use tonic_types::StatusExt as _;

use super::{
    plane::{Answer, Caller, reason},
    staff::{House, named, texts},
    stream::Watch,
};

fn draft(id: &str, permissions: &[&str]) -> CreateRoleRequest {
    CreateRoleRequest {
        role: Some(proto::Role {
            display_name: "A role".into(),
            permissions: texts(permissions),
            ..Default::default()
        }),
        role_id: id.into(),
    }
}

async fn create(house: &House, id: &str, permissions: &[&str]) -> Answer<proto::Role> {
    let create = house.owner(draft(id, permissions));
    house.plane.roles().create_role(create).await
}

async fn update(house: &House, who: UserId, role: &str, to: &[&str]) -> Answer<proto::Role> {
    let update = UpdateRoleRequest {
        role: Some(proto::Role {
            name: "roles/clerk".into(),
            permissions: texts(to),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: texts(&["permissions"]),
        }),
    };
    let update = house.by(who, &[role], update);
    house.plane.roles().update_role(update).await
}

async fn delete(house: &House, id: &str, etag: &str) -> Answer<()> {
    let (name, etag) = (format!("roles/{id}"), etag.to_owned());
    let delete = house.owner(DeleteRoleRequest { name, etag });
    house.plane.roles().delete_role(delete).await
}

async fn list(house: &House, size: i32) -> Vec<String> {
    let (mut names, mut token) = (Vec::new(), String::new());
    loop {
        let list = house.owner(ListRolesRequest {
            page_size: size,
            page_token: token,
        });
        let page = house
            .plane
            .roles()
            .list_roles(list)
            .await
            .unwrap()
            .into_inner();
        names.extend(page.roles.into_iter().map(|role| role.name));
        token = page.next_page_token;
        if token.is_empty() {
            return names;
        }
    }
}

fn refused<T: std::fmt::Debug>(answer: Answer<T>) -> String {
    reason(&answer.unwrap_err())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_made_found_changed_and_deleted() {
    let house = House::new().await;
    let made = create(&house, "clerk", &["units.read", "leases.read"]).await;
    let made = made.unwrap().into_inner();
    assert_eq!(made.name, "roles/clerk");
    assert_eq!(made.permissions, ["leases.read", "units.read"]);
    assert_eq!(
        refused(create(&house, "clerk", &["units.read"]).await),
        "RESOURCE_EXISTS"
    );
    let name = made.name.clone();
    let get = house.owner(GetRoleRequest { name });
    let got = house
        .plane
        .roles()
        .get_role(get)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(got, made);
    create(&house, "janitor", &["units.read"]).await.unwrap();
    create(&house, "guard", &["units.read"]).await.unwrap();
    for size in [0, 1, 2] {
        let expected = ["roles/clerk", "roles/janitor", "roles/guard"];
        assert_eq!(list(&house, size).await, expected, "{size}");
    }
    let changed = update(&house, house.owner, "owner", &["units.write"]).await;
    let changed = changed.unwrap().into_inner();
    assert_eq!(changed.permissions, ["units.write"]);
    assert_eq!(changed.display_name, made.display_name);
    assert_eq!(
        refused(delete(&house, "clerk", &made.etag).await),
        "ETAG_MISMATCH"
    );
    delete(&house, "clerk", &changed.etag).await.unwrap();
    assert_eq!(
        refused(delete(&house, "clerk", "").await),
        "RESOURCE_NOT_FOUND"
    );
    assert_eq!(
        refused(delete(&house, "owner", "").await),
        "RESOURCE_NOT_FOUND"
    );
    let record = house.record().await;
    let expected = ["roles.create", "roles.update", "roles.delete"];
    for action in expected {
        assert!(record.iter().any(|done| done == action), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_of_another_tenant_do_not_exist() {
    let house = House::new().await;
    create(&house, "clerk", &["units.read"]).await.unwrap();
    let (elsewhere, _) = house.plane.create("globex").await;
    let other = Caller::Owner(elsewhere, UserId::new());
    let name = "roles/clerk".to_owned();
    let get = house.plane.request(other, GetRoleRequest { name });
    let answer = house.plane.roles().get_role(get).await;
    assert_eq!(refused(answer), "RESOURCE_NOT_FOUND");
    // A name is taken in its own tenant alone; nor can it be given elsewhere.
    let create = house.plane.request(other, draft("clerk", &["units.read"]));
    house.plane.roles().create_role(create).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_makes_or_gives_a_role_beyond_their_own() {
    let house = House::new().await;
    let admin = house.hire(&["admin"]).await;
    let clerk = house.hire(&["member"]).await;
    let by_admin = |request| house.by(admin, &["admin"], request);
    let create_as_admin = by_admin(draft("spy", &["tenants.read"]));
    let answer = house.plane.roles().create_role(create_as_admin).await;
    assert_eq!(refused(answer), "ROLE_REQUIRED");
    create(&house, "spy", &["tenants.read"]).await.unwrap();
    let clerk_role = by_admin(draft("clerk", &["units.read"]));
    house.plane.roles().create_role(clerk_role).await.unwrap();
    let widened = update(&house, admin, "admin", &["tenants.read"]).await;
    assert_eq!(refused(widened), "ROLE_REQUIRED");
    let give = |role: &str| SetRolesRequest {
        name: clerk.resource_name(),
        roles: texts(&[role]),
        etag: String::new(),
    };
    let spy = house.by(admin, &["admin"], give("spy"));
    let answer = house.plane.users().set_roles(spy).await;
    assert_eq!(refused(answer), "ROLE_REQUIRED");
    let given = house.by(admin, &["admin"], give("clerk"));
    house.plane.users().set_roles(given).await.unwrap();
    // Who writes roles by a role of the tenant's own gives what they have.
    let holder = |request| {
        house.claiming(clerk, request, |claims| {
            claims.roles = named(&["clerk"]);
            claims.grants = texts(&["roles.write", "units.read"]);
        })
    };
    let mut roles = house.plane.roles();
    let more = holder(draft("more", &["units.write"]));
    assert_eq!(refused(roles.create_role(more).await), "ROLE_REQUIRED");
    let same = holder(draft("same", &["units.read"]));
    roles.create_role(same).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_could_not_give_a_role_neither_renames_nor_deletes_it() {
    let house = House::new().await;
    let admin = house.hire(&["admin"]).await;
    create(&house, "spy", &["tenants.read"]).await.unwrap();
    let rename = |who: UserId, role: &str| {
        let rename = UpdateRoleRequest {
            role: Some(proto::Role {
                name: "roles/spy".into(),
                display_name: "Harmless".into(),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: texts(&["display_name"]),
            }),
        };
        let rename = house.by(who, &[role], rename);
        let mut roles = house.plane.roles();
        async move { roles.update_role(rename).await }
    };
    assert_eq!(refused(rename(admin, "admin").await), "ROLE_REQUIRED");
    rename(house.owner, "owner").await.unwrap();
    let (name, etag) = ("roles/spy".to_owned(), String::new());
    let gone = house.by(admin, &["admin"], DeleteRoleRequest { name, etag });
    let answer = house.plane.roles().delete_role(gone).await;
    assert_eq!(refused(answer), "ROLE_REQUIRED");
    delete(&house, "spy", "").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slip_of_the_pen_is_no_permission() {
    let house = House::new().await;
    let slip = create(&house, "clerk", &["units.read", "units.raed"]).await;
    let slip = slip.unwrap_err();
    let details = slip.get_error_details();
    let faults = &details.bad_request().unwrap().field_violations;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].field, "role.permissions");
    assert!(faults[0].description.contains("`units.raed`"), "{faults:?}");
    // Other services have others.
    create(&house, "clerk", &["units.read", "tickets.write"])
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_changes_voids_its_holders_tokens() {
    let house = House::new().await;
    create(&house, "clerk", &["units.read", "units.write"])
        .await
        .unwrap();
    let holders = [
        house.hire(&["clerk"]).await,
        house.hire(&["viewer", "clerk"]).await,
    ];
    let other = house.hire(&["viewer"]).await;
    let before = [house.epoch(holders[0]).await, house.epoch(holders[1]).await];
    let others = house.epoch(other).await;
    let mut watch = Watch::ready(&house.plane).await;
    update(&house, house.owner, "owner", &["units.read"])
        .await
        .unwrap();
    let mut told = Vec::new();
    while told.len() < 2 {
        if let Event::Membership(membership) = watch.next().await {
            told.push((membership.user_id, membership.epoch));
        }
    }
    for (holder, before) in holders.into_iter().zip(before) {
        let epoch = house.epoch(holder).await;
        assert!(epoch > before);
        assert!(told.contains(&(holder.to_string(), epoch)), "{told:?}");
    }
    assert_eq!(house.epoch(other).await, others);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_somebody_has_or_is_to_have_stays() {
    let house = House::new().await;
    create(&house, "clerk", &["units.read"]).await.unwrap();
    let holder = house.hire(&["clerk", "viewer"]).await;
    assert_eq!(refused(delete(&house, "clerk", "").await), "ROLE_IN_USE");
    let set = house.owner(SetRolesRequest {
        name: holder.resource_name(),
        roles: texts(&["viewer"]),
        etag: String::new(),
    });
    house.plane.users().set_roles(set).await.unwrap();
    let invitation = house.invite("new@acme.example", &["clerk"]).await;
    assert_eq!(refused(delete(&house, "clerk", "").await), "ROLE_IN_USE");
    let name = invitation.name;
    let revoke = house.owner(RevokeInvitationRequest { name });
    house.plane.users().revoke_invitation(revoke).await.unwrap();
    delete(&house, "clerk", "").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_has_a_hundred_roles_at_most() {
    let house = House::new().await;
    let fill = "
        insert into roles (tenant_id, id, display_name, permissions)
        select id, 'role-' || n, 'A role', array['units.read']
          from tenants, generate_series(1, 100) n";
    assert_eq!(house.base.sql(fill).await, 100);
    let answer = create(&house, "clerk", &["units.read"]).await;
    assert_eq!(refused(answer), "LIMIT_REACHED");
    delete(&house, "role-1", "").await.unwrap();
    create(&house, "clerk", &["units.read"]).await.unwrap();
}
