//! A tenant is made whole or not at all, whoever waits for it, and unfinished
//! work is taken up.

use std::{collections::BTreeSet, path::Path, time::Duration};

use resido_control_plane::Config;
use resido_e2e::{people::PASSWORD, scratch, wait};
use resido_migrations::Sets;
use resido_proto::{
    google::longrunning::operation,
    identity_api::v1::RegisterUserRequest,
    ids::UserId,
    tenancy::v1::{self as proto, tenant::State},
};
use tonic::Code;

use super::plane::{Base, Caller, Plane, id_of, reason};

const LIMIT: Duration = Duration::from_secs(10);
/// The lock that writers of the outbox take last.
const HOLD: &str = "select pg_advisory_xact_lock(1382380291, 0)";
const WAITING: &str = "
    select count(*) from pg_locks
     where locktype = 'advisory' and classid = 1382380291 and not granted
       and database = (select oid from pg_database where datname = current_database())";

/// Files of which the last one fails, or would if it were not mended.
fn files(last: &str) -> Sets {
    let folder = scratch::folder("migrations").unwrap();
    let write = |path: &Path, sql: &str| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, sql).unwrap();
    };
    let first = "create table things (id uuid primary key);";
    write(&folder.join("tenant/0001_things.sql"), first);
    write(&folder.join("tenant/0002_more.sql"), last);
    std::fs::create_dir_all(folder.join("public")).unwrap();
    Sets::from_dir(&folder).unwrap()
}

fn broken() -> Sets {
    files("insert into things (id) values ('no id');")
}

fn mended() -> Sets {
    files("insert into things (id) values (gen_random_uuid());")
}

/// Counts the schemas and roles of tenants.
async fn traces(base: &Base) -> (i64, i64) {
    let roles = format!(
        "select count(*) from pg_roles where rolname ~ '^{}_[ot]_'",
        base.database.name
    );
    let schemas = "select count(*) from pg_namespace where nspname ~ '^t_'";
    (base.count(schemas).await, base.count(&roles).await)
}

async fn state(plane: &Plane, name: &str) -> State {
    let name = name.to_owned();
    let get = plane.request(Caller::Operator, proto::GetTenantRequest { name });
    let tenant = plane.tenants().get_tenant(get).await;
    tenant.unwrap().into_inner().state()
}

