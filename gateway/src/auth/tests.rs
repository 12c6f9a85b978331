//! API keys and tokens of a shared secret, from their headers to a principal.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use resido_observability::Metrics;
use resido_proto::{
    error::Failure as _,
    identity::{Role, Subject},
    identity_api::v1::{ResolveApiKeyRequest, ResolveApiKeyResponse},
    ids::{TenantId, UserId},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tonic::Status;
use uuid::Uuid;

use super::{ApiKeys, Authenticator, Credentials, KeySource, Principal, Proof, SharedSecret};
use crate::refusal::Refusal;

const SECRET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL_-789";
const KEY_ID: Uuid = Uuid::from_u128(7);

type Answer = Result<ResolveApiKeyResponse, Status>;

/// A control plane that gives the answers it is told to, the last one again and
/// again, once it may.
struct Plane {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<ResolveApiKeyRequest>>,
    open: AtomicUsize,
    /// Whether answers wait until they are let go.
    holds: bool,
    go: Notify,
}

impl Plane {
    fn new(answers: impl IntoIterator<Item = Answer>, holds: bool) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            asked: Mutex::default(),
            open: AtomicUsize::new(0),
            holds,
            go: Notify::new(),
        })
    }

    fn authenticator(self: &Arc<Self>, metrics: &Metrics) -> Authenticator {
        let plane = Arc::clone(self);
        let ask = Box::new(move |request| {
            let plane = Arc::clone(&plane);
            plane.asked.lock().unwrap().push(request);
            let mut answers = plane.answers.lock().unwrap();
            let answer = if answers.len() > 1 {
                answers.pop_front().unwrap()
            } else {
                answers[0].clone()
            };
            drop(answers);
            let future: futures_util::future::BoxFuture<'static, Answer> = Box::pin(async move {
                plane.open.fetch_add(1, Ordering::SeqCst);
                if plane.holds {
                    plane.go.notified().await;
                }
                plane.open.fetch_sub(1, Ordering::SeqCst);
                answer
            });
            future
        });
        authenticator(None).with_api_keys(ApiKeys::new(ask, metrics.clone()))
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn authenticator(secret: Option<&SharedSecret>) -> Authenticator {
    Authenticator::new(KeySource::none(), "resido", &["resido".to_owned()])
        .with_shared_secret(secret)
}

fn text(prefix: &str) -> String {
    format!("rsk_{prefix}_{SECRET}")
}

fn known(tenant: TenantId) -> ResolveApiKeyResponse {
    ResolveApiKeyResponse {
        id: KEY_ID.to_string(),
        tenant_id: tenant.to_string(),
        roles: vec!["member".into()],
        scopes: vec!["units.read".into()],
        grants: vec!["units.write".into()],
        expire_time: None,
    }
}

fn ending_in(seconds: i64) -> Answer {
    let now = i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap();
    let end = prost_types::Timestamp {
        seconds: now + seconds,
        nanos: 0,
    };
    Ok(ResolveApiKeyResponse {
        expire_time: Some(end),
        ..known(TenantId::new())
    })
}

fn gone() -> Answer {
    Err(Status::not_found("no such key"))
}

async fn show(by: &Authenticator, name: &str, value: &str) -> Result<Arc<Principal>, Refusal> {
    let mut headers = HeaderMap::new();
    let name: HeaderName = name.parse().unwrap();
    headers.insert(name, HeaderValue::from_str(value).unwrap());
    by.authenticate(&Credentials::read(&headers, None)).await
}

async fn key(by: &Authenticator) -> Result<Arc<Principal>, Refusal> {
    show(by, "x-api-key", &text("aaaaaaaaaaaa")).await
}

fn reason<T: std::fmt::Debug>(result: Result<T, Refusal>) -> &'static str {
    result.unwrap_err().reason()
}

#[tokio::test]
async fn g6_a_key_is_asked_for_once_and_believed_as_answered() {
    let tenant = TenantId::new();
    let (plane, metrics) = (Plane::new([Ok(known(tenant))], false), Metrics::default());
    let by = plane.authenticator(&metrics);
    let text = text("aaaaaaaaaaaa");
    for (name, value) in [
        ("x-api-key", text.clone()),
        ("authorization", format!("ApiKey {text}")),
        ("authorization", format!("apikey  {text}")),
    ] {
        let principal = show(&by, name, &value).await.unwrap();
        assert_eq!(principal.subject, Subject::ApiKey(KEY_ID.to_string()));
        assert_eq!(principal.tenant, Some(tenant));
        assert_eq!(principal.roles, [Role::MEMBER]);
        assert_eq!(principal.permissions, Some(vec!["units.read".to_owned()]));
        assert_eq!(principal.grants, ["units.write"]);
        assert_eq!(principal.accepted_until, None);
    }
    let asked = plane.asked.lock().unwrap().clone();
    let hash = Sha256::digest(SECRET).to_vec();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].prefix.as_str(), &asked[0].secret_hash),
        ("aaaaaaaaaaaa", &hash)
    );
    let text = metrics.render();
    for count in ["{result=\"miss\"} 1", "{result=\"hit\"} 2"] {
        assert!(text.contains(count), "{text}");
    }
}

