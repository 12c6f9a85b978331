//! Guessing passwords gets slower with each guess, for whoever guesses and
//! whatever account it is.

use std::{collections::BTreeMap, time::Instant};

use futures_util::future::join_all;
use resido_control_plane::{Config, Limits};
use resido_e2e::people::PASSWORD;
use resido_proto::{
    identity::Role,
    identity_api::v1::{
        RefreshRequest, RegisterUserRequest, ResetPasswordRequest, VerifyEmailRequest,
    },
};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::{
    logins::{Logins, OTHER, WRONG, from, nobody},
    plane::{Answer, reason},
};

const BLOCKED: &str = "LOGIN_BLOCKED";
const SLOWED: &str = "RATE_LIMITED";
const INVALID: &str = "CREDENTIALS_INVALID";

/// Lets no time go by: blocks that hold stay.
async fn halt(house: &Logins) {
    let halt = "update login_attempts set at = now() + interval '10 minutes'";
    house.base.sql(halt).await;
}

/// Lets so many minutes go by.
async fn pass(house: &Logins, minutes: u32) {
    let pass = format!(
        "update login_attempts set at = now() - interval '{minutes} minutes',
                                   since = since - interval '{minutes} minutes'"
    );
    house.base.sql(&pass).await;
}

/// Fails until it is blocked, and returns how often that was possible. On a slow
/// machine a second goes by before, and each earns a try.
async fn until_blocked<T: std::fmt::Debug>(
    free: u32,
    mut fail: impl AsyncFnMut() -> Answer<T>,
) -> (u32, Status) {
    for failures in 0..free + 8 {
        let status = fail().await.unwrap_err();
        if reason(&status) == BLOCKED {
            return (failures, status);
        }
    }
    panic!("nothing is blocked");
}

