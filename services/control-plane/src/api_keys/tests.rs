//! Rules of keys.

use std::time::{Duration, SystemTime};

use resido_proto::{
    identity_api::v1 as proto,
    ids::{ApiKeyId, TenantId},
};

use super::model::{Candidate, Draft, name, rotation};
use crate::roles::Permissions;

fn wish(roles: &[&str], scopes: &[&str]) -> proto::ApiKey {
    proto::ApiKey {
        display_name: "Nightly import".into(),
        roles: roles.iter().map(ToString::to_string).collect(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        ..Default::default()
    }
}

/// Returns the fields with faults.
fn faults(key: proto::ApiKey) -> Vec<String> {
    let request = proto::CreateApiKeyRequest { api_key: Some(key) };
    let faults = Draft::parse(request, &Permissions::stated(), SystemTime::now()).err();
    let faults = faults.unwrap_or_default().into_iter();
    faults.map(|fault| fault.field.into_owned()).collect()
}

#[test]
fn every_fault_is_reported_at_once() {
    let key = proto::ApiKey {
        display_name: " ".into(),
        scopes: vec!["Properties".into()],
        expire_time: Some(SystemTime::UNIX_EPOCH.into()),
        ..Default::default()
    };
    let fields = [
        "api_key.display_name",
        "api_key.roles",
        "api_key.scopes",
        "api_key.expire_time",
    ];
    assert_eq!(faults(key), fields);
    assert_eq!(faults(wish(&["member"], &["units.read"])).len(), 0);
}

#[test]
fn scopes_are_permissions() {
    let long = format!("a.{}", "b".repeat(63));
    for (scope, well) in [
        ("units.read", true),
        ("api-keys.write", true),
        ("a.b.c2", true),
        ("units", false),
        ("units.", false),
        (".read", false),
        ("Units.read", false),
        ("units.2", false),
        ("units.-x", false),
        ("units read.x", false),
        ("units.raed", false),
        ("", false),
        (&*long, false),
    ] {
        let found = faults(wish(&["viewer"], &[scope]));
        assert_eq!(found.is_empty(), well, "{scope}");
    }
    let many: Vec<_> = (0..51).map(|n| format!("things.n{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(faults(wish(&["viewer"], &many)), ["api_key.scopes"]);
    assert_eq!(faults(wish(&["viewer"], &many[1..])).len(), 0);
    // Said twice is said once.
    let twice = ["units.read"; 60];
    assert_eq!(faults(wish(&["viewer"], &twice)).len(), 0);
}

#[test]
fn a_key_ends_in_the_future_and_within_ten_years() {
    let day = Duration::from_secs(24 * 60 * 60);
    let now = SystemTime::now();
    for (time, well) in [
        (now + day, true),
        (now + day * 3650, true),
        (now - day, false),
        (now + day * 3700, false),
    ] {
        let mut key = wish(&["viewer"], &[]);
        key.expire_time = Some(time.into());
        assert_eq!(faults(key).is_empty(), well, "{time:?}");
    }
    let mut key = wish(&["viewer"], &[]);
    key.expire_time = Some(prost_types::Timestamp {
        seconds: i64::MAX,
        nanos: -1,
    });
    assert_eq!(faults(key), ["api_key.expire_time"]);
}

#[test]
fn an_overlap_lasts_a_day_unless_it_is_said_and_thirty_at_most() {
    let id = ApiKeyId::new();
    let day = 24 * 60 * 60;
    let read = |seconds: Option<i64>| {
        let overlap = seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        let request = proto::RotateApiKeyRequest {
            name: id.resource_name(),
            overlap,
        };
        rotation(&request)
            .ok()
            .map(|(_, overlap)| overlap.as_secs())
    };
    assert_eq!(read(None), Some(86_400));
    assert_eq!(read(Some(0)), Some(0));
    assert_eq!(read(Some(30 * day)), Some(2_592_000));
    assert_eq!(read(Some(30 * day + 1)), None);
    assert_eq!(read(Some(-1)), None);
    assert!(name("api-keys/x").is_err() && name(&id.to_string()).is_err());
}

fn candidate() -> Candidate {
    Candidate {
        id: ApiKeyId::new(),
        tenant: TenantId::new(),
        roles: Vec::new(),
        scopes: Vec::new(),
        works: true,
        hash: vec![1; 32],
        old_hash: vec![2; 32],
        overlap_end: None,
        overlaps: false,
        expires: None,
    }
}

#[test]
fn a_secret_works_until_its_own_end() {
    let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let rotated = Candidate {
        overlaps: true,
        overlap_end: at(50),
        expires: at(90),
        ..candidate()
    };
    assert_eq!(rotated.admits(&[1; 32]), Some(at(90)));
    assert_eq!(rotated.admits(&[2; 32]), Some(at(50)));
    let short = Candidate {
        expires: at(20),
        ..rotated
    };
    assert_eq!(short.admits(&[2; 32]), Some(at(20)));
    assert_eq!(candidate().admits(&[1; 32]), Some(None));
}

#[test]
fn other_secrets_and_keys_that_do_not_work_open_nothing() {
    assert_eq!(candidate().admits(&[3; 32]), None);
    // The overlap is over.
    assert_eq!(candidate().admits(&[2; 32]), None);
    assert_eq!(candidate().admits(&[]), None);
    let gone = Candidate {
        works: false,
        overlaps: true,
        ..candidate()
    };
    assert_eq!(gone.admits(&[1; 32]), None);
    assert_eq!(gone.admits(&[2; 32]), None);
    // A key that was never rotated has no old secret.
    let fresh = Candidate {
        old_hash: Vec::new(),
        overlaps: true,
        ..candidate()
    };
    assert_eq!(fresh.admits(&[]), None);
}