#[tokio::test]
async fn a_key_without_scopes_is_not_narrowed() {
    let mut answer = known(TenantId::new());
    answer.scopes.clear();
    let by = Plane::new([Ok(answer)], false).authenticator(&Metrics::default());
    assert_eq!(key(&by).await.unwrap().permissions, None);
}

#[tokio::test]
async fn g6_wrong_keys_are_asked_for_once_and_misshapen_ones_never() {
    let (plane, metrics) = (Plane::new([gone()], false), Metrics::default());
    let by = plane.authenticator(&metrics);
    for _ in 0..3 {
        assert_eq!(reason(key(&by).await), "CREDENTIAL_INVALID");
    }
    assert_eq!(plane.count(), 1);
    assert!(metrics.render().contains("{result=\"negative\"} 2"));
    for wrong in ["rsk_", "key", &SECRET[1..]] {
        assert_eq!(
            reason(show(&by, "x-api-key", wrong).await),
            "CREDENTIAL_INVALID"
        );
    }
    assert_eq!(plane.count(), 1);
    // Where there is no control plane, there are no keys.
    assert_eq!(
        reason(key(&authenticator(None)).await),
        "CREDENTIAL_INVALID"
    );
}

#[tokio::test]
async fn a_key_is_not_called_wrong_when_nobody_can_tell() {
    let away = || Err(Status::unavailable("away"));
    let odd = ResolveApiKeyResponse::default();
    let answers = [
        away(),
        Err(Status::internal("x")),
        Ok(odd),
        Ok(known(TenantId::new())),
    ];
    let by = Plane::new(answers, false).authenticator(&Metrics::default());
    for expected in [
        "UPSTREAM_UNAVAILABLE",
        "UPSTREAM_UNAVAILABLE",
        "UPSTREAM_INVALID",
    ] {
        assert_eq!(reason(key(&by).await), expected);
    }
    assert!(key(&by).await.is_ok(), "a failure is not remembered");
}

#[tokio::test(start_paused = true)]
async fn a_silent_control_plane_is_not_waited_for() {
    let by = Plane::new([gone()], true).authenticator(&Metrics::default());
    let started = tokio::time::Instant::now();
    assert_eq!(reason(key(&by).await), "UPSTREAM_UNAVAILABLE");
    assert_eq!(started.elapsed(), Duration::from_secs(5));
}

#[tokio::test]
async fn a_key_is_not_remembered_beyond_its_end() {
    for (seconds, good) in [(-1, false), (0, false), (30, true)] {
        let plane = Plane::new([ending_in(seconds)], false);
        let by = plane.authenticator(&Metrics::default());
        for _ in 0..2 {
            assert_eq!(key(&by).await.is_ok(), good, "{seconds}");
        }
        assert_eq!(plane.count(), 1);
    }
}

#[tokio::test]
async fn what_is_known_of_a_key_is_void_when_it_changes() {
    let known = || Ok(known(TenantId::new()));
    let plane = Plane::new([known(), known(), gone()], false);
    let by = plane.authenticator(&Metrics::default());
    let first = key(&by).await.unwrap();
    by.api_keys().changed(&Uuid::from_u128(8).to_string());
    assert!(!by.is_void(&first) && key(&by).await.is_ok());
    assert_eq!(plane.count(), 1, "another key changed");
    by.api_keys().changed(&KEY_ID.to_string());
    assert!(by.is_void(&first) && key(&by).await.is_ok());
    assert_eq!(plane.count(), 2);
    by.api_keys().all_changed();
    assert_eq!(reason(key(&by).await), "CREDENTIAL_INVALID");
}

#[tokio::test]
async fn an_answer_from_before_the_change_is_not_believed_after_it() {
    let plane = Plane::new([Ok(known(TenantId::new())), gone()], true);
    let by = Arc::new(plane.authenticator(&Metrics::default()));
    let asking = {
        let by = Arc::clone(&by);
        tokio::spawn(async move { key(&by).await })
    };
    while plane.open.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    by.api_keys().changed(&KEY_ID.to_string());
    plane.go.notify_one();
    while plane.count() < 2 {
        tokio::task::yield_now().await;
    }
    plane.go.notify_one();
    assert_eq!(reason(asking.await.unwrap()), "CREDENTIAL_INVALID");
}

#[tokio::test]
async fn many_calls_with_one_key_ask_once() {
    let plane = Plane::new([Ok(known(TenantId::new()))], true);
    let by = plane.authenticator(&Metrics::default());
    let calls = join_all((0..200).map(|_| key(&by)));
    let release = async {
        while plane.open.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        plane.go.notify_one();
    };
    let (answers, ()) = tokio::join!(calls, release);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(plane.count(), 1);
}

#[tokio::test]
async fn a_caller_who_leaves_takes_nobody_along() {
    let plane = Plane::new([Ok(known(TenantId::new()))], true);
    let by = plane.authenticator(&Metrics::default());
    let left = tokio::time::timeout(Duration::from_millis(5), key(&by)).await;
    assert!(left.is_err());
    plane.go.notify_one();
    assert!(key(&by).await.is_ok());
}