/// Lets the lease of unfinished work run out, and forgets how it last ended.
async fn expire(base: &Base) {
    let expire = "
        update operations set lease_until = now() - interval '1 s', error = null
         where not done";
    assert_eq!(base.sql(expire).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_making_leaves_nothing_and_is_finished_later() {
    let base = Base::new().await;
    let plane = base.plane_with(broken());
    let (_, created) = plane.create("acme").await;
    let tenant = created.tenant.clone().unwrap();
    assert_eq!(tenant.state(), State::Provisioning);
    assert_eq!(created.activation_token, "");
    assert!(!created.operation.unwrap().done);
    let given_back = "select count(*) from operations where error is not null and not done";
    assert_eq!(base.count(given_back).await, 1);
    assert_eq!(traces(&base).await, (0, 0));
    assert_eq!(base.count("select count(*) from outbox").await, 0);
    // It keeps its slug meanwhile.
    let other = plane.ask("acme", "").await.unwrap_err();
    assert_eq!(reason(&other), "TENANT_EXISTS");
    plane.stop().await;

    expire(&base).await;
    let plane = base.plane_with(mended());
    let active = wait::until(LIMIT, || async {
        state(&plane, &tenant.name).await == State::Active
    });
    assert!(active.await);
    assert_eq!(traces(&base).await, (1, 2));
    let things = format!(
        "select count(*) from {}.things",
        resido_tenancy::tenant::SchemaName::of(id_of(&tenant)).quoted()
    );
    assert_eq!(base.count(&things).await, 1);
    let done = "select count(*) from operations where done and error is null";
    assert_eq!(base.count(done).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_making_is_given_up_after_five_attempts() {
    let base = Base::new().await;
    let plane = base.plane_with(broken());
    let created = plane.ask("acme", "key").await.unwrap().into_inner();
    let name = created.tenant.unwrap().name;
    plane.stop().await;
    for (attempt, rests) in [(2, 20), (3, 80), (4, 300), (5, 0)] {
        expire(&base).await;
        // Each looks once, at its start, and ends when its work has.
        let plane = base.plane_with(broken());
        let tried = "select count(*) from operations where error is not null";
        let tried = wait::until(LIMIT, || async { base.count(tried).await == 1 });
        assert!(tried.await, "attempt {attempt}");
        plane.stop().await;
        let expected = if attempt < 5 {
            "provisioning"
        } else {
            "failed"
        };
        let found = format!("select count(*) from tenants where state = '{expected}'");
        assert_eq!(base.count(&found).await, 1, "attempt {attempt}");
        assert_eq!(
            base.count("select attempt::int8 from operations").await,
            attempt
        );
        // Each rest is longer than the one before, and after the last there is none.
        let rest = "select coalesce(extract(epoch from lease_until - now())::int8, 0)
            from operations";
        let rest = base.count(rest).await;
        assert!(
            (rests - 5..=rests).contains(&rest),
            "attempt {attempt}: {rest} s"
        );
    }
    assert_eq!(traces(&base).await, (0, 0));
    let plane = base.plane_with(mended());
    assert_eq!(state(&plane, &name).await, State::Failed);
    let audited = "select count(*) from audit_log where action = 'tenants.fail'";
    assert_eq!(base.count(audited).await, 1);
    // The request that asked for it is answered, now and later, and opens nothing.
    let asked = plane.ask("acme", "key").await.unwrap().into_inner();
    assert_eq!(asked.tenant.unwrap().name, name);
    let result = asked.operation.unwrap().result;
    assert!(
        matches!(result, Some(operation::Result::Error(_))),
        "{result:?}"
    );
    // The slug is free again.
    let (_, created) = plane.create("acme").await;
    let tenant = created.tenant.unwrap();
    assert_eq!(tenant.state(), State::Active);
    assert_ne!(tenant.name, name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_processes_one_takes_unfinished_work_up() {
    let base = Base::new().await;
    let plane = base.plane_with(broken());
    let (tenant, _) = plane.create("acme").await;
    plane.stop().await;
    expire(&base).await;
    let planes = [(); 3].map(|()| base.plane_with(mended()));
    let name = tenant.id.resource_name();
    let active = wait::until(LIMIT, || async {
        state(&planes[0], &name).await == State::Active
    });
    assert!(active.await);
    for plane in planes {
        plane.stop().await;
    }
    assert_eq!(traces(&base).await, (1, 2));
    let attempts = "select attempt::int8 from operations";
    assert_eq!(base.count(attempts).await, 2);
    assert_eq!(base.count("select count(*) from outbox").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_waits_and_work_that_lasts_keep_their_lease() {
    let base = Base::new().await;
    let config = Config {
        max_provisioning: 1,
        lease_seconds: 2,
        reconcile_seconds: 1,
        ..Config::default()
    };
    let plane = base.plane_of(config, files("select pg_sleep(3);"));
    let (first, second) = tokio::join!(plane.ask("acme", ""), plane.ask("globex", ""));
    for created in [first, second] {
        let created = created.unwrap().into_inner();
        assert_eq!(created.tenant.unwrap().state(), State::Active);
        assert_eq!(created.activation_token.len(), 43);
    }
    let attempts = "select max(attempt)::int8 from operations";
    assert_eq!(base.count(attempts).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_another_took_up_meanwhile_is_left_to_it() {
    let base = Base::new().await;
    let config = Config {
        max_provisioning: 1,
        reconcile_seconds: 3600,
        ..Config::default()
    };
    let plane = base.plane_of(config, files("select pg_sleep(3);"));
    let first = tokio::spawn({
        let (call, mut client) = (plane.creation("acme", ""), plane.tenants());
        async move { client.create_tenant(call).await }
    });
    let running = "select count(*) from pg_stat_activity
         where datname = current_database() and wait_event = 'PgSleep'";
    assert!(wait::until(LIMIT, || async { base.count(running).await == 1 }).await);
    let second = tokio::spawn({
        let (call, mut client) = (plane.creation("globex", ""), plane.tenants());
        async move { client.create_tenant(call).await }
    });
    let expire = "update operations o set lease_until = now() - interval '1 s'
          from tenants t where t.id = o.tenant_id and t.slug = 'globex'";
    assert!(wait::until(LIMIT, || async { base.sql(expire).await == 1 }).await);
    let other = base.plane_with(broken());
    let failed = "select count(*) from operations where attempt = 2 and error is not null";
    assert!(wait::until(LIMIT, || async { base.count(failed).await == 1 }).await);
    let first = first.await.unwrap().unwrap().into_inner();
    assert_eq!(first.tenant.unwrap().state(), State::Active);
    // Its turn came, and it was nobody's any more.
    let second = second.await.unwrap().unwrap().into_inner();
    assert_eq!(second.tenant.unwrap().state(), State::Provisioning);
    assert_eq!(base.count(failed).await, 1);
    other.stop().await;
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_find_out_what_failed_and_clients_do_not() {
    let base = Base::new().await;
    let plane = base.plane_with(broken());
    let created = plane.ask("acme", "").await.unwrap().into_inner();
    let answer = format!("{created:?}");
    let error: String = base
        .admin
        .query_one("select error from operations", &[])
        .await
        .unwrap()
        .get(0);
    // Where, and PostgreSQL's code of it: a text that is no uuid.
    assert_eq!(error, "MIGRATION_FAILED version=2 sqlstate=22P02");
    assert!(!answer.contains("MIGRATION_FAILED") && !answer.contains("22P02"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_its_callers_own() {
    let base = Base::new().await;
    let mut plane = base.plane();
    let mut names = BTreeSet::new();
    for slug in ["acme", "globex"] {
        let created = plane.ask(slug, "key").await.unwrap().into_inner();
        names.insert(created.tenant.unwrap().name);
        plane.operator = UserId::new();
    }
    assert_eq!(names.len(), 2);
    // What is no key at all is never the same.
    for slug in ["initech", "hooli"] {
        plane.ask(slug, "").await.unwrap();
    }
    assert_eq!(base.count("select count(*) from tenants").await, 4);
}

/// Uses a token, as the first owner of acme; returns the reason of a refusal.
async fn register(plane: &Plane, token: &str) -> Result<(), String> {
    let register = RegisterUserRequest {
        activation_token: token.to_owned(),
        email: "owner@acme.example".into(),
        password: PASSWORD.into(),
        ..Default::default()
    };
    let register = plane.request(Caller::Anonymous, register);
    let registered = plane.users().register_user(register).await;
    registered.map(drop).map_err(|status| reason(&status))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_token_of_a_tenant_ends_those_before() {
    let base = Base::new().await;
    let plane = base.plane();
    let first = plane.ask("acme", "key").await.unwrap().into_inner();
    let second = plane.ask("acme", "key").await.unwrap().into_inner();
    let name = first.tenant.as_ref().unwrap().name.clone();
    let invalid = Err("ACTIVATION_TOKEN_INVALID".to_owned());
    assert_eq!(register(&plane, &first.activation_token).await, invalid);
    let resend = proto::ResendActivationRequest { name };
    let resend = plane.request(Caller::Operator, resend);
    let third = plane.tenants().resend_activation(resend).await;
    let third = third.unwrap().into_inner();
    assert_eq!(register(&plane, &second.activation_token).await, invalid);
    let kept = "select count(*) from activation_tokens";
    assert_eq!(base.count(kept).await, 1);
    assert_eq!(register(&plane, &third.activation_token).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_tenants_are_forgotten_when_they_are_over() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, created) = plane.create("acme").await;
    let (_, unused) = plane.create("globex").await;
    assert_eq!(unused.activation_token.len(), 43);
    register(&plane, &created.activation_token).await.unwrap();
    let kept = "select count(*) from activation_tokens";
    plane.reconcile().await;
    assert_eq!(base.count(kept).await, 2);
    let expire = "update activation_tokens set expire_time = now() - interval '1 s'";
    assert_eq!(base.sql(expire).await, 2);
    // Where nobody is left, the token alone tells that somebody has entered.
    base.sql("update memberships set tenant_id = (select id from tenants where slug = 'globex')")
        .await;
    plane.reconcile().await;
    let used = "select count(*) from activation_tokens where use_time is not null";
    assert_eq!((base.count(kept).await, base.count(used).await), (1, 1));
    let name = acme.id.resource_name();
    let resend = proto::ResendActivationRequest { name };
    let resend = plane.request(Caller::Operator, resend);
    let refused = plane.tenants().resend_activation(resend).await;
    assert_eq!(reason(&refused.unwrap_err()), "TENANT_ENTERED");
    base.sql("update memberships set tenant_id = (select id from tenants where slug = 'acme')")
        .await;
    plane.reconcile().await;
    assert_eq!(base.count(kept).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_leaves_does_not_stop_the_making() {
    let base = Base::new().await;
    let plane = base.plane();
    let mut held = base.database.admin().await.unwrap();
    let hold = held.transaction().await.unwrap();
    hold.execute(HOLD, &[]).await.unwrap();
    let call = plane.creation("acme", "key");
    let mut client = plane.tenants();
    let caller = tokio::spawn(async move { client.create_tenant(call).await });
    let waits = wait::until(LIMIT, || async { base.count(WAITING).await == 1 });
    assert!(waits.await);
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    hold.commit().await.unwrap();
    let active = "select count(*) from tenants where slug = 'acme' and state = 'active'";
    let active = wait::until(LIMIT, || async { base.count(active).await == 1 });
    assert!(active.await);
    // Asked once more, it hands the token over.
    let again = plane.ask("acme", "key").await.unwrap().into_inner();
    assert_eq!(again.activation_token.len(), 43);
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_making_that_outlasts_its_caller_says_so_and_goes_on() {
    let base = Base::new().await;
    let plane = base.plane();
    let mut held = base.database.admin().await.unwrap();
    let hold = held.transaction().await.unwrap();
    hold.execute(HOLD, &[]).await.unwrap();
    let mut call = plane.creation("acme", "key");
    call.set_timeout(Duration::from_millis(700));
    let created = plane.tenants().create_tenant(call).await;
    let created = created.unwrap().into_inner();
    let tenant = created.tenant.unwrap();
    assert_eq!(tenant.state(), State::Provisioning);
    assert_eq!(created.activation_token, "");
    assert!(!created.operation.as_ref().unwrap().done);
    // So does whoever asks once more meanwhile.
    let mut call = plane.creation("acme", "key");
    call.set_timeout(Duration::from_millis(700));
    let asked = plane.tenants().create_tenant(call).await;
    let asked = asked.unwrap().into_inner();
    assert_eq!(asked.operation, created.operation);
    assert_eq!(asked.tenant.unwrap().state(), State::Provisioning);
    hold.commit().await.unwrap();
    let again = plane.ask("acme", "key").await.unwrap().into_inner();
    let operation = again.operation.unwrap();
    assert!(operation.done);
    assert_eq!(operation.name, created.operation.unwrap().name);
    assert_eq!(again.tenant.as_ref().unwrap().name, tenant.name);
    assert_eq!(again.tenant.unwrap().state(), State::Active);
    assert_eq!(again.activation_token.len(), 43);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_process_waits_for_the_making() {
    let base = Base::new().await;
    let plane = base.plane();
    let mut held = base.database.admin().await.unwrap();
    let hold = held.transaction().await.unwrap();
    hold.execute(HOLD, &[]).await.unwrap();
    let (call, mut client) = (plane.creation("acme", ""), plane.tenants());
    let caller = tokio::spawn(async move { client.create_tenant(call).await });
    let waits = wait::until(LIMIT, || async { base.count(WAITING).await == 1 });
    assert!(waits.await);
    let (late, mut client) = (plane.creation("late", ""), plane.tenants());
    let stopped = tokio::spawn(plane.stop());
    hold.commit().await.unwrap();
    stopped.await.unwrap();
    let created = caller.await.unwrap().unwrap().into_inner();
    assert_eq!(created.tenant.unwrap().state(), State::Active);
    let refused = client.create_tenant(late).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(reason(&refused), "SHUTTING_DOWN");
}
