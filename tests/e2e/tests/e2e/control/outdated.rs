//! Where all log-ins of a person end, the access tokens that came from them do
//! too; and the platform's people change their passwords as everybody does.

use std::collections::BTreeMap;

use http::Method;
use resido_e2e::{
    client::{Call, Client, Wire, calls},
    people::{PASSWORD, login, text},
    product::Product,
};
use resido_proto::{
    identity::Role,
    identity_api::v1::{ChangePasswordRequest, LoginRequest, LogoutRequest},
    tenancy::v1::watch_tenants_response::Event,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    logins::{Logins, OTHER, Person, claim},
    lowered::refused_within_a_second,
    port::{admin, member_of, message, product},
    staff::user_call,
    stream::Watch,
};

/// Least epochs by tenant; the platform's is that of no tenant.
type Epochs = BTreeMap<String, i64>;

async fn epochs(house: &Logins, person: &Person) -> Epochs {
    let epochs = "
        select coalesce(tenant_id::text, ''), epoch
          from (select tenant_id, epoch from memberships where user_id = $1
                union all select null, epoch from platform_roles where user_id = $1) as held";
    let id = person.id.as_uuid();
    let rows = house.base.admin.query(epochs, &[&id]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Returns what the stream says next, of so many places.
async fn told(watch: &mut Watch, places: usize) -> Epochs {
    let mut told = Epochs::new();
    while told.len() < places {
        if let Event::Membership(membership) = watch.next().await {
            told.insert(membership.tenant_id, membership.epoch);
        }
    }
    told
}

/// A member of two tenants who is of the platform's staff besides.
async fn everywhere(house: &Logins) -> Person {
    let person = house.person(Role::MEMBER).await;
    let (globex, _) = house.plane.create("globex").await;
    let again = house.plane.seed(globex.id, &person.email, Role::VIEWER);
    assert_eq!(again.await, person.id);
    let promote = format!(
        "insert into platform_roles (user_id, roles) values ('{}', array['platform_support'])",
        person.id
    );
    assert_eq!(house.base.sql(&promote).await, 1);
    person
}

async fn enter(house: &Logins, person: &Person, password: &str) -> String {
    let login = house.anonymous(LoginRequest {
        tenant: "acme".into(),
        ..claim(&person.email, password)
    });
    let entered = house.plane.auth().login(login).await.unwrap();
    entered.into_inner().refresh_token
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_ends_all_log_ins_voids_the_tokens_of_each_place() {
    let house = Logins::new().await;
    let person = everywhere(&house).await;
    let other = house.person(Role::MEMBER).await;
    let others = epochs(&house, &other).await;
    let mut watch = Watch::ready(&house.plane).await;
    let mut before = epochs(&house, &person).await;
    assert_eq!(before.len(), 3);
    for way in ["change", "reset", "log out"] {
        match way {
            "change" => {
                let change = house.by(
                    &person,
                    ChangePasswordRequest {
                        name: "users/me".into(),
                        current_password: PASSWORD.into(),
                        new_password: OTHER.into(),
                    },
                );
                house.plane.users().change_password(change).await.unwrap();
            }
            "reset" => {
                house.forgot(&person.email).await.unwrap();
                let mail = house.mailbox().nth(&person.email, 2).await;
                let token = mail.token("reset-password");
                house.reset(&token, PASSWORD).await.unwrap();
            }
            _ => {
                let refresh_token = enter(&house, &person, PASSWORD).await;
                let logout = LogoutRequest {
                    refresh_token,
                    everywhere: true,
                };
                house.logout(logout).await;
            }
        }
        let after = epochs(&house, &person).await;
        for (place, epoch) in &after {
            assert!(*epoch > before[place], "{way}: {place}");
        }
        assert_eq!(told(&mut watch, 3).await, after, "{way}");
        // So do gateways that come later hear it.
        let whole = Watch::open(&house.plane, 0).await.whole().await;
        let known = whole.memberships.into_iter();
        let known: Epochs = known
            .filter(|known| known.user_id == person.id.to_string())
            .map(|known| (known.tenant_id, known.epoch))
            .collect();
        assert_eq!(known, after, "{way}");
        before = after;
    }
    assert_eq!(epochs(&house, &other).await, others);
    // Of two log-ins, one that ends alone takes no token with it.
    let refresh_token = enter(&house, &person, PASSWORD).await;
    let logout = LogoutRequest {
        refresh_token,
        everywhere: false,
    };
    house.logout(logout).await;
    assert_eq!(epochs(&house, &person).await, before);
}

fn change_password(current: &str, new: &str) -> Call {
    let message = json!({
        "name": "users/me", "currentPassword": current, "newPassword": new,
    });
    let path = "/resido.identity.v1.UserService/ChangePassword";
    user_call(path, Method::POST, "/v1/users/me:changePassword", message)
}

pub(super) fn log_out_everywhere(refresh_token: &str) -> Call {
    let mut call = calls::logout(refresh_token);
    for message in [Some(&mut call.message), call.body.as_mut()] {
        message.unwrap()["everywhere"] = json!(true);
    }
    call
}

fn with_token(product: &Product, wire: Wire, entered: &Value) -> Client {
    let token = text(entered, "/accessToken").unwrap();
    product.client(wire).token(&token).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_token_dies_with_the_password_and_with_all_log_ins() {
    let product = product().await;
    for wire in Wire::ALL {
        let member = member_of(product, 1).await.remove(0);
        let nobody = product.client(wire);
        let me = calls::get_user("users/me");
        let login = |password| calls::login(&member.email, password, "");
        let elsewhere = message(&nobody, &login(PASSWORD)).await;
        let elsewhere = with_token(product, wire, &elsewhere);
        let here = message(&nobody, &login(PASSWORD)).await;
        let here = with_token(product, wire, &here);
        message(&elsewhere, &me).await;
        let changed = message(&here, &change_password(PASSWORD, OTHER)).await;
        for client in [&elsewhere, &here] {
            refused_within_a_second(client, &me, "CREDENTIAL_INVALID").await;
        }
        // The caller goes on with what the reply had.
        let goes_on = with_token(product, wire, &changed);
        message(&goes_on, &me).await;
        let refresh = text(&changed, "/refreshToken").unwrap();
        let renewed = message(&nobody, &calls::refresh(&refresh)).await;
        let refresh = text(&renewed, "/refreshToken").unwrap();
        message(&nobody, &log_out_everywhere(&refresh)).await;
        refused_within_a_second(&goes_on, &me, "CREDENTIAL_INVALID").await;
        let again = message(&nobody, &login(OTHER)).await;
        message(&with_token(product, wire, &again), &me).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_platforms_people_change_their_own_passwords() {
    let product = product().await;
    let admin = admin(product).await;
    for wire in Wire::ALL {
        let member = member_of(product, 1).await.remove(0);
        let id = "select id from users where email = $1";
        let id: Uuid = admin.query_one(id, &[&member.email]).await.unwrap().get(0);
        for statement in [
            "insert into platform_roles (user_id, roles) values ($1, array['platform_support'])",
            "delete from refresh_tokens where user_id = $1",
            "delete from memberships where user_id = $1",
        ] {
            admin.execute(statement, &[&id]).await.unwrap();
        }
        let nobody = product.client(wire);
        let entered = message(&nobody, &calls::login(&member.email, PASSWORD, "")).await;
        let client = with_token(product, wire, &entered);
        message(&client, &calls::list_tenants()).await;
        let changed = message(&client, &change_password(PASSWORD, OTHER)).await;
        refused_within_a_second(&client, &calls::list_tenants(), "CREDENTIAL_INVALID").await;
        let client = with_token(product, wire, &changed);
        message(&client, &calls::list_tenants()).await;
        login(&nobody, &member.email, OTHER).await.unwrap();
    }
}
