//! An invitation makes one person a member, of what it gives, while it is open.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use resido_control_plane::{Config, Limits};
use resido_e2e::people::PASSWORD;
use resido_migrations::Sets;
use resido_proto::{
    identity::{ContextClaims, Subject},
    identity_api::v1::{
        self as proto, InviteUserRequest, ListInvitationsRequest, RegisterUserRequest,
        ResendInvitationRequest, RevokeInvitationRequest, invitation::State,
    },
    ids::UserId,
};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::{
    plane::{Answer, Caller, reason},
    staff::{House, texts},
};

fn registration(token: &str, email: &str) -> RegisterUserRequest {
    RegisterUserRequest {
        activation_token: token.into(),
        email: email.into(),
        password: PASSWORD.into(),
        ..Default::default()
    }
}

async fn register(house: &House, token: &str, email: &str) -> Answer<proto::User> {
    let register = registration(token, email);
    let register = house.plane.request(Caller::Anonymous, register);
    house.plane.users().register_user(register).await
}

async fn ask(house: &House, who: UserId, role: &str, email: &str, roles: &[&str]) -> Status {
    let invite = InviteUserRequest {
        email: email.into(),
        roles: texts(roles),
        validity: None,
    };
    let invite = house.by(who, &[role], invite);
    house.plane.users().invite_user(invite).await.unwrap_err()
}

async fn resend(house: &House, name: &str) -> Answer<proto::Invitation> {
    let resend = house.owner(ResendInvitationRequest { name: name.into() });
    house.plane.users().resend_invitation(resend).await
}

async fn revoke(house: &House, name: &str) -> Answer<proto::Invitation> {
    let revoke = house.owner(RevokeInvitationRequest { name: name.into() });
    house.plane.users().revoke_invitation(revoke).await
}