#[tokio::test]
async fn beyond_the_limit_keys_are_not_asked_for() {
    let (plane, metrics) = (Plane::new([gone()], true), Metrics::default());
    let by = plane.authenticator(&metrics);
    let letters = || ('a'..='z').chain('2'..='7');
    let pairs = letters().flat_map(|a| letters().map(move |b| format!("aaaaaaaaaa{a}{b}")));
    let texts: Vec<_> = pairs.take(65).map(|prefix| text(&prefix)).collect();
    let calls = texts.iter().map(|text| show(&by, "x-api-key", text));
    let release = async {
        while plane.open.load(Ordering::SeqCst) < 64 {
            tokio::task::yield_now().await;
        }
        plane.go.notify_waiters();
    };
    let (answers, ()) = tokio::join!(join_all(calls), release);
    let shed = answers
        .into_iter()
        .map(reason)
        .filter(|reason| *reason == "OVERLOADED");
    assert_eq!(shed.count(), 1);
    assert_eq!(plane.count(), 64);
    assert!(metrics.render().contains("{result=\"shed\"} 1"));
}

fn shared() -> SharedSecret {
    SharedSecret::new("0123456789abcdef0123456789abcdef")
}

fn claims() -> Value {
    let now = jsonwebtoken::get_current_timestamp();
    json!({
        "iss": "resido", "aud": "resido", "sub": format!("users/{}", UserId::new()),
        "exp": now + 3600, "iat": now, "tid": TenantId::new().to_string(),
        "roles": ["admin"], "epoch": 4, "email": "a@b.example",
    })
}

fn sign(header: &Header, claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    format!(
        "Bearer {}",
        jsonwebtoken::encode(header, claims, &key).unwrap()
    )
}

const LONG: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn a_token_of_the_shared_secret_speaks_for_a_member() {
    let secret = shared();
    let by = authenticator(Some(&secret));
    let bare = Header {
        typ: None,
        ..Header::new(Algorithm::HS256)
    };
    for header in [Header::new(Algorithm::HS256), bare] {
        let claims = claims();
        let token = sign(&header, &claims, LONG);
        for _ in 0..2 {
            let principal = show(&by, "authorization", &token).await.unwrap();
            assert_eq!(principal.subject.to_string(), claims["sub"]);
            assert_eq!(principal.tenant.unwrap().to_string(), claims["tid"]);
            assert_eq!(principal.roles, [Role::ADMIN]);
            assert_eq!((principal.epoch, principal.proof), (4, Proof::SharedSecret));
        }
        let without = authenticator(None);
        assert_eq!(
            reason(show(&without, "authorization", &token).await),
            "CREDENTIAL_INVALID"
        );
    }
    assert!(!format!("{secret:?} {by:?}").contains(LONG));
}

#[tokio::test]
async fn a_token_of_the_shared_secret_may_say_little() {
    let secret = shared();
    let by = authenticator(Some(&secret));
    let now = jsonwebtoken::get_current_timestamp();
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        claims
    };
    let header = Header::new(Algorithm::HS256);
    for wrong in [
        with("roles", json!(["platform_admin"])),
        with("roles", json!(["admin", "platform_support"])),
        with("tid", Value::Null),
        with("exp", Value::Null),
        with("iat", Value::Null),
        with("sub", Value::Null),
        with("sub", json!("apiKeys/1")),
        with("sub", json!("services/gateway")),
        with("sub", json!("anonymous")),
        with("iss", json!("other")),
        with("aud", json!("other")),
        with("exp", json!(now - 60)),
        with("exp", json!(now + 24 * 3600 + 60)),
        with("iat", json!(now + 7200)),
        with("nbf", json!(now + 60)),
        with("act", json!(format!("users/{}", UserId::new()))),
        with("grants", json!(["tenants.write"])),
    ] {
        let token = sign(&header, &wrong, LONG);
        assert_eq!(
            reason(show(&by, "authorization", &token).await),
            "CREDENTIAL_INVALID",
            "{wrong}"
        );
    }
    let named = |kid: Option<&str>, typ: Option<&str>, alg| Header {
        kid: kid.map(str::to_owned),
        typ: typ.map(str::to_owned),
        ..Header::new(alg)
    };
    for (header, secret) in [
        (named(Some("k"), Some("JWT"), Algorithm::HS256), LONG),
        (
            named(None, Some("resido-context+jwt"), Algorithm::HS256),
            LONG,
        ),
        (named(None, Some("JWT"), Algorithm::HS384), LONG),
        (named(None, Some("JWT"), Algorithm::HS256), &LONG[1..]),
        (named(None, Some("JWT"), Algorithm::HS256), ""),
    ] {
        let token = sign(&header, &claims(), secret);
        assert_eq!(
            reason(show(&by, "authorization", &token).await),
            "CREDENTIAL_INVALID",
            "{header:?}"
        );
    }
    let narrowed = sign(&header, &with("perm", json!(["units.read"])), LONG);
    let principal = show(&by, "authorization", &narrowed).await.unwrap();
    assert_eq!(principal.permissions, Some(vec!["units.read".to_owned()]));
}
