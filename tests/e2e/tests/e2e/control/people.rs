//! Members are changed by who may, and a tenant never loses its last owner.

use futures_util::future::join;
use resido_proto::{
    identity::{ContextClaims, Subject},
    identity_api::v1::{
        self as proto, ActivateUserRequest, DeactivateUserRequest, DeleteUserRequest,
        GetUserRequest, ListUsersRequest, SetRolesRequest, UpdateUserRequest, user::State,
    },
    ids::UserId,
    tenancy::v1::watch_tenants_response::Event,
};

use super::{
    plane::{Answer, reason},
    staff::{House, hire, named, texts},
    stream::Watch,
};

async fn set(
    house: &House,
    who: (UserId, &str),
    user: UserId,
    roles: &[&str],
) -> Answer<proto::User> {
    let set = SetRolesRequest {
        name: user.resource_name(),
        roles: texts(roles),
        etag: String::new(),
    };
    let set = house.by(who.0, &[who.1], set);
    house.plane.users().set_roles(set).await
}

async fn deactivate(house: &House, who: (UserId, &str), user: UserId) -> Answer<proto::User> {
    let name = user.resource_name();
    let call = house.by(who.0, &[who.1], DeactivateUserRequest { name });
    house.plane.users().deactivate_user(call).await
}

async fn activate(house: &House, who: (UserId, &str), user: UserId) -> Answer<proto::User> {
    let name = user.resource_name();
    let call = house.by(who.0, &[who.1], ActivateUserRequest { name });
    house.plane.users().activate_user(call).await
}

async fn delete(house: &House, who: (UserId, &str), user: UserId) -> Answer<()> {
    let (name, etag) = (user.resource_name(), String::new());
    let call = house.by(who.0, &[who.1], DeleteUserRequest { name, etag });
    house.plane.users().delete_user(call).await
}

fn refused<T: std::fmt::Debug>(answer: Answer<T>) -> String {
    reason(&answer.unwrap_err())
}

