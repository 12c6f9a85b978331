//! Operators act as members for a while, for a reason, and on the record.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use resido_e2e::{
    client::{Call, Client, Wire, calls},
    people::{Owner, PASSWORD, text},
};
use serde_json::{Value, json};

use super::{
    lowered::refused_within_a_second,
    outdated::log_out_everywhere,
    port::{admin, member_of, message, product, refusal, slug},
    staff::{joined, user_call},
};

fn impersonate(tenant: &str, user: &str, seconds: Option<u32>) -> Call {
    let mut ask = json!({"tenant": tenant, "user": user, "reason": "ticket 4711"});
    if let Some(seconds) = seconds {
        ask["duration"] = json!(format!("{seconds}s"));
    }
    let path = "/resido.identity.v1.AuthService/ImpersonateUser";
    user_call(path, Method::POST, "/v1/auth:impersonate", ask)
}

async fn setting(wire: Wire) -> (Owner, Client) {
    let product = product().await;
    let owner = product.owner().await.unwrap();
    (owner, product.operator_client(wire).await.unwrap())
}

fn claims(token: &str) -> Value {
    let middle = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(middle).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_acts_as_a_member_and_the_tenant_can_read_of_it() {
    let product = product().await;
    for wire in Wire::ALL {
        let (owner, operator) = setting(wire).await;
        let granted = message(&operator, &impersonate(&owner.slug, &owner.email, Some(60))).await;
        assert_eq!(granted["expiresIn"], json!(60));
        assert!(granted.get("refreshToken").is_none());
        let user = text(&granted, "/user/name").unwrap();
        let token = text(&granted, "/accessToken").unwrap();
        let claims = claims(&token);
        let lived = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
        assert_eq!(lived, 60);
        assert_eq!(claims["sub"], json!(user));
        let actor = text(&claims, "/act").unwrap();
        assert_ne!(actor, user);
        let client = product.client(wire).token(&token).unwrap();
        let me = message(&client, &calls::get_user("users/me")).await;
        assert_eq!(me["email"], json!(owner.email));
        // What is done is on the record of both.
        let (member, _) = joined(product, &owner, &["member"]).await;
        let deactivate = user_call(
            "/resido.identity.v1.UserService/DeactivateUser",
            Method::POST,
            &format!("/v1/{member}:deactivate"),
            json!({"name": member}),
        );
        message(&client, &deactivate).await;
        let record = "
            select a.action, a.actor, a.behalf_of, a.after
              from audit_log a join tenants t on t.id = a.tenant_id
             where t.slug = $1 and a.behalf_of is not null order by a.id";
        let rows = admin(product)
            .await
            .query(record, &[&owner.slug])
            .await
            .unwrap();
        let actions: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(actions, ["users.impersonate", "users.deactivate"]);
        for row in &rows {
            let (by, of): (String, String) = (row.get(1), row.get(2));
            assert_eq!((by, of), (actor.clone(), user.clone()));
        }
        let why: Value = rows[0].get(3);
        assert_eq!(why["reason"], json!("ticket 4711"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_acts_as_an_active_member_alone() {
    let product = product().await;
    let (owner, operator) = setting(Wire::Rest).await;
    let tenant = owner.tenant.strip_prefix("tenants/").unwrap();
    let (member, _) = joined(product, &owner, &["member"]).await;
    message(&operator, &impersonate(tenant, &member, None)).await;
    let (staff, _) = joined(product, &owner, &["member"]).await;
    let promote = "
        insert into platform_roles (user_id, roles)
        values ($1, array['platform_support'])";
    let id: uuid::Uuid = staff.strip_prefix("users/").unwrap().parse().unwrap();
    let promoted = admin(product).await.execute(promote, &[&id]).await;
    assert_eq!(promoted.unwrap(), 1);
    let (out, _) = joined(product, &owner, &["member"]).await;
    let deactivate = user_call(
        "/resido.identity.v1.UserService/DeactivateUser",
        Method::POST,
        &format!("/v1/{out}:deactivate"),
        json!({"name": out}),
    );
    let by = product.owner_client(&owner, Wire::Rest).unwrap();
    message(&by, &deactivate).await;
    let nobody = format!("users/{}", uuid::Uuid::now_v7());
    for (tenant, user, seconds, expected) in [
        (tenant, &staff, None, "IMPERSONATION_REFUSED"),
        (tenant, &out, None, "RESOURCE_NOT_FOUND"),
        (tenant, &nobody, None, "RESOURCE_NOT_FOUND"),
        (&slug(), &member, None, "RESOURCE_NOT_FOUND"),
        (tenant, &member, Some(901), "REQUEST_INVALID"),
        (tenant, &member, Some(0), "REQUEST_INVALID"),
    ] {
        let refused = refusal(&operator, &impersonate(tenant, user, seconds)).await;
        assert_eq!(refused.reason(), expected, "{user} {seconds:?}");
    }
    message(&operator, &calls::suspend_tenant(&owner.tenant)).await;
    let refused = refusal(&operator, &impersonate(tenant, &member, None)).await;
    assert_eq!(refused.reason(), "TENANT_STATE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_logs_out_everywhere_acts_as_nobody_any_more() {
    let product = product().await;
    let admin = admin(product).await;
    let owner = product.owner().await.unwrap();
    let me = calls::get_user("users/me");
    for wire in Wire::ALL {
        let operator = member_of(product, 1).await.remove(0);
        for statement in [
            "insert into platform_roles (user_id, roles)
             select id, array['platform_admin'] from users where email = $1",
            "delete from refresh_tokens
              where user_id in (select id from users where email = $1)",
            "delete from memberships
              where user_id in (select id from users where email = $1)",
        ] {
            admin.execute(statement, &[&operator.email]).await.unwrap();
        }
        let nobody = product.client(wire);
        let enter = calls::login(&operator.email, PASSWORD, "");
        let entered = message(&nobody, &enter).await;
        let with_token = |answer: &Value| {
            let token = text(answer, "/accessToken").unwrap();
            product.client(wire).token(&token).unwrap()
        };
        let ask = impersonate(&owner.slug, &owner.email, None);
        let granted = message(&with_token(&entered), &ask).await;
        let acting = with_token(&granted);
        message(&acting, &me).await;
        let refresh = text(&entered, "/refreshToken").unwrap();
        message(&nobody, &log_out_everywhere(&refresh)).await;
        refused_within_a_second(&acting, &me, "CREDENTIAL_INVALID").await;
        // With a new log-in, the operator may again.
        let entered = message(&nobody, &enter).await;
        let granted = message(&with_token(&entered), &ask).await;
        message(&with_token(&granted), &me).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_operators_acts_as_somebody() {
    let product = product().await;
    let (owner, operator) = setting(Wire::Grpc).await;
    let by = product.owner_client(&owner, Wire::Rest).unwrap();
    let ask = impersonate(&owner.slug, &owner.email, None);
    assert_eq!(refusal(&by, &ask).await.reason(), "ROLE_REQUIRED");
    let granted = message(&operator, &ask).await;
    let token = text(&granted, "/accessToken").unwrap();
    let acting = product.client(Wire::Rest).token(&token).unwrap();
    assert_eq!(refusal(&acting, &ask).await.reason(), "ROLE_REQUIRED");
}
