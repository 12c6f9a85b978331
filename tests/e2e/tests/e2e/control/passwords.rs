//! A password is changed by its owner alone, who knows it, and is kept as costly
//! to guess as the settings say.

use resido_control_plane::Config;
use resido_e2e::people::PASSWORD;
use resido_proto::{
    identity::{Role, Subject},
    identity_api::v1::{ChangePasswordRequest, LoginResponse},
    ids::UserId,
};
use tonic_types::StatusExt as _;

use super::{
    logins::{Logins, OTHER, Person, WRONG, claims},
    plane::{Answer, Caller, reason},
};

fn change(name: &str, current: &str, new: &str) -> ChangePasswordRequest {
    ChangePasswordRequest {
        name: name.to_owned(),
        current_password: current.to_owned(),
        new_password: new.to_owned(),
    }
}

async fn changed(
    house: &Logins,
    by: &Person,
    change: ChangePasswordRequest,
) -> Answer<LoginResponse> {
    let change = house.by(by, change);
    house.plane.users().change_password(change).await
}

async fn hash(house: &Logins, person: &Person) -> String {
    let hash = "select password_hash from users where id = $1";
    let id = person.id.as_uuid();
    let row = house.base.admin.query_one(hash, &[&id]).await.unwrap();
    row.get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_replaces_the_old_and_ends_all_log_ins() {
    let house = Logins::new().await;
    let person = house.person(Role::VIEWER).await;
    let (here, there) = (house.enter(&person).await, house.enter(&person).await);
    let goes_on = changed(&house, &person, change("users/me", PASSWORD, OTHER));
    let goes_on = goes_on.await.unwrap().into_inner();
    assert_eq!(
        house.refused(&person.email, PASSWORD).await,
        "CREDENTIALS_INVALID"
    );
    for login in [here, there] {
        let over = house.over(&login.refresh_token).await;
        assert_eq!(over, "REFRESH_TOKEN_INVALID");
    }
    house.login(&person.email, OTHER).await.unwrap();
    // The caller goes on, where the caller was.
    let token = claims(&goes_on.access_token);
    assert_eq!(token["tid"], house.tenant.id.to_string());
    house.refresh(&goes_on.refresh_token).await.unwrap();
    // By the whole name as well.
    let name = person.id.resource_name();
    changed(&house, &person, change(&name, OTHER, PASSWORD))
        .await
        .unwrap();
    house.enter(&person).await;
    let mail = house.mailbox().nth(&person.email, 2).await;
    assert_eq!(mail.subject(), "Your password was changed");
    let record = "select count(*) from audit_log where action = 'users.change_password'";
    assert_eq!(house.base.count(record).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_know_the_password_changes_nothing_and_is_counted() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let login = house.enter(&person).await;
    let before = hash(&house, &person).await;
    for (current, new, field) in [
        (WRONG, OTHER, "current_password"),
        (PASSWORD, "too short", "new_password"),
        ("", OTHER, "current_password"),
    ] {
        let refused = changed(&house, &person, change("users/me", current, new)).await;
        let refused = refused.unwrap_err();
        assert_eq!(reason(&refused), "REQUEST_INVALID");
        let details = refused.get_error_details();
        let faults = &details.bad_request().unwrap().field_violations;
        let fields: Vec<_> = faults.iter().map(|fault| &*fault.field).collect();
        assert_eq!(fields, [field]);
    }
    assert_eq!(hash(&house, &person).await, before);
    let counted = "select max(number)::int8 from login_attempts";
    assert_eq!(house.base.count(counted).await, 1);
    let five = "update login_attempts set number = 10, at = now()";
    // The account from here, and from everywhere.
    assert_eq!(house.base.sql(five).await, 2);
    // Neither here nor where one logs in.
    let refused = changed(&house, &person, change("users/me", PASSWORD, OTHER)).await;
    assert_eq!(reason(&refused.unwrap_err()), "LOGIN_BLOCKED");
    let refused = house.refused(&person.email, PASSWORD).await;
    assert_eq!(refused, "LOGIN_BLOCKED");
    house.refresh(&login.refresh_token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_changes_the_password_of_another() {
    let house = Logins::new().await;
    let (owner, person) = (
        house.person(Role::OWNER).await,
        house.person(Role::MEMBER).await,
    );
    let name = person.id.resource_name();
    let before = hash(&house, &person).await;
    let nobody = UserId::new().resource_name();
    for name in [&*name, &nobody] {
        let refused = changed(&house, &owner, change(name, PASSWORD, OTHER)).await;
        assert_eq!(reason(&refused.unwrap_err()), "SELF_ONLY", "{name}");
    }
    let caller = Caller::Owner(house.tenant, person.id);
    let mine = || change("users/me", PASSWORD, OTHER);
    // Programs have no password, and who acts for somebody has another.
    for (expected, request) in [
        (
            "SELF_ONLY",
            house.plane.request_by(caller, mine(), |claims| {
                claims.sub = Subject::ApiKey("k1".into());
            }),
        ),
        (
            "IMPERSONATION_REFUSED",
            house.plane.request_by(caller, mine(), |claims| {
                claims.act = Some(Subject::User(house.plane.operator));
            }),
        ),
    ] {
        let refused = house.plane.users().change_password(request).await;
        assert_eq!(reason(&refused.unwrap_err()), expected);
    }
    assert_eq!(hash(&house, &person).await, before);
    house.enter(&person).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_makes_a_weaker_hash_anew() {
    let mut house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let weak = hash(&house, &person).await;
    house.enter(&person).await;
    assert_eq!(hash(&house, &person).await, weak);
    house
        .restart(Config {
            password_passes: 3,
            ..Config::default()
        })
        .await;
    assert_eq!(
        house.refused(&person.email, WRONG).await,
        "CREDENTIALS_INVALID"
    );
    assert_eq!(hash(&house, &person).await, weak);
    let login = house.enter(&person).await;
    let strong = hash(&house, &person).await;
    assert!(strong.contains("t=3"), "{strong}");
    // It is the same password: nothing ends.
    house.refresh(&login.refresh_token).await.unwrap();
    house.restart(Config::default()).await;
    house.enter(&person).await;
    assert_eq!(hash(&house, &person).await, strong);
}
