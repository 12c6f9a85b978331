//! A purge removes everything of a tenant and nothing of anybody else's, and
//! looks afterwards whether it has.

use std::time::Duration;

use resido_e2e::{database::Tenant, wait};
use resido_proto::{
    google::longrunning::operation,
    ids::{TenantId, UserId},
    tenancy::v1::{self as proto, tenant::State},
};
use tonic::{Code, Request};

use super::plane::{Answer, Base, Caller, Plane, reason};

const LIMIT: Duration = Duration::from_secs(20);

fn call(plane: &Plane, tenant: TenantId, confirm: &str) -> Request<proto::PurgeTenantRequest> {
    let purge = proto::PurgeTenantRequest {
        name: tenant.resource_name(),
        confirm: confirm.into(),
    };
    plane.request(Caller::Operator, purge)
}

async fn purge(
    plane: &Plane,
    tenant: TenantId,
    confirm: &str,
) -> Answer<proto::PurgeTenantResponse> {
    let purge = call(plane, tenant, confirm);
    plane.tenants().purge_tenant(purge).await
}

/// Deletes a tenant, to be purged after so long.
async fn delete(base: &Base, tenant: Tenant, grace: &str) {
    let delete = format!(
        "update tenants set state = 'deleting', epoch = epoch + 1,
                purge_time = now() + interval '{grace}'
          where id = '{}'",
        tenant.id
    );
    assert_eq!(base.sql(&delete).await, 1);
}

async fn state(base: &Base, tenant: TenantId) -> String {
    let select = format!("select state from tenants where id = '{tenant}'");
    base.admin.query_one(&select, &[]).await.unwrap().get(0)
}

/// Makes a person a member.
async fn join(base: &Base, user: UserId, tenant: Tenant) {
    base.sql(&format!(
        "insert into users (id, email, password_hash) values ('{user}', '{user}@x.example', '')
         on conflict do nothing"
    ))
    .await;
    base.sql(&format!(
        "insert into memberships (user_id, tenant_id, roles, state)
         values ('{user}', '{}', array['member'], 'active')",
        tenant.id
    ))
    .await;
    base.sql(&format!(
        "insert into outbox (tenant_id, user_id) values ('{}', '{user}')",
        tenant.id
    ))
    .await;
}

