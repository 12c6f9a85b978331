//! Keys by which programs call: found by their secret alone, given by those who
//! may, void when they should be.

use std::time::Duration;

use resido_e2e::{database::Tenant, wait};
use resido_proto::{
    identity::{Role, Subject},
    identity_api::v1::{
        self as proto, api_key::State, api_key_service_client::ApiKeyServiceClient,
    },
    ids::UserId,
    tenancy::v1::{WatchTenantsRequest, watch_tenants_response::Event},
};
use resido_tenancy::server::ContextService;
use sha2::{Digest as _, Sha256};
use tonic::{Code, service::Routes};

use super::plane::{Answer, Base, Caller, Plane, reason};

type Keys = ApiKeyServiceClient<ContextService<Routes>>;

/// A control plane with one tenant and its owner.
struct Office {
    base: Base,
    plane: Plane,
    tenant: Tenant,
    owner: UserId,
}

impl Office {
    async fn new() -> Self {
        let base = Base::new().await;
        let plane = base.plane();
        let (tenant, _) = plane.create("acme").await;
        let owner = UserId::new();
        Self {
            base,
            plane,
            tenant,
            owner,
        }
    }

    fn caller(&self) -> Caller {
        Caller::Owner(self.tenant, self.owner)
    }

    fn keys(&self) -> Keys {
        ApiKeyServiceClient::new(self.plane.door())
    }

    async fn create(&self, roles: &[&str]) -> (proto::ApiKey, String) {
        let request = self.plane.request(self.caller(), wish(roles));
        let made = self.keys().create_api_key(request).await.unwrap();
        let made = made.into_inner();
        (made.api_key.unwrap(), made.secret)
    }

    async fn resolve(&self, key: &str) -> Answer<proto::ResolveApiKeyResponse> {
        let (prefix, secret) = key.strip_prefix("rsk_").unwrap().split_at(12);
        let request = proto::ResolveApiKeyRequest {
            prefix: prefix.to_owned(),
            secret_hash: Sha256::digest(&secret[1..]).to_vec(),
        };
        let request = self.plane.request(Caller::Gateway, request);
        self.keys().resolve_api_key(request).await
    }

    async fn works(&self, key: &str) -> bool {
        match self.resolve(key).await {
            Ok(_) => true,
            Err(status) => {
                assert_eq!(status.code(), Code::NotFound, "{status:?}");
                false
            }
        }
    }

    async fn rotate(&self, name: &str, overlap: Option<i64>) -> (proto::ApiKey, String) {
        let overlap = overlap.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        let rotate = proto::RotateApiKeyRequest {
            name: name.to_owned(),
            overlap,
        };
        let request = self.plane.request(self.caller(), rotate);
        let made = self.keys().rotate_api_key(request).await.unwrap();
        let made = made.into_inner();
        (made.api_key.unwrap(), made.secret)
    }

    async fn revoke(&self, name: &str) -> Answer<proto::ApiKey> {
        let name = name.to_owned();
        let revoke = proto::RevokeApiKeyRequest { name };
        let request = self.plane.request(self.caller(), revoke);
        self.keys().revoke_api_key(request).await
    }
}

