//! An activation token lets one person in, once, and says nothing to others.

use futures_util::future::join_all;
use resido_e2e::{
    client::{Wire, calls},
    people::{PASSWORD, login, text},
};
use serde_json::json;

use super::port::{admin, invite, member_of, message, product, refusal, slug};

const OTHER: &str = "another long password";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let product = product().await;
    let (operator, nobody) = (
        product.operator_client(Wire::Rest).await.unwrap(),
        product.client(Wire::Rest),
    );
    let admin = admin(product).await;
    let email = format!("owner@{}.example", slug());
    let used = invite(&operator, &email).await;
    message(&nobody, &calls::register(&used.token, &email, PASSWORD)).await;
    let good = invite(&operator, &email).await;
    let expired = invite(&operator, &email).await;
    let expire = "
        update activation_tokens set expire_time = now() - interval '1 s'
         where tenant_id = (select id from tenants where slug = $1)";
    assert_eq!(admin.execute(expire, &[&expired.slug]).await.unwrap(), 1);
    let suspended = invite(&operator, &email).await;
    message(&operator, &calls::suspend_tenant(&suspended.name)).await;
    let unknown = "A".repeat(43);
    let mut answers = Vec::new();
    for (what, token, address, password) in [
        ("used", &used.token, &*email, PASSWORD),
        ("expired", &expired.token, &email, PASSWORD),
        ("of a suspended tenant", &suspended.token, &email, PASSWORD),
        (
            "somebody else's",
            &good.token,
            "other@example.com",
            PASSWORD,
        ),
        ("of another password", &good.token, &email, OTHER),
        ("unknown", &unknown, &email, PASSWORD),
        ("garbage", &"garbage".to_owned(), &email, PASSWORD),
        ("long garbage", &"☂".repeat(3000), &email, PASSWORD),
    ] {
        let register = calls::register(token, address, password);
        let refusal = refusal(&nobody, &register).await;
        assert_eq!(
            (refusal.code(), refusal.reason()),
            (3, "ACTIVATION_TOKEN_INVALID"),
            "{what}"
        );
        answers.push(refusal.constant());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // None of that used the good one up, and a suspension is not for ever.
    message(&nobody, &calls::register(&good.token, &email, PASSWORD)).await;
    message(&operator, &calls::resume_tenant(&suspended.name)).await;
    let register = calls::register(&suspended.token, &email, PASSWORD);
    message(&nobody, &register).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_use_a_token_at_once_one_gets_in() {
    let product = product().await;
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let clients = [product.client(Wire::Rest), product.client(Wire::Grpc)];
    let email = format!("owner@{}.example", slug());
    let invited = invite(&operator, &email).await;
    let register = calls::register(&invited.token, &email, PASSWORD);
    let racers = (0..20).map(|number| clients[number % 2].call(&register));
    let mut entered = 0;
    for reply in join_all(racers).await {
        let reply = reply.unwrap();
        if let Ok(user) = &reply.outcome {
            assert_eq!(user["roles"], json!(["owner"]));
            entered += 1;
        } else {
            let refusal = reply.refusal().unwrap();
            assert_eq!(refusal.reason(), "ACTIVATION_TOKEN_INVALID");
        }
    }
    assert_eq!(entered, 1);
    let members = "
        select count(*) from memberships m join users u on u.id = m.user_id
         where u.email = $1 and m.roles = array['owner'] and m.state = 'active'";
    let admin = admin(product).await;
    let members: i64 = admin.query_one(members, &[&email]).await.unwrap().get(0);
    assert_eq!(members, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_registers_twice_at_once_is_one_person() {
    let product = product().await;
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let nobody = product.client(Wire::Rest);
    let email = format!("owner@{}.example", slug());
    let (one, two) = (
        invite(&operator, &email).await,
        invite(&operator, &email).await,
    );
    let registers = [&one, &two].map(|at| calls::register(&at.token, &email, PASSWORD));
    let mut names = Vec::new();
    for (reply, register) in join_all(registers.iter().map(|call| nobody.call(call)))
        .await
        .into_iter()
        .zip(&registers)
    {
        let reply = reply.unwrap();
        let user = match reply.outcome {
            Ok(user) => user,
            // Whoever came second at making the person tries again.
            Err(refusal) => {
                assert_eq!((reply.http, refusal.reason()), (409, "CONFLICT"));
                message(&nobody, register).await
            }
        };
        names.push(text(&user, "/name").unwrap());
    }
    assert_eq!(names[0], names[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_an_account_needs_its_password() {
    let product = product().await;
    let (operator, nobody) = (
        product.operator_client(Wire::Rest).await.unwrap(),
        product.client(Wire::Grpc),
    );
    let first = member_of(product, 1).await.remove(0);
    let second = invite(&operator, &first.email).await;
    let wrong = calls::register(&second.token, &first.email, OTHER);
    let refusal = refusal(&nobody, &wrong).await;
    assert_eq!(refusal.reason(), "ACTIVATION_TOKEN_INVALID");
    // However the address is written, it is the same person.
    let shouted = first.email.to_uppercase();
    let right = calls::register(&second.token, &shouted, PASSWORD);
    let joined = message(&nobody, &right).await;
    assert_eq!(joined["email"], json!(first.email));
    // The attempt with another password has changed nothing.
    let login = calls::login(&first.email, PASSWORD, &second.slug);
    let user = message(&nobody, &login).await;
    assert_eq!(user["user"]["name"], joined["name"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_of_a_token_is_kept_nowhere() {
    let product = product().await;
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let invited = invite(&operator, &format!("owner@{}.example", slug())).await;
    let admin = admin(product).await;
    let hashed = "select count(*) from activation_tokens where token_hash = sha256($1)";
    let bytes = invited.token.as_bytes();
    let hashed = admin.query_one(hashed, &[&bytes]).await.unwrap();
    assert_eq!(hashed.get::<_, i64>(0), 1);
    let tables = "
        select format('%I.%I', table_schema, table_name)
          from information_schema.tables
         where table_type = 'BASE TABLE'
           and table_schema not in ('pg_catalog', 'information_schema')
           and table_schema !~ '^t_'";
    let tables = admin.query(tables, &[]).await.unwrap();
    assert!(tables.len() >= 9, "{}", tables.len());
    // As text, and as the bytes it was made of.
    let hex = "select encode($1, 'hex'), encode(decode(translate($2 || '=', '-_', '+/'),
        'base64'), 'hex')";
    let hex = admin
        .query_one(hex, &[&bytes, &invited.token])
        .await
        .unwrap();
    let (text, raw): (String, String) = (hex.get(0), hex.get(1));
    for table in tables {
        let table: String = table.get(0);
        let find = format!(
            "select count(*) from {table} t
              where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0 or strpos(t::text, $3) > 0"
        );
        let found = admin.query_one(&find, &[&invited.token, &text, &raw]).await;
        let found: i64 = found.unwrap().get(0);
        assert_eq!(found, 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_are_kept_as_argon2id() {
    let product = product().await;
    let member = member_of(product, 1).await.remove(0);
    let admin = admin(product).await;
    let hash = "select password_hash from users where email = $1";
    let hash: String = admin
        .query_one(hash, &[&member.email])
        .await
        .unwrap()
        .get(0);
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
    let client = product.client(Wire::Rest);
    let token = login(&client, &member.email, PASSWORD).await.unwrap();
    let me = message(&client.token(&token).unwrap(), &calls::get_user("users/me")).await;
    assert_eq!(text(&me, "/email").unwrap(), member.email);
    assert!(!me.to_string().contains("argon2"));
}
