//! What goes by mail reaches its person alone, works once, and is stored nowhere.

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use resido_control_plane::{Config, MailConfig, Secret};
use resido_e2e::{
    client::{Wire, calls},
    people::PASSWORD,
    wait,
};
use resido_proto::{
    identity::Role,
    identity_api::v1::{
        ForgotPasswordRequest, InviteUserRequest, RegisterUserRequest, ResendInvitationRequest,
        SendEmailVerificationRequest, VerifyEmailRequest, user,
    },
    tenancy::v1::DeleteTenantRequest,
};

use super::{
    logins::{Logins, OTHER, Person, SOON, from, nobody},
    mail_server::MailServer,
    mailbox::{Mailbox, token},
    plane::{Answer, Caller, reason},
    port::{member_of, message, product, refusal},
};

/// Keeps what is asked for, for the rows themselves come and go.
const WATCH: [&str; 3] = [
    "create table asked (kind text, email text, line text)",
    "create function ask() returns trigger language plpgsql security definer as $$
     begin insert into public.asked values (new.kind, new.email, new::text); return new; end $$",
    "create trigger ask after insert or update on mails for each row execute function ask()",
];
/// When mails are sent that are asked for from now on.
const IN_AN_HOUR: &str = "alter table mails alter next_time set default now() + interval '1 hour'";
const AT_ONCE: &str = "alter table mails alter next_time set default now()";
const WAITING: &str = "select count(*) from mails";

async fn watch(house: &Logins) {
    for statement in WATCH {
        house.base.sql(statement).await;
    }
}

/// Waits until no mail waits.
async fn sent(house: &Logins) {
    let sent = wait::until(SOON, async || house.base.count(WAITING).await == 0).await;
    assert!(sent, "mails wait");
}

/// Hands mails to a server.
async fn by(server: &MailServer) -> Logins {
    Logins::with(Config {
        mail: MailConfig {
            smtp_url: Secret(server.url.clone()),
            ..MailConfig::default()
        },
        ..Config::default()
    })
    .await
}

async fn send_verification(house: &Logins, email: &str) -> Answer<()> {
    let email = email.to_owned();
    let send = house.anonymous(SendEmailVerificationRequest { email });
    house.plane.auth().send_email_verification(send).await
}

