//! A log-in goes on with refresh tokens, each of which works once, for as long as
//! its person may enter.

use futures_util::future::join;
use resido_control_plane::Config;
use resido_e2e::{
    client::{Wire, calls},
    people::{PASSWORD, text},
};
use resido_proto::{
    identity::Role,
    identity_api::v1::{
        ActivateUserRequest, DeactivateUserRequest, DeleteUserRequest, LoginResponse,
        LogoutRequest, RefreshRequest, SetRolesRequest,
    },
    tenancy::v1::{DeleteTenantRequest, UndeleteTenantRequest},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    logins::{Logins, Person, claims, from},
    plane::Caller,
    port::{member_of, message, product, refusal},
};

const INVALID: &str = "REFRESH_TOKEN_INVALID";

fn one(token: &str) -> LogoutRequest {
    LogoutRequest {
        refresh_token: token.to_owned(),
        everywhere: false,
    }
}

async fn next(house: &Logins, login: &LoginResponse) -> LoginResponse {
    let next = house.refresh(&login.refresh_token).await;
    next.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_buys_the_next_and_a_second_use_ends_the_log_in() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let (first, elsewhere) = (house.enter(&person).await, house.enter(&person).await);
    let second = next(&house, &first).await;
    let third = next(&house, &second).await;
    for login in [&first, &second, &third] {
        let claims = claims(&login.access_token);
        assert_eq!(claims["sub"], json!(person.id.resource_name()));
        assert_eq!(claims["tid"], json!(house.tenant.id.to_string()));
        assert_eq!(
            (&*login.token_type, login.expires_in),
            ("Bearer", first.expires_in)
        );
        assert_eq!(login.user.as_ref().unwrap().email, person.email);
    }
    assert_ne!(first.refresh_token, second.refresh_token);
    assert_ne!(second.refresh_token, third.refresh_token);
    // The newest is good until an older one comes again.
    assert_eq!(house.over(&first.refresh_token).await, INVALID);
    assert_eq!(house.over(&third.refresh_token).await, INVALID);
    next(&house, &elsewhere).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_robbed_finds_it_in_the_record() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let login = house.enter(&person).await;
    let session = "select family::text from refresh_tokens";
    let session = house.base.admin.query_one(session, &[]).await.unwrap();
    let session: String = session.get(0);
    next(&house, &login).await;
    let refresh_token = login.refresh_token.clone();
    let refresh = from(
        "192.0.2.66",
        house.anonymous(RefreshRequest { refresh_token }),
    );
    house.plane.auth().refresh(refresh).await.unwrap_err();
    let record = "
        select actor, resource, tenant_id, after
          from audit_log where action = 'auth.refresh_reuse'";
    let row = house.base.admin.query_one(record, &[]).await.unwrap();
    let actor: String = row.get("actor");
    let resource: String = row.get("resource");
    assert_eq!(
        (&*actor, resource),
        ("anonymous", person.id.resource_name())
    );
    let tenant: Option<Uuid> = row.get("tenant_id");
    assert_eq!(tenant, Some(house.tenant.id.as_uuid()));
    let after: serde_json::Value = row.get("after");
    assert_eq!(after, json!({"session": session, "client": "192.0.2.66"}));
    // What has ended already ends no second time.
    assert_eq!(house.over(&login.refresh_token).await, INVALID);
    let rows = "select count(*) from audit_log where action = 'auth.refresh_reuse'";
    assert_eq!(house.base.count(rows).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_uses_at_once_one_wins_and_the_log_in_ends() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    for round in 0..10 {
        let login = house.enter(&person).await;
        let token = &login.refresh_token;
        let (one, two) = join(house.refresh(token), house.refresh(token)).await;
        assert_ne!(one.is_ok(), two.is_ok(), "round {round}");
        let (won, lost) = match (one, two) {
            (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won.into_inner(), lost),
            other => panic!("{other:?}"),
        };
        assert_eq!(super::plane::reason(&lost), INVALID, "round {round}");
        assert_eq!(house.over(&won.refresh_token).await, INVALID);
    }
    let left = "select count(*) from refresh_tokens";
    assert_eq!(house.base.count(left).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let (used, ended) = (house.enter(&person).await, house.enter(&person).await);
    let expired = house.enter(&person).await;
    next(&house, &used).await;
    house.logout(one(&ended.refresh_token)).await;
    let expire = "
        update refresh_tokens set expire_time = now() - interval '1 s'
         where token_hash = sha256($1)";
    let token = expired.refresh_token.as_bytes();
    let expired_rows = house.base.admin.execute(expire, &[&token]).await;
    assert_eq!(expired_rows.unwrap(), 1);
    let mut answers = Vec::new();
    for (what, token) in [
        ("used", &*used.refresh_token),
        ("ended", &ended.refresh_token),
        ("expired", &expired.refresh_token),
        ("unknown", &"A".repeat(43)),
        ("garbage", "garbage"),
        ("an access token", &used.access_token),
    ] {
        let status = house.refresh(token).await.unwrap_err();
        assert_eq!(super::plane::reason(&status), INVALID, "{what}");
        answers.push((
            status.code(),
            status.message().to_owned(),
            status.details().to_vec(),
        ));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let status = house.refresh("").await.unwrap_err();
    assert_eq!(super::plane::reason(&status), "REQUEST_INVALID");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_ends_in_time_however_often_it_goes_on() {
    let house = Logins::with(Config {
        refresh_token_seconds: 600,
        login_seconds: 3600,
        ..Config::default()
    })
    .await;
    let person = house.person(Role::MEMBER).await;
    let login = house.enter(&person).await;
    let lives = "
        select count(*) from refresh_tokens
         where use_time is null
           and expire_time between now() + interval '500 s' and now() + interval '600 s'
           and end_time between now() + interval '3500 s' and now() + interval '3600 s'";
    assert_eq!(house.base.count(lives).await, 1);
    // 50 minutes later it gets no further than the end.
    let late = "
        update refresh_tokens
           set end_time = end_time - interval '3000 s', expire_time = now() + interval '60 s'";
    assert_eq!(house.base.sql(late).await, 1);
    let login = next(&house, &login).await;
    let bounded = "
        select count(*) from refresh_tokens
         where use_time is null and expire_time <= end_time
           and end_time between now() + interval '500 s' and now() + interval '600 s'";
    assert_eq!(house.base.count(bounded).await, 1);
    let over = "
        update refresh_tokens set end_time = now() - interval '1 s'
         where use_time is null";
    assert_eq!(house.base.sql(over).await, 1);
    assert_eq!(house.over(&login.refresh_token).await, INVALID);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logging_out_ends_one_log_in_or_all_of_the_person() {
    let house = Logins::new().await;
    let (person, other) = (
        house.person(Role::MEMBER).await,
        house.person(Role::MEMBER).await,
    );
    let (phone, laptop) = (house.enter(&person).await, house.enter(&person).await);
    let tablet = house.enter(&person).await;
    let others = house.enter(&other).await;
    // An older token of the log-in serves as well.
    let later = next(&house, &phone).await;
    house.logout(one(&phone.refresh_token)).await;
    assert_eq!(house.over(&later.refresh_token).await, INVALID);
    let laptop = next(&house, &laptop).await;
    house
        .logout(LogoutRequest {
            refresh_token: laptop.refresh_token.clone(),
            everywhere: true,
        })
        .await;
    for ended in [&laptop, &tablet] {
        assert_eq!(house.over(&ended.refresh_token).await, INVALID);
    }
    next(&house, &others).await;
    // Again, and with what is none.
    for token in [&*laptop.refresh_token, "garbage"] {
        house.logout(one(token)).await;
    }
    let record = "select count(*) from audit_log where action = 'auth.logout'";
    assert_eq!(house.base.count(record).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_used_ends_its_own_log_in_alone() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let (phone, laptop) = (house.enter(&person).await, house.enter(&person).await);
    let later = next(&house, &phone).await;
    let epoch = "select epoch from memberships";
    let before = house.base.count(epoch).await;
    let all = LogoutRequest {
        refresh_token: phone.refresh_token,
        everywhere: true,
    };
    house.logout(all).await;
    assert_eq!(house.over(&later.refresh_token).await, INVALID);
    assert_eq!(house.base.count(epoch).await, before);
    next(&house, &laptop).await;
    let record = "select after from audit_log where action = 'auth.logout'";
    let record = house.base.admin.query_one(record, &[]).await.unwrap();
    assert_eq!(record.get::<_, Value>(0), json!({"everywhere": false}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_let_in_no_more_does_not_go_on() {
    let house = Logins::new().await;
    let (owner, person) = (
        house.person(Role::OWNER).await,
        house.person(Role::MEMBER).await,
    );
    let login = house.enter(&person).await;
    let name = person.id.resource_name();
    let mut users = house.plane.users();
    let out = house.by(&owner, DeactivateUserRequest { name: name.clone() });
    users.deactivate_user(out).await.unwrap();
    assert_eq!(house.over(&login.refresh_token).await, INVALID);
    // Who comes back logs in again.
    let back = house.by(&owner, ActivateUserRequest { name: name.clone() });
    users.activate_user(back).await.unwrap();
    assert_eq!(house.over(&login.refresh_token).await, INVALID);
    let login = house.enter(&person).await;
    let etag = String::new();
    let gone = house.by(&owner, DeleteUserRequest { name, etag });
    users.delete_user(gone).await.unwrap();
    assert_eq!(house.over(&login.refresh_token).await, INVALID);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_tenant_stops_log_ins_and_does_not_end_them() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let login = house.enter(&person).await;
    house.plane.suspend(house.tenant.id).await.unwrap();
    for _ in 0..2 {
        assert_eq!(house.over(&login.refresh_token).await, "TENANT_SUSPENDED");
    }
    house.plane.resume(house.tenant.id).await.unwrap();
    next(&house, &login).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_tenant_ends_its_log_ins_for_good() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let login = house.enter(&person).await;
    let name = house.tenant.id.resource_name();
    let delete = DeleteTenantRequest {
        name: name.clone(),
        ..Default::default()
    };
    let delete = house.plane.request(Caller::Operator, delete);
    house.plane.tenants().delete_tenant(delete).await.unwrap();
    assert_eq!(house.over(&login.refresh_token).await, INVALID);
    let undelete = UndeleteTenantRequest { name };
    let undelete = house.plane.request(Caller::Operator, undelete);
    let restored = house.plane.tenants().undelete_tenant(undelete).await;
    restored.unwrap();
    assert_eq!(house.over(&login.refresh_token).await, INVALID);
    let login = house.enter(&person).await;
    next(&house, &login).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_goes_on_with_the_roles_of_now() {
    let house = Logins::new().await;
    let (owner, person) = (
        house.person(Role::OWNER).await,
        house.person(Role::MEMBER).await,
    );
    let login = house.enter(&person).await;
    assert_eq!(claims(&login.access_token)["roles"], json!(["member"]));
    let set = house.by(
        &owner,
        SetRolesRequest {
            name: person.id.resource_name(),
            roles: vec!["viewer".into()],
            etag: String::new(),
        },
    );
    house.plane.users().set_roles(set).await.unwrap();
    let next = next(&house, &login).await;
    let (old, new) = (claims(&login.access_token), claims(&next.access_token));
    assert_eq!(new["roles"], json!(["viewer"]));
    assert_eq!(next.user.unwrap().roles, ["viewer"]);
    assert!(new["epoch"].as_i64().unwrap() > old["epoch"].as_i64().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_has_fifty_log_ins_at_most() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let oldest = house.enter(&person).await;
    let fill = "
        insert into refresh_tokens
               (token_hash, family, number, user_id, tenant_id, expire_time, end_time)
        select sha256(n::text::bytea), gen_random_uuid(), 1, user_id, tenant_id, expire_time,
               end_time + interval '1 h'
          from refresh_tokens, generate_series(1, 48) n";
    assert_eq!(house.base.sql(fill).await, 48);
    let newer = house.enter(&person).await;
    let oldest = next(&house, &oldest).await;
    house.enter(&person).await;
    let families = "select count(distinct family) from refresh_tokens";
    assert_eq!(house.base.count(families).await, 50);
    assert_eq!(house.over(&oldest.refresh_token).await, INVALID);
    next(&house, &newer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_kept_as_hashes_and_forgotten_when_they_expire() {
    let house = Logins::new().await;
    let person: Person = house.person(Role::MEMBER).await;
    let login = house.enter(&person).await;
    let token = login.refresh_token.as_bytes();
    let kept = "select count(*) from refresh_tokens where token_hash = sha256($1)";
    let kept = house.base.admin.query_one(kept, &[&token]).await.unwrap();
    assert_eq!(kept.get::<_, i64>(0), 1);
    let expire = "update refresh_tokens set expire_time = now() - interval '1 s'";
    house.base.sql(expire).await;
    house.plane.reconcile().await;
    let left = "select count(*) from refresh_tokens";
    assert_eq!(house.base.count(left).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_every_wire_a_log_in_goes_on_until_it_is_ended() {
    let product = product().await;
    let member = member_of(product, 1).await.remove(0);
    for wire in Wire::ALL {
        let client = product.client(wire);
        let login = calls::login(&member.email, PASSWORD, "");
        let login = message(&client, &login).await;
        let first = text(&login, "/refreshToken").unwrap();
        let renewed = message(&client, &calls::refresh(&first)).await;
        let second = text(&renewed, "/refreshToken").unwrap();
        let token = text(&renewed, "/accessToken").unwrap();
        let known = product.client(wire).token(&token).unwrap();
        let me = message(&known, &calls::get_user("users/me")).await;
        assert_eq!(me["name"], login["user"]["name"], "{wire:?}");
        message(&client, &calls::logout(&second)).await;
        for token in [&second, &first, &Uuid::new_v4().to_string()] {
            let refused = refusal(&client, &calls::refresh(token)).await;
            assert_eq!(
                (refused.code(), refused.reason()),
                (16, INVALID),
                "{wire:?}"
            );
        }
    }
}