async fn owners(house: &House) -> i64 {
    let owners = "
        select count(*) from memberships where state = 'active' and roles @> array['owner']";
    house.base.count(owners).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_owner_stays() {
    let house = House::new().await;
    let me = (house.owner, "owner");
    // One who cannot log in is none.
    let other = house.hire(&["owner", "member"]).await;
    deactivate(&house, me, other).await.unwrap();
    assert_eq!(
        refused(deactivate(&house, me, house.owner).await),
        "LAST_OWNER"
    );
    assert_eq!(
        refused(set(&house, me, house.owner, &["admin"]).await),
        "LAST_OWNER"
    );
    assert_eq!(refused(delete(&house, me, house.owner).await), "LAST_OWNER");
    assert_eq!(owners(&house).await, 1);
    // More roles are no fewer, and with another owner anybody may go.
    set(&house, me, house.owner, &["owner", "viewer"])
        .await
        .unwrap();
    let back = activate(&house, me, other).await.unwrap().into_inner();
    assert_eq!(back.state(), State::Active);
    delete(&house, me, house.owner).await.unwrap();
    assert_eq!(owners(&house).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gives_roles_back_that_they_may_not_give() {
    let house = House::new().await;
    let me = (house.owner, "owner");
    let (other, inside) = (house.hire(&["owner"]).await, house.hire(&["owner"]).await);
    deactivate(&house, me, other).await.unwrap();
    let by = async |user: UserId, change: fn(&mut ContextClaims)| {
        let name = user.resource_name();
        let call = ActivateUserRequest { name };
        let call = house.claiming(house.owner, call, |claims| {
            claims.roles = named(&["owner"]);
            change(claims);
        });
        house.plane.users().activate_user(call).await
    };
    let narrowed = |claims: &mut ContextClaims| claims.perm = Some(texts(&["users.write"]));
    let key = |claims: &mut ContextClaims| claims.sub = Subject::ApiKey("0".into());
    for change in [narrowed as fn(&mut ContextClaims), key] {
        assert_eq!(refused(by(other, change).await), "ROLE_REQUIRED");
        // Who is in is given nothing.
        by(inside, change).await.unwrap();
    }
    assert_eq!(owners(&house).await, 2);
    activate(&house, me, other).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_owners_who_remove_each_other_one_stays() {
    let house = House::new().await;
    let mut one = house.owner;
    for round in 0..10 {
        let two = house.hire(&["owner"]).await;
        let (first, second) = if round % 2 == 0 {
            let removals = (
                delete(&house, (one, "owner"), two),
                delete(&house, (two, "owner"), one),
            );
            let (first, second) = join(removals.0, removals.1).await;
            (first.map(drop), second.map(drop))
        } else {
            let first = set(&house, (one, "owner"), two, &["viewer"]);
            let second = deactivate(&house, (two, "owner"), one);
            let (first, second) = join(first, second).await;
            (first.map(drop), second.map(drop))
        };
        assert_ne!(first.is_ok(), second.is_ok(), "round {round}");
        let loser = first.and(second).unwrap_err();
        assert_eq!(reason(&loser), "LAST_OWNER", "round {round}");
        assert_eq!(owners(&house).await, 1, "round {round}");
        let left = "
            select user_id from memberships where state = 'active' and roles @> array['owner']";
        let left = house.base.admin.query_one(left, &[]).await.unwrap();
        one = UserId::from_uuid(left.get(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_neither_touch_nor_make_owners() {
    let house = House::new().await;
    let admin = house.hire(&["admin"]).await;
    let member = house.hire(&["member"]).await;
    let me = (admin, "admin");
    let second = house.hire(&["owner"]).await;
    assert_eq!(
        refused(deactivate(&house, me, second).await),
        "ROLE_REQUIRED"
    );
    assert_eq!(
        refused(set(&house, me, second, &["viewer"]).await),
        "ROLE_REQUIRED"
    );
    assert_eq!(refused(delete(&house, me, second).await), "ROLE_REQUIRED");
    assert_eq!(
        refused(set(&house, me, member, &["owner"]).await),
        "ROLE_REQUIRED"
    );
    assert_eq!(
        refused(set(&house, me, admin, &["owner"]).await),
        "ROLE_REQUIRED"
    );
    assert_eq!(
        refused(set(&house, me, member, &["boss"]).await),
        "REQUEST_INVALID"
    );
    let raised = set(&house, me, member, &["admin"])
        .await
        .unwrap()
        .into_inner();
    assert_eq!(raised.roles, ["admin"]);
    for call in [
        refused(deactivate(&house, (member, "member"), admin).await),
        refused(set(&house, (member, "viewer"), member, &["admin"]).await),
    ] {
        assert_eq!(call, "ROLE_REQUIRED");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_voids_the_tokens_of_before() {
    let house = House::new().await;
    let me = (house.owner, "owner");
    let member = house.hire(&["member"]).await;
    let mut watch = Watch::ready(&house.plane).await;
    let mut last = house.epoch(member).await;
    set(&house, me, member, &["viewer"]).await.unwrap();
    let lowered = house.epoch(member).await;
    assert!(lowered > last);
    last = lowered;
    // What changes nothing voids nothing.
    set(&house, me, member, &["viewer"]).await.unwrap();
    activate(&house, me, member).await.unwrap();
    assert_eq!(house.epoch(member).await, last);
    deactivate(&house, me, member).await.unwrap();
    activate(&house, me, member).await.unwrap();
    let back = house.epoch(member).await;
    assert!(back > last);
    delete(&house, me, member).await.unwrap();
    hire(&house.base, house.tenant, member, &["viewer"]).await;
    assert!(house.epoch(member).await > back);
    let mut told = Vec::new();
    while told.len() < 4 {
        if let Event::Membership(membership) = watch.next().await {
            assert_eq!(membership.user_id, member.to_string());
            told.push(membership.epoch);
        }
    }
    let record = house.record().await;
    let expected = texts(&[
        "users.set_roles",
        "users.deactivate",
        "users.activate",
        "users.delete",
    ]);
    assert!(record.ends_with(&expected), "{record:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_belongs_nowhere_else_is_forgotten() {
    let house = House::new().await;
    let me = (house.owner, "owner");
    let gone = house.hire(&["viewer"]).await;
    let stays = house.hire(&["viewer"]).await;
    let staff = house.hire(&["viewer"]).await;
    let (elsewhere, _) = house.plane.create("globex").await;
    hire(&house.base, elsewhere, stays, &["viewer"]).await;
    let grant = format!(
        "insert into platform_roles (user_id, roles) values ('{staff}', array['platform_support'])"
    );
    house.base.sql(&grant).await;
    let mut watch = Watch::ready(&house.plane).await;
    for user in [gone, stays, staff] {
        delete(&house, me, user).await.unwrap();
        assert_eq!(
            refused(delete(&house, me, user).await),
            "RESOURCE_NOT_FOUND"
        );
        let Event::Membership(told) = watch.next().await else {
            panic!("nobody is told")
        };
        assert_eq!((told.user_id, told.epoch), (user.to_string(), i64::MAX));
        let there = format!("select count(*) from users where id = '{user}'");
        let expected = i64::from(user != gone);
        assert_eq!(house.base.count(&there).await, expected);
    }
    // The record names them by number alone.
    let rows = "
        select count(*) from audit_log
         where action = 'users.delete' and resource like 'users/%'
           and (before::text || after::text) not like '%@%'";
    assert_eq!(house.base.count(rows).await, 3);
    // A gateway that comes later hears of them as well.
    let whole = Watch::open(&house.plane, 0).await.whole().await;
    let told = whole.memberships.iter();
    let told = told.filter(|told| told.epoch == i64::MAX).count();
    assert_eq!(told, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etag_refuses_lost_updates() {
    let house = House::new().await;
    let member = house.hire(&["member"]).await;
    let me = (house.owner, "owner");
    let name = member.resource_name();
    let get = house.owner(GetUserRequest { name: name.clone() });
    let old = house
        .plane
        .users()
        .get_user(get)
        .await
        .unwrap()
        .into_inner();
    set(&house, me, member, &["viewer"]).await.unwrap();
    let roles = texts(&["admin"]);
    let stale = house.owner(SetRolesRequest {
        name: name.clone(),
        roles,
        etag: old.etag.clone(),
    });
    let answer = house.plane.users().set_roles(stale).await;
    assert_eq!(refused(answer), "ETAG_MISMATCH");
    let etag = old.etag;
    let stale = house.owner(DeleteUserRequest { name, etag });
    let answer = house.plane.users().delete_user(stale).await;
    assert_eq!(refused(answer), "ETAG_MISMATCH");
}

async fn rename(house: &House, who: (UserId, &str), name: &str) -> Answer<proto::User> {
    let rename = UpdateUserRequest {
        user: Some(proto::User {
            name: name.into(),
            first_name: "Grace".into(),
            phone: "ignored".into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: texts(&["first_name"]),
        }),
    };
    let rename = house.by(who.0, &[who.1], rename);
    house.plane.users().update_user(rename).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_renamed_by_themselves_or_by_who_governs_them_alone() {
    let house = House::new().await;
    let member = house.hire(&["member"]).await;
    let admin = house.hire(&["admin"]).await;
    let shared = house.hire(&["member"]).await;
    let (elsewhere, _) = house.plane.create("globex").await;
    hire(&house.base, elsewhere, shared, &["viewer"]).await;
    let own = rename(&house, (member, "viewer"), "users/me").await;
    let own = own.unwrap().into_inner();
    assert_eq!((&*own.first_name, &*own.phone), ("Grace", ""));
    let epoch = house.epoch(admin).await;
    rename(&house, (house.owner, "owner"), &admin.resource_name())
        .await
        .unwrap();
    // A name opens nothing: tokens live on.
    assert_eq!(house.epoch(admin).await, epoch);
    rename(&house, (shared, "member"), "users/me")
        .await
        .unwrap();
    for (who, name, expected) in [
        ((member, "member"), admin.resource_name(), "SELF_ONLY"),
        ((admin, "admin"), shared.resource_name(), "SELF_ONLY"),
        (
            (admin, "admin"),
            house.owner.resource_name(),
            "ROLE_REQUIRED",
        ),
        (
            (admin, "admin"),
            UserId::new().resource_name(),
            "RESOURCE_NOT_FOUND",
        ),
    ] {
        assert_eq!(
            refused(rename(&house, who, &name).await),
            expected,
            "{name}"
        );
    }
    // Programs are nobody.
    let get = GetUserRequest {
        name: "users/me".into(),
    };
    let get = house.claiming(member, get, |claims| {
        claims.sub = Subject::ApiKey("k1".into());
        claims.roles = named(&["owner"]);
    });
    let answer = house.plane.users().get_user(get).await;
    assert_eq!(refused(answer), "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_found_by_what_they_are() {
    let house = House::new().await;
    let admin = house.hire(&["admin"]).await;
    let out = house.hire(&["member"]).await;
    deactivate(&house, (house.owner, "owner"), out)
        .await
        .unwrap();
    let owner = house.owner;
    for (filter, order_by, expected) in [
        ("", "", vec![owner, admin, out]),
        ("", "create_time desc", vec![out, admin, owner]),
        ("roles:owner", "", vec![owner]),
        ("state = SUSPENDED", "", vec![out]),
        ("NOT roles:member", "email", {
            let mut two = vec![owner, admin];
            two.sort_by_key(|user| user.as_uuid());
            two
        }),
        ("last_login_time:*", "", vec![]),
    ] {
        let list = house.owner(ListUsersRequest {
            filter: filter.into(),
            order_by: order_by.into(),
            ..Default::default()
        });
        let listed = house.plane.users().list_users(list).await.unwrap();
        let names: Vec<_> = listed
            .into_inner()
            .users
            .into_iter()
            .map(|user| user.name)
            .collect();
        let expected: Vec<_> = expected.iter().map(|user| user.resource_name()).collect();
        assert_eq!(names, expected, "{filter} {order_by}");
    }
}