fn wish(roles: &[&str]) -> proto::CreateApiKeyRequest {
    proto::CreateApiKeyRequest {
        api_key: Some(proto::ApiKey {
            display_name: "Nightly import".into(),
            roles: roles.iter().map(ToString::to_string).collect(),
            ..Default::default()
        }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_found_by_its_secret_alone() {
    let office = Office::new().await;
    let (key, secret) = office.create(&["member"]).await;
    assert_eq!(key.state(), State::Active);
    assert_eq!(key.creator, office.owner.resource_name());
    assert!(secret.starts_with(&format!("{}_", key.prefix)), "{secret}");
    assert_eq!(secret.len(), 60);
    let found = office.resolve(&secret).await.unwrap().into_inner();
    assert_eq!(format!("api-keys/{}", found.id), key.name);
    assert_eq!(found.tenant_id, office.tenant.id.to_string());
    assert_eq!((found.roles, found.scopes), (key.roles.clone(), vec![]));
    assert_eq!(found.expire_time, None);

    let (_, other) = office.create(&["viewer"]).await;
    let wrong = format!("{}_{}", key.prefix, &other[17..]);
    let unknown = format!("rsk_aaaaaaaaaaaa_{}", &secret[17..]);
    let malformed = format!("rsk_AAAAAAAAAAA\0_{}", &secret[17..]);
    let mut answers = Vec::new();
    for shown in [wrong, unknown, malformed] {
        let refused = office.resolve(&shown).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        answers.push((refused.message().to_owned(), refused.details().to_vec()));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    // What is stored does not hold it.
    let text = "select string_agg(k::text, ' ') || string_agg(a::text, ' ')
                  from api_keys k, audit_log a";
    let row = office.base.admin.query_one(text, &[]).await.unwrap();
    let stored: String = row.get(0);
    assert!(stored.contains(&key.prefix[4..]) && !stored.contains(&secret[17..]));
    let hash: String = Sha256::digest(&secret[17..])
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let text = "select string_agg(a::text, ' ') from audit_log a";
    let audited: String = office.base.admin.query_one(text, &[]).await.unwrap().get(0);
    assert!(audited.contains("api-keys.create") && !audited.contains(&hash));
    // What is done to a key is found under the name by which it acts.
    let acts = key.name.replace("api-keys/", "apiKeys/");
    let done = "
        select count(*) from audit_log where resource = $1 and action = 'api-keys.create'";
    let done = office.base.admin.query_one(done, &[&acts]).await.unwrap();
    assert_eq!(done.get::<_, i64>(0), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_the_gateway_asks_whose_key_it_is() {
    let office = Office::new().await;
    for caller in [Caller::Operator, office.caller(), Caller::Anonymous] {
        let ask = proto::ResolveApiKeyRequest::default();
        let ask = office.plane.request(caller, ask);
        let refused = office.keys().resolve_api_key(ask).await.unwrap_err();
        assert_eq!(reason(&refused), "ROLE_REQUIRED");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_secret_works_through_the_overlap_and_no_longer() {
    let office = Office::new().await;
    let (key, first) = office.create(&["member"]).await;
    let (rotated, second) = office.rotate(&key.name, None).await;
    assert_eq!(rotated.prefix, key.prefix);
    let found = office.resolve(&first).await.unwrap().into_inner();
    assert_eq!(found.expire_time, rotated.overlap_end_time);
    assert!(found.expire_time.is_some());
    let found = office.resolve(&second).await.unwrap().into_inner();
    assert_eq!(found.expire_time, None);
    // A second rotation voids the oldest secret.
    let (_, third) = office.rotate(&key.name, Some(60)).await;
    assert!(!office.works(&first).await);
    assert!(office.works(&second).await && office.works(&third).await);
    let end = "update api_keys set overlap_end_time = now()";
    office.base.sql(end).await;
    assert!(!office.works(&second).await && office.works(&third).await);
    let (_, fourth) = office.rotate(&key.name, Some(0)).await;
    assert!(!office.works(&third).await && office.works(&fourth).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_ended_opens_nothing_and_is_not_rotated() {
    let office = Office::new().await;
    let (revoked, revoked_secret) = office.create(&["member"]).await;
    let (expired, expired_secret) = office.create(&["member"]).await;
    let (_, other) = office.create(&["member"]).await;
    for _ in 0..2 {
        let key = office.revoke(&revoked.name).await.unwrap().into_inner();
        assert_eq!(key.state(), State::Revoked);
    }
    let recorded = "select count(*) from audit_log where action = 'api-keys.revoke'";
    assert_eq!(office.base.count(recorded).await, 1);
    let id = expired.name.strip_prefix("api-keys/").unwrap();
    let expire = format!("update api_keys set expire_time = now() where id = '{id}'");
    office.base.sql(&expire).await;
    for (name, secret, state) in [
        (&revoked.name, &revoked_secret, "revoked"),
        (&expired.name, &expired_secret, "expired"),
    ] {
        assert!(!office.works(secret).await, "{state}");
        let rotate = proto::RotateApiKeyRequest {
            name: name.clone(),
            overlap: None,
        };
        let rotate = office.plane.request(office.caller(), rotate);
        let refused = office.keys().rotate_api_key(rotate).await.unwrap_err();
        assert_eq!(reason(&refused), "API_KEY_STATE");
    }
    // The tenant's own state is the gateway's to judge, unless it is gone.
    office.plane.suspend(office.tenant.id).await.unwrap();
    assert!(office.works(&other).await);
    office
        .base
        .sql("update tenants set state = 'deleting'")
        .await;
    assert!(!office.works(&other).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_hear_of_each_change() {
    let office = Office::new().await;
    let watch = WatchTenantsRequest { after_sequence: 0 };
    let watch = office.plane.request(Caller::Gateway, watch);
    let stream = office.plane.tenants().watch_tenants(watch).await;
    let mut stream = stream.unwrap().into_inner();
    // The whole state comes first.
    loop {
        let message = stream.message().await.unwrap().unwrap();
        if matches!(message.event, Some(Event::Snapshot(part)) if part.last) {
            break;
        }
    }
    let (key, _) = office.create(&["member"]).await;
    office.rotate(&key.name, None).await;
    office.revoke(&key.name).await.unwrap();
    let mut heard = 0;
    let listen = async {
        while heard < 3 {
            let message = stream.message().await.unwrap().unwrap();
            if let Some(Event::ApiKey(change)) = message.event {
                assert_eq!(format!("api-keys/{}", change.id), key.name);
                heard += 1;
            }
        }
    };
    let heard = tokio::time::timeout(Duration::from_secs(10), listen).await;
    assert!(heard.is_ok(), "not every change was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_a_secret_with_more_than_their_own_rights() {
    let office = Office::new().await;
    let (owners, _) = office.create(&["owner"]).await;
    let create = |roles: &[&str], change: fn(&mut resido_proto::identity::ContextClaims)| {
        let request = office
            .plane
            .request_by(office.caller(), wish(roles), change);
        let mut keys = office.keys();
        async move { keys.create_api_key(request).await }
    };
    let refused = create(&["owner"], |claims| claims.roles = vec![Role::ADMIN]).await;
    assert_eq!(reason(&refused.unwrap_err()), "ROLE_REQUIRED");
    let made = create(&["admin"], |claims| claims.roles = vec![Role::ADMIN]).await;
    made.unwrap();
    let refused = create(&["nobodys"], |_| {}).await.unwrap_err();
    assert_eq!(reason(&refused), "REQUEST_INVALID");
    let refused = create(&["member"], |claims| claims.roles = vec![Role::MEMBER]).await;
    assert_eq!(reason(&refused.unwrap_err()), "ROLE_REQUIRED");
    // A key would outlive the impersonation, and a key's own end.
    let act = |claims: &mut resido_proto::identity::ContextClaims| {
        claims.act = Some(Subject::User(UserId::new()));
    };
    let refused = create(&["member"], act).await.unwrap_err();
    assert_eq!(reason(&refused), "IMPERSONATION_REFUSED");
    let refused = create(&["member"], |claims| {
        claims.sub = Subject::ApiKey("0".into());
    });
    assert_eq!(reason(&refused.await.unwrap_err()), "ROLE_REQUIRED");
    // Nor is a stronger key's secret to be had by rotation.
    let (members, _) = office.create(&["member"]).await;
    let rotate = |name: &str, change: fn(&mut resido_proto::identity::ContextClaims)| {
        let (name, overlap) = (name.to_owned(), None);
        let rotate = proto::RotateApiKeyRequest { name, overlap };
        let rotate = office.plane.request_by(office.caller(), rotate, change);
        let mut keys = office.keys();
        async move { keys.rotate_api_key(rotate).await }
    };
    let key = |claims: &mut resido_proto::identity::ContextClaims| {
        claims.sub = Subject::ApiKey("0".into());
    };
    rotate(&members.name, |_| {}).await.unwrap();
    // Nor by a key: the secret would outlive that one.
    for name in [&members.name, &owners.name] {
        let refused = rotate(name, key).await.unwrap_err();
        assert_eq!(reason(&refused), "ROLE_REQUIRED");
    }
    for (role, refusal) in [
        (Role::ADMIN, "ROLE_REQUIRED"),
        (Role::OWNER, "IMPERSONATION_REFUSED"),
    ] {
        let rotate = proto::RotateApiKeyRequest {
            name: owners.name.clone(),
            overlap: None,
        };
        let rotate = office.plane.request_by(office.caller(), rotate, |claims| {
            if role == Role::OWNER {
                act(claims);
            }
            claims.roles = vec![role];
        });
        let refused = office.keys().rotate_api_key(rotate).await.unwrap_err();
        assert_eq!(reason(&refused), refusal);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_of_the_tenants_own_give_what_they_grant() {
    let office = Office::new().await;
    office
        .base
        .sql(
            "insert into roles (tenant_id, id, display_name, permissions)
             select id, 'clerk', 'Clerk', array['units.read', 'units.write'] from tenants",
        )
        .await;
    let (_, secret) = office.create(&["clerk"]).await;
    let found = office.resolve(&secret).await.unwrap().into_inner();
    assert_eq!(found.roles, ["clerk"]);
    assert_eq!(found.grants, ["units.read", "units.write"]);
    // Nothing that is open to every member is open to it.
    let narrowed = ["profile.write", "units.read", "units.write", "users.read"];
    assert_eq!(found.scopes, narrowed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_has_a_hundred_keys_that_work_and_no_more() {
    let office = Office::new().await;
    let fill = "
        insert into api_keys (id, tenant_id, prefix, display_name, roles, scopes, secret_hash,
                              creator, revoke_time)
        select gen_random_uuid(), t.id, 'p' || n, 'k', array['viewer'], '{}', '', 'x',
               case when n > 97 then now() end
          from tenants t, generate_series(1, 120) n";
    office.base.sql(fill).await;
    let racers = (0..8).map(|_| {
        let request = office.plane.request(office.caller(), wish(&["viewer"]));
        let mut keys = office.keys();
        async move { keys.create_api_key(request).await }
    });
    let made = futures_util::future::join_all(racers).await;
    let mut count = 0;
    for made in made {
        match made {
            Ok(_) => count += 1,
            Err(refused) => assert_eq!(reason(&refused), "API_KEY_LIMIT"),
        }
    }
    assert_eq!(count, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_another_tenant_do_not_exist() {
    let office = Office::new().await;
    let (key, secret) = office.create(&["member"]).await;
    let (other, _) = office.plane.create("globex").await;
    let caller = Caller::Owner(other, UserId::new());
    let name = || key.name.clone();
    let mut keys = office.keys();
    let get = proto::GetApiKeyRequest { name: name() };
    let get = office.plane.request(caller, get);
    let revoke = proto::RevokeApiKeyRequest { name: name() };
    let revoke = office.plane.request(caller, revoke);
    let rotate = proto::RotateApiKeyRequest {
        name: name(),
        overlap: None,
    };
    let rotate = office.plane.request(caller, rotate);
    for refused in [
        keys.get_api_key(get).await.unwrap_err(),
        keys.revoke_api_key(revoke).await.unwrap_err(),
        keys.rotate_api_key(rotate).await.unwrap_err(),
    ] {
        assert_eq!(reason(&refused), "RESOURCE_NOT_FOUND");
    }
    let list = proto::ListApiKeysRequest::default();
    let list = office.plane.request(caller, list);
    let listed = keys.list_api_keys(list).await.unwrap().into_inner();
    assert_eq!(listed.api_keys, []);
    assert!(office.works(&secret).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_listed_by_what_they_are() {
    let office = Office::new().await;
    let (first, _) = office.create(&["member"]).await;
    let (second, _) = office.create(&["viewer"]).await;
    let list = |filter: &str, order_by: &str| {
        let list = proto::ListApiKeysRequest {
            filter: filter.to_owned(),
            order_by: order_by.to_owned(),
            ..Default::default()
        };
        let list = office.plane.request(office.caller(), list);
        let mut keys = office.keys();
        async move {
            let listed = keys.list_api_keys(list).await.unwrap().into_inner();
            let names = listed.api_keys.into_iter().map(|key| key.name);
            names.collect::<Vec<_>>()
        }
    };
    let both = [first.name.clone(), second.name.clone()];
    assert_eq!(list("", "").await, both);
    let turned = [second.name.clone(), first.name.clone()];
    assert_eq!(list("", "create_time desc").await, turned);
    let prefix = format!("prefix = {}", second.prefix);
    assert_eq!(list(&prefix, "").await, [second.name]);
    let creator = format!("creator = \"{}\"", office.owner.resource_name());
    assert_eq!(list(&creator, "").await, both);
    let none = list("display_name = \"other\"", "").await;
    assert_eq!(none, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_use_is_known_to_the_minute() {
    let office = Office::new().await;
    let (_, secret) = office.create(&["member"]).await;
    assert!(office.works(&secret).await);
    let used = "select count(*) from api_keys where last_use_time > now() - interval '1 minute'";
    let known = wait::until(Duration::from_secs(20), || async {
        office.base.count(used).await == 1
    });
    assert!(known.await, "the use was not noted");
    let before = "select extract(epoch from last_use_time)::bigint from api_keys";
    let noted = office.base.count(before).await;
    // Used again within the minute: nothing is written, not even at the end.
    assert!(office.works(&secret).await);
    office.plane.stop().await;
    assert_eq!(office.base.count(before).await, noted);
}