/// Counts the schemas and roles of tenants.
async fn traces(base: &Base) -> (i64, i64) {
    let name = &base.database.name;
    let roles = format!("select count(*) from pg_roles where rolname ~ '^{name}_[ot]_'");
    let schemas = "select count(*) from pg_namespace where nspname ~ '^t_'";
    (base.count(schemas).await, base.count(&roles).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_leaves_a_proof_and_nothing_else() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    let (globex, _) = plane.create("globex").await;
    let (here, both, staff) = (UserId::new(), UserId::new(), UserId::new());
    for user in [here, both, staff] {
        join(&base, user, acme).await;
    }
    join(&base, both, globex).await;
    base.sql(&format!(
        "insert into platform_roles (user_id, roles) values ('{staff}', array['platform_support'])"
    ))
    .await;
    base.sql(&format!(
        "insert into tenant_domains (domain, tenant_id) values ('acme.example', '{}')",
        acme.id
    ))
    .await;

    let early = purge(&plane, acme.id, "acme").await.unwrap_err();
    assert_eq!(reason(&early), "TENANT_STATE");
    delete(&base, acme, "30 days").await;
    let unsure = purge(&plane, acme.id, "globex").await.unwrap_err();
    assert_eq!(reason(&unsure), "REQUEST_INVALID");
    assert_eq!(state(&base, acme.id).await, "deleting");

    let tables = base
        .count(&format!(
            "select count(*) from pg_tables where schemaname = '{}'",
            acme.schema()
        ))
        .await;
    let purged = purge(&plane, acme.id, "acme").await.unwrap().into_inner();
    let proof = purged.proof.unwrap();
    assert!(proof.schema_gone && proof.roles_gone && proof.purge_time.is_some());
    assert_eq!(i64::from(proof.tables), tables);
    assert_eq!((proof.memberships, proof.accounts), (3, 1));
    let tenant = purged.tenant.unwrap();
    assert_eq!(tenant.state(), State::Purged);
    assert_eq!(
        (tenant.contact_email.as_str(), tenant.display_name.as_str()),
        ("", "")
    );
    assert!(purged.operation.unwrap().done);

    assert_eq!(traces(&base).await, (1, 2));
    for table in ["memberships", "activation_tokens", "tenant_domains"] {
        let left = format!(
            "select count(*) from {table} where tenant_id = '{}'",
            acme.id
        );
        assert_eq!(base.count(&left).await, 0, "{table}");
    }
    let left = |user| format!("select count(*) from users where id = '{user}'");
    assert_eq!(base.count(&left(here)).await, 0);
    assert_eq!(base.count(&left(both)).await, 1);
    assert_eq!(base.count(&left(staff)).await, 1);
    let audited =
        "select count(*) from audit_log where action in ('tenants.purge', 'tenants.purged')";
    assert_eq!(base.count(audited).await, 2);

    // The other tenant is as it was, and the slug is free.
    assert_eq!(state(&base, globex.id).await, "active");
    let again = purge(&plane, acme.id, "acme").await.unwrap_err();
    assert_eq!(reason(&again), "TENANT_STATE");
    plane.create("acme").await;
    assert_eq!(traces(&base).await, (2, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_accounts_of_a_large_tenant_go_and_those_that_are_named_elsewhere_stay() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    for sql in [
        "insert into users (id, email, password_hash)
         select gen_random_uuid(), 'p' || n || '@x.example', '' from generate_series(1, 3000) n",
        "insert into memberships (user_id, tenant_id, roles, state)
         select u.id, t.id, array['member'], 'active' from users u, tenants t",
        "insert into one_time_tokens (token_hash, kind, user_id, expire_time)
         select uuid_send(id), 'verify_email', id, now() + interval '1 day' from users",
        "insert into platform_roles (user_id, roles)
         select id, array['platform_support'] from users where email ~ '^p1?0@'",
        // Tables of a later version, of which one names somebody as its author.
        "create table notes (author uuid references users (id))",
        "create table devices (user_id uuid references users (id))",
        "create table visits (user_id uuid references users (id), tenant_id uuid)",
        "insert into notes select id from users where email ~ '^p[2-4]@'",
        "insert into devices select id from users",
        "insert into visits select id, gen_random_uuid() from users where email ~ '^p5@'",
        "insert into visits select id from users where email ~ '^p[67]@'",
    ] {
        base.sql(sql).await;
    }
    let control = format!("{}_control", base.database.name);
    for table in ["notes", "devices", "visits"] {
        base.sql(&format!("alter table {table} owner to {control}"))
            .await;
    }
    delete(&base, acme, "30 days").await;
    let purged = purge(&plane, acme.id, "acme").await.unwrap().into_inner();
    let proof = purged.proof.unwrap();
    // Of staff one, as named by a note three, by a visit to another tenant one.
    assert_eq!((proof.memberships, proof.accounts), (3000, 2995));
    // Who stays keeps what is their own.
    for (table, left) in [
        ("users", 5),
        ("one_time_tokens", 5),
        ("devices", 5),
        ("visits", 1),
        ("memberships", 0),
    ] {
        let count = format!("select count(*) from {table}");
        assert_eq!(base.count(&count).await, left, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_made_on_the_schema_keeps_it() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    let (globex, _) = plane.create("globex").await;
    delete(&base, acme, "30 days").await;
    let (own, other) = (acme.schema(), globex.schema());
    for (make, found, remove) in [
        (
            format!("create view public.spy as select tenant_id from {own}._tenant"),
            "view public.spy",
            "drop view public.spy".to_owned(),
        ),
        (
            format!("create view {other}.spy as select tenant_id from {own}._tenant"),
            "view t_",
            format!("drop view {other}.spy"),
        ),
        (
            format!("create table public.follows (one boolean references {own}._tenant)"),
            "table public.follows",
            "drop table public.follows".to_owned(),
        ),
        (
            format!("create table public.typed (row {own}._tenant)"),
            "table public.typed",
            "drop table public.typed".to_owned(),
        ),
        (
            format!(
                "create function public.peek() returns uuid language sql
                 begin atomic select tenant_id from {own}._tenant; end"
            ),
            "function public.peek()",
            "drop function public.peek".to_owned(),
        ),
    ] {
        base.sql(&make).await;
        let refused = purge(&plane, acme.id, "acme").await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{make}");
        assert_eq!(reason(&refused), "TENANT_HAS_DEPENDENTS", "{make}");
        assert!(refused.message().starts_with("1 object"), "{refused:?}");
        assert!(!format!("{refused:?}").contains("spy"), "{refused:?}");
        // As it was, and whoever operates the database learns why.
        assert_eq!(state(&base, acme.id).await, "deleting");
        assert_eq!(traces(&base).await, (2, 4));
        let named = format!(
            "select count(*) from operations where done and position('{found}' in error) > 0"
        );
        assert!(base.count(&named).await > 0, "{make}");
        base.sql(&remove).await;
    }
    let purged = purge(&plane, acme.id, "acme").await.unwrap().into_inner();
    assert!(purged.proof.unwrap().schema_gone);
    assert_eq!(traces(&base).await, (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_was_never_made_is_purged_beside_the_heir_of_its_slug() {
    let base = Base::new().await;
    let plane = base.plane();
    let (first, _) = plane.create("acme").await;
    // As if it had never been made.
    let drop = format!("drop schema {} cascade", first.schema());
    base.sql(&drop).await;
    base.sql("update tenants set state = 'failed'").await;
    let (heir, _) = plane.create("acme").await;
    let purged = purge(&plane, first.id, "acme").await.unwrap().into_inner();
    assert_eq!(purged.proof.unwrap().tables, 0);
    assert_eq!(state(&base, first.id).await, "purged");
    assert_eq!(state(&base, heir.id).await, "active");
    assert_eq!(traces(&base).await, (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_that_outlasts_its_call_goes_on() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    delete(&base, acme, "30 days").await;
    let reader = base.database.admin().await.unwrap();
    reader.execute("begin", &[]).await.unwrap();
    let read = format!("select * from {}._tenant", acme.schema());
    reader.query(&read, &[]).await.unwrap();

    let mut short = call(&plane, acme.id, "acme");
    short.set_timeout(Duration::from_secs(2));
    let answer = plane
        .tenants()
        .purge_tenant(short)
        .await
        .unwrap()
        .into_inner();
    let operation = answer.operation.unwrap();
    assert!(!operation.done && answer.proof.is_none());
    assert_eq!(answer.tenant.unwrap().state(), State::Purging);
    // Who asks again hears of the same one.
    let mut again = call(&plane, acme.id, "acme");
    again.set_timeout(Duration::from_secs(1));
    let again = plane
        .tenants()
        .purge_tenant(again)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again.operation.unwrap().name, operation.name);
    reader.execute("rollback", &[]).await.unwrap();
    let gone = wait::until(LIMIT, || async { state(&base, acme.id).await == "purged" });
    assert!(gone.await);
    assert_eq!(traces(&base).await, (0, 0));
    assert_eq!(
        base.count("select count(*) from operations where kind = 'purge'")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn due_tenants_are_purged_and_others_are_not() {
    let base = Base::new().await;
    let plane = base.plane();
    let (due, _) = plane.create("due").await;
    let (later, _) = plane.create("later").await;
    let (held, _) = plane.create("held").await;
    delete(&base, due, "-1 second").await;
    delete(&base, later, "1 hour").await;
    delete(&base, held, "-1 second").await;
    let spy = format!(
        "create view public.spy as select one from {}._tenant",
        held.schema()
    );
    base.sql(&spy).await;
    let turn = plane.reconcile().await;
    assert_eq!(turn.purges_begun, 2);
    assert_eq!(state(&base, due.id).await, "purged");
    assert_eq!(state(&base, later.id).await, "deleting");
    assert_eq!(state(&base, held.id).await, "deleting");
    assert_eq!(traces(&base).await, (2, 4));
    // What was refused rests, and is tried again later.
    assert_eq!(plane.reconcile().await.purges_begun, 0);
    base.sql("drop view public.spy").await;
    base.sql("update operations set end_time = now() - interval '2 hours'")
        .await;
    assert_eq!(plane.reconcile().await.purges_begun, 1);
    assert_eq!(state(&base, held.id).await, "purged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purges_at_once_are_one() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    delete(&base, acme, "30 days").await;
    let calls = (0..6).map(|_| purge(&plane, acme.id, "acme"));
    let answers = futures_util::future::join_all(calls).await;
    let mut names = std::collections::BTreeSet::new();
    for answer in answers {
        match answer {
            Ok(answer) => {
                let operation = answer.into_inner().operation.unwrap();
                let fine = matches!(operation.result, Some(operation::Result::Response(_)));
                assert!(fine, "{operation:?}");
                names.insert(operation.name);
            }
            // It came when everything was over.
            Err(late) => assert_eq!(reason(&late), "TENANT_STATE"),
        }
    }
    assert_eq!(names.len(), 1);
    assert_eq!(
        base.count("select count(*) from operations where kind = 'purge'")
            .await,
        1
    );
}
