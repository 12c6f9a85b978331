//! Gateways know who belongs where: who joins is told of, and who has left is
//! refused although their token still lives.

use std::time::{Duration, Instant};

use resido_e2e::{
    client::{Client, Refusal, Wire, calls},
    people::{PASSWORD, text},
    wait,
};
use resido_proto::{
    identity_api::v1::RegisterUserRequest,
    ids::{TenantId, UserId},
    tenancy::v1::{MembershipEpoch, watch_tenants_response::Event},
};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{
    plane::{Base, Caller},
    port::{Invited, admin, member_of, message, product, slug},
    stream::{LIMIT, Watch},
};

const LEAVE: &str = "
    with gone as (
        delete from memberships where user_id = $1 and tenant_id = $2
        returning tenant_id, user_id)
    insert into outbox (tenant_id, user_id) select tenant_id, user_id from gone";

/// Returns the next word about a membership.
async fn membership(watch: &mut Watch) -> MembershipEpoch {
    let told = async {
        loop {
            match watch.next().await {
                Event::Membership(told) => return told,
                Event::Heartbeat(_) | Event::Tenant(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(LIMIT, told).await.unwrap()
}

fn told(user: UserId, tenant: TenantId, epoch: i64) -> MembershipEpoch {
    MembershipEpoch {
        user_id: user.to_string(),
        tenant_id: tenant.to_string(),
        epoch,
    }
}

/// Logs a person in and returns a client that names a tenant.
async fn entered(member: &Invited, wire: Wire, named: &str) -> Client {
    let product = product().await;
    let client = product.client(wire);
    let login = calls::login(&member.email, PASSWORD, &member.slug);
    let token = text(&message(&client, &login).await, "/accessToken").unwrap();
    client
        .token(&token)
        .unwrap()
        .header("x-tenant", named)
        .unwrap()
}

/// Waits until calls are refused for a reason, for a second at most.
async fn refused_for(client: &Client, reason: &str) {
    let call = calls::get_user("users/me");
    let started = Instant::now();
    let refused = wait::until(Duration::from_secs(5), || async {
        let reply = client.call(&call).await.unwrap();
        reply.refusal().as_ref().map_or("", Refusal::reason) == reason
    });
    assert!(refused.await, "{reason}");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{reason}: {took:?}");
}

async fn http_of(client: &Client) -> u16 {
    let call = calls::get_user("users/me");
    client.call(&call).await.unwrap().http
}

/// Ends a membership as the administrator.
async fn leave(member: &Invited) {
    let admin = admin(product().await).await;
    let find = "select id from users where email = $1";
    let user: Uuid = admin
        .query_one(find, &[&member.email])
        .await
        .unwrap()
        .get(0);
    let tenant = TenantId::from_resource_name(&member.name).unwrap();
    let values: [&(dyn ToSql + Sync); 2] = [&user, &tenant.as_uuid()];
    assert_eq!(admin.execute(LEAVE, &values).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_member_of_both_tenants_learns_that_they_differ() {
    let own = member_of(product().await, 2).await;
    let other = member_of(product().await, 1).await.remove(0);
    for wire in Wire::ALL {
        let client = entered(&own[0], wire, &own[1].slug).await;
        refused_for(&client, "TENANT_MISMATCH").await;
        for tenant in [other.slug.clone(), slug()] {
            let client = entered(&own[0], wire, &tenant).await;
            refused_for(&client, "TENANT_DENIED").await;
            assert!(wire != Wire::Rest || http_of(&client).await == 403);
        }
        assert!(wire != Wire::Rest || http_of(&client).await == 403);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_left_is_refused_within_a_second() {
    let own = member_of(product().await, 2).await;
    let leaver = entered(&own[0], Wire::Rest, &own[0].slug).await;
    let stays = entered(&own[1], Wire::Grpc, &own[1].slug).await;
    let both = entered(&own[1], Wire::Rest, &own[0].slug).await;
    refused_for(&both, "TENANT_MISMATCH").await;
    message(&leaver, &calls::get_user("users/me")).await;
    leave(&own[0]).await;
    refused_for(&leaver, "CREDENTIAL_INVALID").await;
    // They are not told apart from strangers any more.
    refused_for(&both, "TENANT_DENIED").await;
    message(&stays, &calls::get_user("users/me")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_registers_is_told_of() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, created) = plane.create("acme").await;
    let mut watch = Watch::ready(&plane).await;
    let register = RegisterUserRequest {
        activation_token: created.activation_token,
        email: "owner@acme.example".into(),
        password: PASSWORD.into(),
        ..Default::default()
    };
    let register = plane.request(Caller::Anonymous, register);
    let user = plane.users().register_user(register).await.unwrap();
    let user = UserId::from_resource_name(&user.into_inner().name).unwrap();
    assert_eq!(membership(&mut watch).await, told(user, tenant.id, 1));
    let whole = Watch::open(&plane, 0).await.whole().await;
    assert_eq!(whole.memberships, [told(user, tenant.id, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_new_enough_for_a_membership_that_is_not_active() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    let mut watch = Watch::ready(&plane).await;
    let user = UserId::new();
    let values: [&(dyn ToSql + Sync); 2] = [&user.as_uuid(), &tenant.id.as_uuid()];
    let person = "
        with person as (
            insert into users (id, email, password_hash)
            values ($1, 'x@example.com', 'none') returning id)
        insert into memberships (user_id, tenant_id, roles, state, epoch)
        select id, $2, array['member'], 'active', 5 from person";
    base.admin.execute(person, &values).await.unwrap();
    let state = |state: &str| {
        format!(
            "with changed as (
                update memberships set state = '{state}'
                 where user_id = $1 and tenant_id = $2 returning user_id)
             insert into outbox (tenant_id, user_id) select $2, user_id from changed"
        )
    };
    for (change, epoch) in [
        (state("suspended"), i64::MAX),
        (state("active"), 5),
        (state("pending"), i64::MAX),
        (LEAVE.to_owned(), i64::MAX),
    ] {
        assert_eq!(base.admin.execute(&change, &values).await.unwrap(), 1);
        let expected = told(user, tenant.id, epoch);
        assert_eq!(membership(&mut watch).await, expected, "{change}");
        // So does a gateway that comes later.
        let whole = Watch::open(&plane, 0).await.whole().await;
        assert_eq!(whole.memberships, [expected], "{change}");
    }
}