fn wait_seconds(status: &Status) -> u64 {
    assert_eq!(reason(status), BLOCKED);
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    let details = status.get_error_details();
    let wait = details.retry_info().unwrap().retry_delay.unwrap();
    assert_eq!(wait.subsec_nanos(), 0);
    wait.as_secs()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_wrong_passwords_block_an_account_whether_or_not_it_exists() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let mut answers = Vec::new();
    for email in [person.email.clone(), nobody()] {
        let mut wrong = Vec::new();
        let (failures, blocked) = until_blocked(5, async || {
            let answer = house.login(&email, WRONG).await;
            wrong.extend(
                answer
                    .as_ref()
                    .err()
                    .map(|status| status.details().to_vec()),
            );
            answer
        })
        .await;
        assert!((5..9).contains(&failures), "{failures}");
        assert!((1..=16).contains(&wait_seconds(&blocked)));
        halt(&house).await;
        let level = "update login_attempts set number = 10";
        house.base.sql(level).await;
        let blocked = house.login(&email, WRONG).await.unwrap_err();
        // Whole seconds are all that may differ, and these have as many digits.
        let told = (blocked.message().to_owned(), blocked.details().len());
        answers.push((wrong.remove(0), blocked.code(), told));
    }
    let unknown = answers.pop();
    assert_eq!(
        answers.pop(),
        unknown,
        "the answers tell who has an account"
    );
    // A right password is not looked at either.
    for email in [&person.email, &person.email.to_uppercase()] {
        let blocked = house.login(email, PASSWORD).await.unwrap_err();
        // The ten minutes that stand still, and 32 seconds.
        let left = wait_seconds(&blocked);
        assert!((600..=632).contains(&left), "{left}");
    }
    assert_eq!(house.refused(&nobody(), PASSWORD).await, INVALID);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_ends_and_the_right_password_forgets_it() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let (_, blocked) = until_blocked(5, async || house.login(&person.email, WRONG).await).await;
    wait_seconds(&blocked);
    pass(&house, 10).await;
    house.enter(&person).await;
    let counted = "select count(*) from login_attempts";
    assert_eq!(house.base.count(counted).await, 0);
    for _ in 0..4 {
        assert_eq!(house.refused(&person.email, WRONG).await, INVALID);
    }
    house.enter(&person).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_further_failure_doubles_the_wait_up_to_a_quarter_of_an_hour() {
    let house = Logins::new().await;
    let email = nobody();
    assert_eq!(house.refused(&email, WRONG).await, INVALID);
    for (failures, wait) in [
        (8, 8),
        (9, 16),
        (14, 512),
        (15, 900),
        (16, 900),
        (1000, 900),
    ] {
        let set = format!("update login_attempts set number = {failures}, at = now()");
        house.base.sql(&set).await;
        let blocked = house.login(&email, WRONG).await.unwrap_err();
        let told = wait_seconds(&blocked);
        assert!((wait - 5..=wait).contains(&told), "{failures}: {told}");
    }
    // To be refused is no failure, and an hour without one a fresh start.
    let counted = "select max(number)::int8 from login_attempts";
    assert_eq!(house.base.count(counted).await, 1000);
    pass(&house, 61).await;
    assert_eq!(house.refused(&email, WRONG).await, INVALID);
    assert_eq!(house.base.count(counted).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_origin_is_blocked_for_all_accounts_and_no_other_is() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    for (here, same, other) in [
        ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
    ] {
        let fail = async || house.login_from(here, &nobody(), WRONG).await;
        let (failures, _) = until_blocked(20, fail).await;
        assert!((20..24).contains(&failures), "{failures}");
        halt(&house).await;
        for client in [here, same] {
            let blocked = house.login_from(client, &person.email, PASSWORD).await;
            assert!(wait_seconds(&blocked.unwrap_err()) > 500);
        }
        let entered = house.login_from(other, &person.email, PASSWORD).await;
        assert!(entered.is_ok(), "{entered:?}");
        // An account of one's own clears nothing.
        pass(&house, 20).await;
        let entered = house.login_from(here, &person.email, PASSWORD).await;
        assert!(entered.is_ok(), "{entered:?}");
        halt(&house).await;
        let blocked = house.login_from(here, &person.email, PASSWORD).await;
        wait_seconds(&blocked.unwrap_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_elsewhere_does_not_lock_a_person_out() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let (stranger, home) = ("192.0.2.66", "198.51.100.7");
    let mut told = Vec::new();
    for email in [person.email.clone(), nobody()] {
        let fail = async || house.login_from(stranger, &email, WRONG).await;
        let (failures, _) = until_blocked(5, fail).await;
        assert!((5..9).contains(&failures), "{failures}");
        halt(&house).await;
        let level = "update login_attempts set number = 10";
        house.base.sql(level).await;
        let blocked = house.login_from(stranger, &email, WRONG).await.unwrap_err();
        told.push((blocked.message().to_owned(), blocked.details().len()));
        // Elsewhere nothing is blocked, whether or not there is anybody.
        let wrong = house.login_from(home, &email, WRONG).await.unwrap_err();
        assert_eq!(reason(&wrong), INVALID);
        house.base.sql("delete from login_attempts").await;
    }
    assert_eq!(told[0], told[1], "the answers tell who has an account");
    let fail = async || house.login_from(stranger, &person.email, WRONG).await;
    until_blocked(5, fail).await;
    halt(&house).await;
    let entered = house.login_from(home, &person.email, PASSWORD).await;
    assert!(entered.is_ok(), "{entered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_from_everywhere_block_an_account_for_half_a_minute_at_most() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    for email in [person.email.clone(), nobody()] {
        for network in 0..100 {
            let client = format!("203.0.113.{network}");
            let wrong = house.login_from(&client, &email, WRONG).await.unwrap_err();
            assert_eq!(reason(&wrong), INVALID, "{network}");
        }
        let blocked = house.login_from("198.51.100.7", &email, PASSWORD).await;
        let wait = wait_seconds(&blocked.unwrap_err());
        assert!((1..=2).contains(&wait), "{wait}");
        // However many there were.
        let many = "update login_attempts set number = 5000, at = now() where number >= 100";
        assert_eq!(house.base.sql(many).await, 1);
        let blocked = house.login_from("198.51.100.7", &email, PASSWORD).await;
        let wait = wait_seconds(&blocked.unwrap_err());
        assert!((25..=30).contains(&wait), "{wait}");
        // The next hour is another, whatever came in between.
        let next = "update login_attempts set since = since - interval '1 hour'";
        house.base.sql(next).await;
        let answer = house.login_from("198.51.100.7", &email, WRONG).await;
        assert_eq!(reason(&answer.unwrap_err()), INVALID);
        house.base.sql("delete from login_attempts").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_from_everywhere_keep_nobody_out_where_they_log_in() {
    let limits = Limits {
        failures_of_account: 3,
        ..Limits::default()
    };
    let house = Logins::with(Config {
        limits,
        ..Config::default()
    })
    .await;
    let person = house.person(Role::MEMBER).await;
    let (home, elsewhere) = ("198.51.100.7", "198.51.100.8");
    let enter = async |client: &str, password: &str| {
        let entered = house.login_from(client, &person.email, password).await;
        entered.map_or_else(|status| reason(&status), |_| "entered".to_owned())
    };
    assert_eq!(enter(home, PASSWORD).await, "entered");
    for network in 0..3 {
        let client = format!("203.0.113.{network}");
        assert_eq!(enter(&client, WRONG).await, INVALID, "{network}");
    }
    halt(&house).await;
    assert_eq!(enter(elsewhere, PASSWORD).await, BLOCKED);
    assert_eq!(enter(home, PASSWORD).await, "entered");
    // A month later it is a place like any.
    let month = "update login_origins set at = at - interval '30 days'";
    assert_eq!(house.base.sql(month).await, 1);
    assert_eq!(enter(home, PASSWORD).await, BLOCKED);
    // Who guesses there is slowed down as anywhere.
    let back = "update login_origins set at = now()";
    assert_eq!(house.base.sql(back).await, 1);
    let fail = async || house.login_from(home, &person.email, WRONG).await;
    let (failures, _) = until_blocked(5, fail).await;
    assert!((5..9).contains(&failures), "{failures}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_bring_a_token_are_bounded_for_each_address() {
    let limits = Limits {
        token_calls_from_address: 3,
        refreshes_from_address: 2,
        ..Limits::default()
    };
    let house = Logins::with(Config {
        limits,
        ..Config::default()
    })
    .await;
    let person = house.person(Role::MEMBER).await;
    let login = house.enter(&person).await;
    let refresh = async |client: &str, token: &str| {
        let refresh_token = token.to_owned();
        let refresh = house.anonymous(RefreshRequest { refresh_token });
        house.plane.auth().refresh(from(client, refresh)).await
    };
    let here = "192.0.2.1";
    let next = refresh(here, &login.refresh_token).await.unwrap();
    let next = next.into_inner().refresh_token;
    let garbage = refresh(here, "garbage").await.unwrap_err();
    assert_eq!(reason(&garbage), "REFRESH_TOKEN_INVALID");
    slowed(&refresh(here, &next).await.unwrap_err());
    // What was refused is good still, and others are not concerned.
    let elsewhere = refresh("192.0.2.2", &next).await;
    assert!(elsewhere.is_ok(), "{elsewhere:?}");

    let reset = async || {
        let reset = house.anonymous(ResetPasswordRequest {
            token: "A".repeat(43),
            new_password: OTHER.to_owned(),
        });
        let mut auth = house.plane.auth();
        reason(&auth.reset_password(from(here, reset)).await.unwrap_err())
    };
    assert_eq!(reset().await, "TOKEN_INVALID");
    let verify = async || {
        let token = "A".repeat(43);
        let verify = house.anonymous(VerifyEmailRequest { token });
        house.plane.auth().verify_email(from(here, verify)).await
    };
    assert_eq!(reason(&verify().await.unwrap_err()), "TOKEN_INVALID");
    let register = async |client: &str| {
        let register = house.anonymous(RegisterUserRequest {
            activation_token: "A".repeat(43),
            email: nobody(),
            password: PASSWORD.to_owned(),
            ..Default::default()
        });
        let register = from(client, register);
        let answer = house.plane.users().register_user(register).await;
        answer.unwrap_err()
    };
    let unknown = register(here).await;
    assert_eq!(reason(&unknown), "ACTIVATION_TOKEN_INVALID");
    slowed(&register(here).await);
    assert_eq!(reset().await, SLOWED);
    slowed(&verify().await.unwrap_err());
    let other = register("192.0.2.2").await;
    assert_eq!(reason(&other), "ACTIVATION_TOKEN_INVALID");
}

/// Checks that a call was refused for the rest of a minute.
fn slowed(status: &Status) {
    assert_eq!(reason(status), SLOWED, "{status:?}");
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    let wait = status.get_error_details().retry_info().unwrap().retry_delay;
    assert!((1..=60).contains(&wait.unwrap().as_secs()), "{wait:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_guesses_at_once_are_no_more_than_those_that_are_free() {
    let house = Logins::with(Config {
        max_hashes: 2,
        max_waiting_hashes: 200,
        ..Config::default()
    })
    .await;
    let person = house.person(Role::MEMBER).await;
    let begin = Instant::now();
    let racers = (0..100).map(|_| house.refused(&person.email, WRONG));
    let mut answers = BTreeMap::new();
    for reason in join_all(racers).await {
        *answers.entry(reason).or_insert(0_u32) += 1;
    }
    // The first waits end after 1, 3, 7 … seconds, and each earns a try.
    let earned = (begin.elapsed().as_secs() + 1).ilog2();
    let (tried, blocked) = (answers.remove(INVALID), answers.remove(BLOCKED));
    assert!(answers.is_empty(), "{answers:?}");
    let (tried, blocked) = (tried.unwrap(), blocked.unwrap());
    assert_eq!(tried + blocked, 100);
    assert!((5..=6 + earned).contains(&tried), "{tried} tries");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_of_accounts_are_not_guessed_by_registering() {
    let house = Logins::new().await;
    let person = house.person(Role::MEMBER).await;
    let (elsewhere, created) = house.plane.create("globex").await;
    let invite = "
        update activation_tokens set email = $1 where tenant_id = $2";
    let id = elsewhere.id.as_uuid();
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&person.email, &id];
    assert_eq!(house.base.admin.execute(invite, &values).await.unwrap(), 1);
    let register = |password: &str| {
        house.anonymous(RegisterUserRequest {
            activation_token: created.activation_token.clone(),
            email: person.email.clone(),
            password: password.to_owned(),
            ..Default::default()
        })
    };
    let fail = async || {
        let register = register(OTHER);
        house.plane.users().register_user(register).await
    };
    let (failures, _) = until_blocked(5, fail).await;
    assert!((5..9).contains(&failures), "{failures}");
    halt(&house).await;
    assert_eq!(house.refused(&person.email, PASSWORD).await, BLOCKED);
    pass(&house, 10).await;
    let registered = house.plane.users().register_user(register(PASSWORD)).await;
    assert!(registered.is_ok(), "{registered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_mails_are_not_guessed() {
    let house = Logins::new().await;
    let mut auth = house.plane.auth();
    let reset = |token: String| {
        let reset = house.anonymous(ResetPasswordRequest {
            token,
            new_password: OTHER.to_owned(),
        });
        from("192.0.2.1", reset)
    };
    let fail = async || {
        let status = auth.reset_password(reset("A".repeat(43))).await;
        if let Err(status) = &status {
            assert!(["TOKEN_INVALID", BLOCKED].contains(&&*reason(status)));
        }
        status
    };
    let (failures, _) = until_blocked(20, fail).await;
    assert!((20..24).contains(&failures), "{failures}");
    halt(&house).await;
    let token = "garbage".to_owned();
    let verify = from("192.0.2.1", house.anonymous(VerifyEmailRequest { token }));
    let blocked = house.plane.auth().verify_email(verify).await;
    wait_seconds(&blocked.unwrap_err());
}