async fn verify(house: &Logins, token: &str) -> Answer<()> {
    let token = token.to_owned();
    let verify = house.anonymous(VerifyEmailRequest { token });
    house.plane.auth().verify_email(verify).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_password_is_replaced_by_who_gets_the_mail() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let login = house.enter(&person).await;
    assert!(!login.user.as_ref().unwrap().email_verified);
    house.forgot(&person.email.to_uppercase()).await.unwrap();
    house.forgot(&person.email).await.unwrap();
    let mailbox = house.mailbox();
    let second = mailbox.nth(&person.email, 2).await;
    let mode = second.path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(second.subject(), "Set a new password");
    let [first, second] = &mailbox.to(&person.email)[..] else {
        panic!("not two mails")
    };
    let (first, second) = (
        first.token("reset-password"),
        second.token("reset-password"),
    );
    // A password that breaks the rules uses up nothing.
    let short = house.reset(&first, "too short").await.unwrap_err();
    assert_eq!(reason(&short), "REQUEST_INVALID");
    house.reset(&first, OTHER).await.unwrap();
    let old = house.refused(&person.email, PASSWORD).await;
    assert_eq!(old, "CREDENTIALS_INVALID");
    let over = house.over(&login.refresh_token).await;
    assert_eq!(over, "REFRESH_TOKEN_INVALID");
    // Neither this token works again nor another that was on its way.
    for token in [&first, &second] {
        let again = house.reset(token, PASSWORD).await.unwrap_err();
        assert_eq!(reason(&again), "TOKEN_INVALID");
        assert_eq!(again.code(), tonic::Code::InvalidArgument);
    }
    let login = house.login(&person.email, OTHER).await.unwrap();
    assert!(login.into_inner().user.unwrap().email_verified);
    let told = mailbox.nth(&person.email, 3).await;
    assert_eq!(told.subject(), "Your password was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_over_after_its_time() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    house.forgot(&person.email).await.unwrap();
    let mail = house.mailbox().nth(&person.email, 1).await;
    let left = "
        select count(*) from one_time_tokens
         where expire_time between now() + interval '55 minutes' and now() + interval '1 hour'";
    assert_eq!(house.base.count(left).await, 1);
    let expire = "update one_time_tokens set expire_time = now() - interval '1 s'";
    house.base.sql(expire).await;
    let token = mail.token("reset-password");
    let over = house.reset(&token, OTHER).await.unwrap_err();
    assert_eq!(reason(&over), "TOKEN_INVALID");
    house.enter(&person).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_does_not_tell_who_has_an_account() {
    let house = Logins::new().await;
    watch(&house).await;
    let (person, nobody) = (house.person(Role::MEMBER).await, nobody());
    let mut replies = Vec::new();
    for email in [&person.email, &nobody] {
        let forgot = house.forgot(email).await.unwrap();
        let verify = send_verification(&house, email).await.unwrap();
        replies.push(format!("{forgot:?} {verify:?}"));
    }
    assert_eq!(replies[0], replies[1]);
    sent(&house).await;
    // A row for each, whoever it is; a mail to who is there.
    let rows = "
        select count(distinct kind) from asked
         where email = $1 and kind in ('reset_password', 'verify_email')";
    for email in [&person.email, &nobody] {
        let rows = house.base.admin.query_one(rows, &[email]).await.unwrap();
        assert_eq!(rows.get::<_, i64>(0), 2, "{email}");
    }
    assert_eq!(house.mailbox().to(&person.email).len(), 2);
    assert_eq!(house.mailbox().all().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_gets_three_mails_an_hour_and_an_origin_asks_for_twenty() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let forgot = async |email: &str| {
        let email = email.to_owned();
        let forgot = from(
            "192.0.2.1",
            house.anonymous(ForgotPasswordRequest { email }),
        );
        house.plane.auth().forgot_password(forgot).await
    };
    for _ in 0..5 {
        forgot(&person.email).await.unwrap();
    }
    for _ in 5..20 {
        forgot(&nobody()).await.unwrap();
    }
    let blocked = forgot(&nobody()).await.unwrap_err();
    assert_eq!(reason(&blocked), "RATE_LIMITED");
    sent(&house).await;
    assert_eq!(house.mailbox().all().len(), 3);
    // Others ask on, and the next hour is another.
    house.forgot(&nobody()).await.unwrap();
    let pass = "update login_attempts set since = since - interval '1 hour'";
    house.base.sql(pass).await;
    forgot(&person.email).await.unwrap();
    house.mailbox().nth(&person.email, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_proved_by_who_gets_the_mail() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    send_verification(&house, &person.email).await.unwrap();
    let mail = house.mailbox().nth(&person.email, 1).await;
    assert_eq!(mail.subject(), "Confirm your address");
    let token = mail.token("verify-email");
    // It is good for nothing else.
    let reset = house.reset(&token, OTHER).await.unwrap_err();
    assert_eq!(reason(&reset), "TOKEN_INVALID");
    let before = house.enter(&person).await.user.unwrap();
    assert!(!before.email_verified);
    verify(&house, &token).await.unwrap();
    let again = verify(&house, &token).await.unwrap_err();
    assert_eq!(reason(&again), "TOKEN_INVALID");
    let after = house.enter(&person).await.user.unwrap();
    assert!(after.email_verified);
    assert_eq!(after.state(), user::State::Active);
}

/// Invites somebody, and returns the name of the invitation.
async fn invite(house: &Logins, owner: &Person, email: &str) -> String {
    let invite = house.by(
        owner,
        InviteUserRequest {
            email: email.to_owned(),
            roles: vec!["viewer".into()],
            validity: None,
        },
    );
    let invited = house.plane.users().invite_user(invite).await;
    invited.unwrap().into_inner().name
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_comes_by_mail_and_a_later_mail_voids_it() {
    let house = Logins::new().await;
    let owner = house.person(Role::OWNER).await;
    let email = nobody();
    let name = invite(&house, &owner, &email).await;
    let first = house.mailbox().nth(&email, 1).await;
    assert_eq!(first.subject(), "You are invited to A tenant");
    let resend = house.by(&owner, ResendInvitationRequest { name });
    house.plane.users().resend_invitation(resend).await.unwrap();
    let second = house.mailbox().nth(&email, 2).await;
    let register = async |token: String| {
        let register = house.anonymous(RegisterUserRequest {
            activation_token: token,
            email: email.clone(),
            password: PASSWORD.to_owned(),
            ..Default::default()
        });
        house.plane.users().register_user(register).await
    };
    let old = register(first.token("register")).await.unwrap_err();
    assert_eq!(reason(&old), "ACTIVATION_TOKEN_INVALID");
    let user = register(second.token("register")).await.unwrap();
    assert_eq!(user.into_inner().roles, ["viewer"]);
    let login = house.login(&email, PASSWORD).await.unwrap().into_inner();
    assert_eq!(login.user.unwrap().roles, ["viewer"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_of_a_suspended_tenant_is_sent_when_it_is_resumed() {
    let house = Logins::new().await;
    let owner = house.person(Role::OWNER).await;
    let [kept, over] = [nobody(), nobody()];
    // Nothing is sent before the tenant is suspended.
    house.base.sql(IN_AN_HOUR).await;
    for email in [&kept, &over] {
        invite(&house, &owner, email).await;
    }
    house.plane.suspend(house.tenant.id).await.unwrap();
    house.base.sql(AT_ONCE).await;
    let due = "update mails set next_time = now() - interval '1 s'";
    let look = async |mails: u64| {
        assert_eq!(house.base.sql(due).await, mails);
        // Any mail makes it look.
        house.forgot(&nobody()).await.unwrap();
        let put_off = "select count(*) from mails where next_time <= now() + interval '1 s'
                           or next_time > now() + interval '70 s'";
        let looked = async || house.base.count(put_off).await == 0;
        assert!(wait::until(SOON, looked).await, "nobody looked");
    };
    for _ in 0..6 {
        look(2).await;
    }
    let untried = "select count(*) from mails where attempts = 0";
    assert_eq!(house.base.count(untried).await, 2);
    // One that is over is forgotten all the same.
    let expire = "update invitations set expire_time = now() - interval '1 s' where email = $1";
    let expired = house.base.admin.execute(expire, &[&over]).await;
    assert_eq!(expired.unwrap(), 1);
    look(2).await;
    assert_eq!(house.base.count(WAITING).await, 1);
    house.plane.resume(house.tenant.id).await.unwrap();
    look(1).await;
    sent(&house).await;
    let mail = house.mailbox().nth(&kept, 1).await;
    let register = house.anonymous(RegisterUserRequest {
        activation_token: mail.token("register"),
        email: kept.clone(),
        password: PASSWORD.to_owned(),
        ..Default::default()
    });
    house.plane.users().register_user(register).await.unwrap();
    assert_eq!(house.mailbox().all().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_tenant_sends_no_invitation() {
    let house = Logins::new().await;
    let owner = house.person(Role::OWNER).await;
    house.base.sql(IN_AN_HOUR).await;
    invite(&house, &owner, &nobody()).await;
    house.base.sql(AT_ONCE).await;
    let delete = DeleteTenantRequest {
        name: house.tenant.id.resource_name(),
        ..Default::default()
    };
    let delete = house.plane.request(Caller::Operator, delete);
    house.plane.tenants().delete_tenant(delete).await.unwrap();
    let due = "update mails set next_time = now()";
    assert_eq!(house.base.sql(due).await, 1);
    house.forgot(&nobody()).await.unwrap();
    sent(&house).await;
    assert!(house.mailbox().all().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_gets_the_mail() {
    let server = MailServer::start("250 taken").await;
    let house = by(&server).await;
    let person = house.person(Role::MEMBER).await;
    house.forgot(&person.email).await.unwrap();
    sent(&house).await;
    let [mail] = &server.seen()[..] else {
        panic!("{:?}", server.seen())
    };
    for line in [
        "From: Resido <no-reply@resido.local>",
        &format!("To: {}", person.email),
        "Subject: Set a new password",
        "Content-Type: text/plain; charset=utf-8",
    ] {
        assert!(mail.lines().any(|has| has == line), "{line} in {mail}");
    }
    let token = token(mail, "reset-password");
    house.reset(&token, OTHER).await.unwrap();
    house.login(&person.email, OTHER).await.unwrap();
    assert!(house.mailbox().all().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_is_refused_is_tried_five_times() {
    let server = MailServer::start("451 later").await;
    let house = by(&server).await;
    let person = house.person(Role::MEMBER).await;
    watch(&house).await;
    house.forgot(&person.email).await.unwrap();
    for (attempt, seconds) in [(1, 10), (2, 40), (3, 160), (4, 640)] {
        // While it is being sent it is put off by 120 seconds.
        let least = if seconds > 120 { 120 } else { 0 };
        let put_off = format!(
            "select count(*) from mails
              where attempts = {attempt} and next_time > now() + interval '{least} s'
                and next_time <= now() + interval '{seconds} s'"
        );
        let put_off = wait::until(SOON, async || house.base.count(&put_off).await == 1).await;
        assert!(put_off, "after try {attempt}");
        let due = "update mails set next_time = now()";
        assert_eq!(house.base.sql(due).await, 1);
        // Any mail makes it look.
        house.forgot(&nobody()).await.unwrap();
    }
    sent(&house).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 5);
    let mut tokens: Vec<_> = seen
        .iter()
        .map(|mail| token(mail, "reset-password"))
        .collect();
    // None of them ever stood where mails wait, and the last one works.
    for token in &tokens {
        let stood = "select count(*) from asked where strpos(line, $1) > 0";
        let stood = house.base.admin.query_one(stood, &[token]).await.unwrap();
        assert_eq!(stood.get::<_, i64>(0), 0);
        let hash = "select count(*) from one_time_tokens where token_hash = sha256($1)";
        let token = token.as_bytes();
        let hash = house.base.admin.query_one(hash, &[&token]).await.unwrap();
        assert_eq!(hash.get::<_, i64>(0), 1);
    }
    house.reset(&tokens.pop().unwrap(), OTHER).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_that_is_away_holds_nobody_up() {
    let server = MailServer::start("250 taken").await;
    let house = by(&server).await;
    drop(server);
    let person = house.person(Role::MEMBER).await;
    house.forgot(&person.email).await.unwrap();
    let put_off = "
        select count(*) from mails
         where attempts = 1 and next_time <= now() + interval '10 s'";
    let put_off = wait::until(SOON, async || house.base.count(put_off).await == 1).await;
    assert!(put_off);
    let Logins { plane, .. } = house;
    let stopped = tokio::time::timeout(Duration::from_secs(20), plane.stop()).await;
    assert!(stopped.is_ok(), "the mail holds up the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_every_wire_a_mail_resets_a_password() {
    let product = product().await;
    let mailbox = Mailbox::new(&product.data_dir.join("outbox"));
    for wire in Wire::ALL {
        let member = member_of(product, 1).await.remove(0);
        let client = product.client(wire);
        message(&client, &calls::forgot_password(&member.email)).await;
        let mail = mailbox.nth(&member.email, 1).await;
        let token = mail.token("reset-password");
        message(&client, &calls::reset_password(&token, OTHER)).await;
        let old = calls::login(&member.email, PASSWORD, "");
        let refused = refusal(&client, &old).await;
        assert_eq!(refused.reason(), "CREDENTIALS_INVALID", "{wire:?}");
        message(&client, &calls::login(&member.email, OTHER, "")).await;
        let again = refusal(&client, &calls::reset_password(&token, PASSWORD)).await;
        assert_eq!((again.code(), again.reason()), (3, "TOKEN_INVALID"));
    }
}