async fn list(house: &House) -> Vec<(String, State)> {
    let list = house.owner(ListInvitationsRequest::default());
    let listed = house.plane.users().list_invitations(list).await.unwrap();
    let listed = listed.into_inner().invitations.into_iter();
    listed
        .map(|invitation| (invitation.email.clone(), invitation.state()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_use_an_invitation_at_once_one_gets_in() {
    let mut house = House::new().await;
    let config = Config {
        reconcile_seconds: 3600,
        ..Config::default()
    };
    house.plane = house.base.plane_of(config, Sets::embedded().unwrap());
    let email = "new@acme.example";
    let invitation = house.invite(email, &["member"]).await;
    let token = house.plant(&invitation).await;
    let racers = (0..50).map(|_| register(&house, &token, email));
    let mut outcomes = BTreeMap::new();
    for answer in join_all(racers).await {
        let outcome = answer.map_or_else(|status| reason(&status), |_| "member".into());
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    let expected = [("ACTIVATION_TOKEN_INVALID", 49), ("member", 1)];
    assert_eq!(outcomes, expected.map(|(k, n)| (k.to_owned(), n)).into());
    let users = "select count(*) from users where email = 'new@acme.example'";
    assert_eq!(house.base.count(users).await, 1);
    let members = "
        select count(*) from memberships m join users u on u.id = m.user_id
         where u.email = 'new@acme.example' and m.roles = array['member']";
    assert_eq!(house.base.count(members).await, 1);
    let accepted = "select count(*) from invitations where state = 'accepted'";
    assert_eq!(house.base.count(accepted).await, 1);
    assert!(list(&house).await.is_empty());
    assert_eq!(
        reason(&resend(&house, &invitation.name).await.unwrap_err()),
        "INVITATION_OVER"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_latest_token_of_an_invitation_works() {
    let house = House::new().await;
    let email = "new@acme.example";
    let invitation = house.invite(email, &["viewer"]).await;
    assert_eq!(invitation.state(), State::Open);
    assert_eq!(invitation.inviter, house.owner.resource_name());
    let first = house.plant(&invitation).await;
    // Who invites again changes what is offered.
    let again = house.invite("NEW@acme.example", &["member"]).await;
    assert_eq!(again.name, invitation.name);
    assert_eq!(again.roles, ["member"]);
    let second = house.plant(&invitation).await;
    let sent = resend(&house, &invitation.name).await.unwrap().into_inner();
    assert!(sent.expire_time.unwrap().seconds >= again.expire_time.unwrap().seconds);
    let third = house.plant(&invitation).await;
    for (token, address) in [
        (&first, email),
        (&second, email),
        (&third, "other@acme.example"),
    ] {
        let refused = register(&house, token, address).await.unwrap_err();
        assert_eq!(reason(&refused), "ACTIVATION_TOKEN_INVALID");
    }
    let user = register(&house, &third, email).await.unwrap().into_inner();
    assert_eq!(user.roles, ["member"]);
    // The token came by mail.
    assert!(user.email_verified);
    let record = house.record().await;
    let expected = [
        "users.invite",
        "users.invite",
        "invitations.resend",
        "users.register",
    ];
    assert!(record.ends_with(&texts(&expected)), "{record:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_withdrawn_or_over_lets_nobody_in() {
    let house = House::new().await;
    let withdrawn = house.invite("a@acme.example", &["viewer"]).await;
    let over = house.invite("b@acme.example", &["viewer"]).await;
    let tokens = [house.plant(&withdrawn).await, house.plant(&over).await];
    let expire = "
        update invitations set expire_time = now() - interval '1 s'
         where email = 'b@acme.example'";
    assert_eq!(house.base.sql(expire).await, 1);
    let revoked = revoke(&house, &withdrawn.name).await.unwrap().into_inner();
    assert_eq!(revoked.state(), State::Revoked);
    // It stays so.
    assert!(revoke(&house, &withdrawn.name).await.is_ok());
    let refused = resend(&house, &withdrawn.name).await.unwrap_err();
    assert_eq!(reason(&refused), "INVITATION_OVER");
    for (token, email) in tokens.iter().zip(["a@acme.example", "b@acme.example"]) {
        let refused = register(&house, token, email).await.unwrap_err();
        assert_eq!(reason(&refused), "ACTIVATION_TOKEN_INVALID", "{email}");
    }
    let expired = ("b@acme.example".to_owned(), State::Expired);
    assert_eq!(list(&house).await, [expired]);
    // What is over in time can be sent again.
    let sent = resend(&house, &over.name).await.unwrap().into_inner();
    assert_eq!(sent.state(), State::Open);
    let token = house.plant(&over).await;
    assert!(register(&house, &token, "b@acme.example").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_does_not_tell_who_has_an_account() {
    let house = House::new().await;
    let (elsewhere, _) = house.plane.create("globex").await;
    let known = super::staff::hire(&house.base, elsewhere, UserId::new(), &["viewer"]).await;
    let known = format!("{}@acme.example", known.as_uuid().simple());
    let mut replies = Vec::new();
    for email in [known.as_str(), "nobody@acme.example"] {
        let mut reply = house.invite(email, &["viewer"]).await;
        assert_eq!(reply.email, email);
        reply.name.truncate("invitations/".len());
        reply.email.clear();
        (reply.create_time, reply.expire_time) = (None, None);
        replies.push(reply);
    }
    assert_eq!(replies[0], replies[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_invites_to_more_than_they_may_do() {
    let house = House::new().await;
    let admin = house.hire(&["admin"]).await;
    let member = format!("{}@acme.example", admin.as_uuid().simple());
    let new = "new@acme.example";
    for (role, email, roles, expected) in [
        ("admin", new, &["owner"][..], "ROLE_REQUIRED"),
        ("member", new, &["viewer"], "ROLE_REQUIRED"),
        ("owner", new, &["nonsense"], "REQUEST_INVALID"),
        ("owner", new, &["platform_admin"], "REQUEST_INVALID"),
        ("owner", new, &["viewer", "viewer"], "REQUEST_INVALID"),
        ("owner", new, &[], "REQUEST_INVALID"),
        ("owner", &member, &["viewer"], "MEMBER_EXISTS"),
    ] {
        let refused = ask(&house, admin, role, email, roles).await;
        assert_eq!(reason(&refused), expected, "{role} {roles:?}");
    }
    // A key for one thing makes nobody an admin.
    let invite = InviteUserRequest {
        email: new.into(),
        roles: texts(&["admin"]),
        validity: None,
    };
    let narrow = house.claiming(admin, invite, |claims| {
        claims.perm = Some(texts(&["users.write"]));
    });
    let refused = house.plane.users().invite_user(narrow).await.unwrap_err();
    assert_eq!(reason(&refused), "ROLE_REQUIRED");
    assert!(list(&house).await.is_empty());
    // Nor does an admin send an owner's invitation again, or withdraw it, or make
    // another of it.
    let owners = house.invite(new, &["owner"]).await;
    for email in [new, "NEW@acme.example"] {
        let refused = ask(&house, admin, "admin", email, &["viewer"]).await;
        assert_eq!(reason(&refused), "ROLE_REQUIRED", "{email}");
    }
    let given = "select count(*) from invitations where roles = array['owner']";
    assert_eq!(house.base.count(given).await, 1);
    let name = owners.name.clone();
    let resend = house.by(admin, &["admin"], ResendInvitationRequest { name });
    let refused = house.plane.users().resend_invitation(resend).await;
    assert_eq!(reason(&refused.unwrap_err()), "ROLE_REQUIRED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invitations_of_another_tenant_do_not_exist() {
    let house = House::new().await;
    let (elsewhere, _) = house.plane.create("globex").await;
    let invitation = house.invite("new@acme.example", &["viewer"]).await;
    let other = Caller::Owner(elsewhere, UserId::new());
    let name = invitation.name;
    let revoke = RevokeInvitationRequest { name: name.clone() };
    let revoke = house.plane.request(other, revoke);
    let refused = house.plane.users().revoke_invitation(revoke).await;
    assert_eq!(reason(&refused.unwrap_err()), "RESOURCE_NOT_FOUND");
    let resend = house.plane.request(other, ResendInvitationRequest { name });
    let refused = house.plane.users().resend_invitation(resend).await;
    assert_eq!(reason(&refused.unwrap_err()), "RESOURCE_NOT_FOUND");
    let list = ListInvitationsRequest::default();
    let list = house.plane.request(other, list);
    let listed = house.plane.users().list_invitations(list).await.unwrap();
    assert!(listed.into_inner().invitations.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_has_a_thousand_open_invitations_at_most() {
    let house = House::new().await;
    let first = house.invite("first@acme.example", &["viewer"]).await;
    let fill = "
        insert into invitations (id, tenant_id, email, roles, inviter, validity, expire_time)
        select gen_random_uuid(), tenant_id, n || '@x.example', roles, inviter, validity,
               expire_time
          from invitations, generate_series(2, 1000) n";
    assert_eq!(house.base.sql(fill).await, 999);
    let refused = ask(
        &house,
        house.owner,
        "owner",
        "one@acme.example",
        &["viewer"],
    )
    .await;
    assert_eq!(reason(&refused), "LIMIT_REACHED");
    assert!(refused.get_error_details().error_info().is_some());
    // One that is open already is no further one.
    let again = house.invite("first@acme.example", &["member"]).await;
    assert_eq!(again.name, first.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recipient_gets_three_invitations_an_hour_of_all_tenants() {
    let house = House::new().await;
    let (elsewhere, _) = house.plane.create("globex").await;
    let email = "new@acme.example";
    let invitation = house.invite(email, &["viewer"]).await;
    house.plant(&invitation).await;
    resend(&house, &invitation.name).await.unwrap();
    let other = async || {
        let invite = InviteUserRequest {
            email: email.to_uppercase(),
            roles: texts(&["viewer"]),
            validity: None,
        };
        let owner = Caller::Owner(elsewhere, UserId::new());
        let invite = house.plane.request(owner, invite);
        house.plane.users().invite_user(invite).await
    };
    other().await.unwrap();
    slowed(&other().await.unwrap_err());
    slowed(&resend(&house, &invitation.name).await.unwrap_err());
    slowed(&ask(&house, house.owner, "owner", email, &["member"]).await);
    // What was refused has changed nothing, and others are invited.
    let member = "select count(*) from invitations where roles = array['member']";
    assert_eq!(house.base.count(member).await, 0);
    house.invite("other@acme.example", &["viewer"]).await;
    // The next hour is another.
    let next = "update login_attempts set since = since - interval '1 hour'";
    house.base.sql(next).await;
    resend(&house, &invitation.name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inviter_and_a_tenant_send_so_many_invitations_an_hour() {
    let mut house = House::new().await;
    let limits = Limits {
        invitations_of_inviter: 2,
        invitations_of_tenant: 3,
        ..Limits::default()
    };
    let config = Config {
        reconcile_seconds: 3600,
        limits,
        ..Config::default()
    };
    house.plane = house.base.plane_of(config, Sets::embedded().unwrap());
    let admin = house.hire(&["admin"]).await;
    let first = house.invite("a@acme.example", &["viewer"]).await;
    resend(&house, &first.name).await.unwrap();
    // To send again counts.
    slowed(&resend(&house, &first.name).await.unwrap_err());
    slowed(&ask(&house, house.owner, "owner", "b@acme.example", &["viewer"]).await);
    // Another of the tenant invites on, as long as the tenant may.
    let invite = |email: &str| InviteUserRequest {
        email: email.into(),
        roles: texts(&["viewer"]),
        validity: None,
    };
    let by_admin = house.by(admin, &["admin"], invite("b@acme.example"));
    house.plane.users().invite_user(by_admin).await.unwrap();
    slowed(&ask(&house, admin, "admin", "c@acme.example", &["viewer"]).await);
    let (elsewhere, _) = house.plane.create("globex").await;
    let other = Caller::Owner(elsewhere, UserId::new());
    let other = house.plane.request(other, invite("c@acme.example"));
    house.plane.users().invite_user(other).await.unwrap();
    assert_eq!(list(&house).await.len(), 2);
}

/// Checks that an invitation was refused for the rest of an hour.
fn slowed(status: &Status) {
    assert_eq!(reason(status), "RATE_LIMITED", "{status:?}");
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    let wait = status.get_error_details().retry_info().unwrap().retry_delay;
    assert!((3500..=3600).contains(&wait.unwrap().as_secs()), "{wait:?}");
}

#[tokio::test]
async fn an_impersonation_gives_nothing_that_outlives_it() {
    let house = House::new().await;
    let member = house.hire(&["member"]).await;
    let acting = |claims: &mut ContextClaims| {
        claims.act = Some(Subject::User(UserId::new()));
    };
    let invite = InviteUserRequest {
        email: "evil@acme.example".into(),
        roles: texts(&["owner"]),
        validity: None,
    };
    let invite = house.claiming(house.owner, invite, acting);
    let refused = house.plane.users().invite_user(invite).await.unwrap_err();
    assert_eq!(reason(&refused), "IMPERSONATION_REFUSED");
    let promote = proto::SetRolesRequest {
        name: member.resource_name(),
        roles: texts(&["owner"]),
        etag: String::new(),
    };
    let promote = house.claiming(house.owner, promote, acting);
    let refused = house.plane.users().set_roles(promote).await.unwrap_err();
    assert_eq!(reason(&refused), "IMPERSONATION_REFUSED");
    assert!(list(&house).await.is_empty());
}
