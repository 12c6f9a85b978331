//! Whatever changes is recorded with it, and a record stays as it was written.

use resido_proto::{
    identity::Role,
    identity_api::v1::{self as identity, audit_service_client::AuditServiceClient},
    ids::UserId,
    tenancy::v1::{self as proto},
};
use serde_json::{Value, json};

use super::plane::{Base, Caller, Plane, REQUEST_ID, reason};

const PASSWORD: &str = "correct horse battery";

/// A record, and whether its transaction is that of the row it speaks of.
struct Record {
    actor: String,
    resource: String,
    tenant: Option<uuid::Uuid>,
    request_id: String,
    before: Option<Value>,
    after: Option<Value>,
    transaction: String,
}

async fn records(base: &Base, action: &str) -> Vec<Record> {
    let select = "
        select actor, resource, tenant_id, request_id, before, after, xmin::text
          from audit_log where action = $1 order by id";
    let rows = base.admin.query(select, &[&action]).await.unwrap();
    let record = |row: &tokio_postgres::Row| Record {
        actor: row.get(0),
        resource: row.get(1),
        tenant: row.get(2),
        request_id: row.get(3),
        before: row.get(4),
        after: row.get(5),
        transaction: row.get(6),
    };
    rows.iter().map(record).collect()
}

/// Returns the transaction that wrote the only, or the last, row of a table.
async fn writer(base: &Base, rows: &str) -> String {
    let select = format!("select xmin::text from {rows}");
    base.admin.query_one(&select, &[]).await.unwrap().get(0)
}

async fn register(plane: &Plane, token: &str) -> identity::User {
    let register = identity::RegisterUserRequest {
        activation_token: token.to_owned(),
        email: "owner@acme.example".into(),
        password: PASSWORD.into(),
        ..Default::default()
    };
    let register = plane.request(Caller::Anonymous, register);
    let user = plane.users().register_user(register).await;
    user.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_and_its_record_are_one_transaction() {
    let base = Base::new().await;
    let plane = base.plane();
    let operator = base.operator.resource_name();
    let (tenant, created) = plane.create("acme").await;
    let name = tenant.id.resource_name();
    let last = "outbox order by id desc limit 1";
    let check = |record: &Record, actor: &str, resource: &str| {
        assert_eq!(record.actor, actor);
        assert_eq!(record.resource, resource);
        assert_eq!(record.tenant, Some(tenant.id.as_uuid()));
        assert_eq!(record.request_id, REQUEST_ID);
    };
    let record = records(&base, "tenants.reserve").await.remove(0);
    check(&record, &operator, &name);
    let after = json!({"slug": "acme", "state": "provisioning"});
    assert_eq!((record.before, record.after), (None, Some(after)));
    let record = records(&base, "tenants.create").await.remove(0);
    check(&record, &operator, &name);
    assert_eq!(record.before, None);
    assert_eq!(record.after.unwrap()["state"], "active");
    for rows in ["tenants", "activation_tokens", "operations", "outbox"] {
        assert_eq!(writer(&base, rows).await, record.transaction, "{rows}");
    }

    let user = register(&plane, &created.activation_token).await;
    let record = records(&base, "users.register").await.remove(0);
    check(&record, &user.name, &user.name);
    let after = json!({"roles": ["owner"], "state": "active"});
    assert_eq!(record.after, Some(after));
    for rows in ["users", "memberships", "activation_tokens"] {
        assert_eq!(writer(&base, rows).await, record.transaction, "{rows}");
    }

    plane.suspend(tenant.id).await.unwrap();
    let record = records(&base, "tenants.suspend").await.remove(0);
    check(&record, &operator, &name);
    let before = json!({"state": "active", "epoch": 2});
    let after = json!({"state": "suspended", "epoch": 3, "reason": "unpaid"});
    assert_eq!((record.before, record.after), (Some(before), Some(after)));
    for rows in ["tenants", last] {
        assert_eq!(writer(&base, rows).await, record.transaction, "{rows}");
    }

    plane.resume(tenant.id).await.unwrap();
    let record = records(&base, "tenants.resume").await.remove(0);
    check(&record, &operator, &name);
    for rows in ["tenants", last] {
        assert_eq!(writer(&base, rows).await, record.transaction, "{rows}");
    }
    no_secrets(&base, &[&created.activation_token, PASSWORD, "argon2"]).await;
}

async fn no_secrets(base: &Base, secrets: &[&str]) {
    let text = "select coalesce(string_agg(a::text, ' '), '') from audit_log a";
    let text: String = base.admin.query_one(text, &[]).await.unwrap().get(0);
    assert!(text.contains("tenants.create"));
    for secret in secrets {
        assert!(!text.contains(secret), "{text}");
    }
    let hashes = "
        select count(*) from audit_log a, activation_tokens t
         where strpos(a::text, encode(t.token_hash, 'hex')) > 0";
    assert_eq!(base.count(hashes).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_changes_leave_no_record() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    let records = "select count(*) from audit_log";
    let before = base.count(records).await;
    plane.resume(tenant.id).await.unwrap_err();
    let suspend = proto::SuspendTenantRequest {
        name: tenant.id.resource_name(),
        reason: String::new(),
    };
    let caller = Caller::Owner(tenant, UserId::new());
    let suspend = plane.request(caller, suspend);
    let refused = plane.tenants().suspend_tenant(suspend).await.unwrap_err();
    assert_eq!(reason(&refused), "ROLE_REQUIRED");
    let taken = plane.ask("acme", "").await.unwrap_err();
    assert_eq!(reason(&taken), "TENANT_EXISTS");
    assert_eq!(base.count(records).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_not_changed_by_anybody() {
    let base = Base::new().await;
    let plane = base.plane();
    plane.create("acme").await;
    let control = resido_e2e::database::connect(&base.database.control_url);
    let control = control.await.unwrap();
    let services = resido_e2e::database::connect(&base.database.app_url);
    let services = services.await.unwrap();
    for statement in [
        "select * from public.audit_log",
        "insert into public.audit_log (actor, action, resource) values ('x', 'y', 'z')",
        "update public.audit_log set actor = 'users/other'",
        "delete from public.audit_log",
        "truncate public.audit_log",
    ] {
        let refused = services.execute(statement, &[]).await.unwrap_err();
        let code = refused.code().unwrap().code().to_owned();
        assert_eq!(code, "42501", "{statement}");
    }
    for client in [&base.admin, &control] {
        for change in [
            "update audit_log set actor = 'users/other'",
            "delete from audit_log",
            "delete from audit_log where false",
            "truncate audit_log",
        ] {
            let refused = client.execute(change, &[]).await.unwrap_err();
            let message = refused.as_db_error().unwrap().message().to_owned();
            assert_eq!(message, "the audit log is append-only", "{change}");
        }
    }
    assert_eq!(records(&base, "tenants.create").await.len(), 1);
}

/// Returns the numbers and actions of the events that somebody sees, page by
/// page, or why nothing is seen.
async fn listed(
    plane: &Plane,
    caller: Caller,
    filter: &str,
    page_size: i32,
) -> Result<Vec<identity::AuditEvent>, String> {
    let mut log = AuditServiceClient::new(plane.door());
    let (mut events, mut page_token) = (Vec::new(), String::new());
    loop {
        let list = identity::ListAuditEventsRequest {
            page_size,
            page_token,
            filter: filter.to_owned(),
        };
        let list = plane.request(caller, list);
        let listed = log.list_audit_events(list).await;
        let page = listed.map_err(|status| reason(&status))?.into_inner();
        events.extend(page.audit_events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(events);
        }
    }
}

fn number(event: &identity::AuditEvent) -> i64 {
    let number = event.name.strip_prefix("audit-events/");
    number.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_see_what_concerns_their_tenant_and_staff_everything() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    let (globex, _) = plane.create("globex").await;
    plane.suspend(globex.id).await.unwrap();
    plane.resume(globex.id).await.unwrap();
    let all = listed(&plane, Caller::Operator, "", 0).await.unwrap();
    let expected = base.count("select count(*) from audit_log").await;
    assert_eq!(i64::try_from(all.len()).unwrap(), expected);
    assert_eq!(all[0].action, "tenants.resume");
    assert!(
        all.windows(2)
            .all(|pair| number(&pair[0]) > number(&pair[1]))
    );
    for size in 1..4 {
        let pages = listed(&plane, Caller::Operator, "", size).await.unwrap();
        assert_eq!(pages, all, "pages of {size}");
    }

    let owner = Caller::Owner(acme, UserId::new());
    let name = acme.id.resource_name();
    let other = format!("tenant = \"{}\"", globex.id.resource_name());
    let any = format!("{other} OR NOT {other}");
    for (filter, actions) in [
        ("", &["tenants.create", "tenants.reserve"][..]),
        (&*other, &[]),
        (&*any, &["tenants.create", "tenants.reserve"]),
        ("action = tenants.suspend", &[]),
    ] {
        let seen = listed(&plane, owner, filter, 0).await.unwrap();
        let found: Vec<_> = seen.iter().map(|event| &*event.action).collect();
        assert_eq!(found, actions, "{filter}");
        assert!(seen.iter().all(|event| event.tenant == name), "{filter}");
    }
    for (filter, count) in [
        (&*other, 4),
        ("action = \"tenants.*\"", 6),
        ("action = tenants.suspend", 1),
        ("event_time > \"2100-01-01T00:00:00Z\"", 0),
        (&*format!("request_id = \"{REQUEST_ID}\""), 6),
        ("actor = users/nobody", 0),
        ("behalf_of:*", 0),
    ] {
        let seen = listed(&plane, Caller::Operator, filter, 0).await.unwrap();
        assert_eq!(seen.len(), count, "{filter}");
    }
    let suspended = "action = tenants.suspend";
    let event = listed(&plane, Caller::Operator, suspended, 0)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(event.resource, globex.id.resource_name());
    let after = event.after.unwrap().fields;
    assert_eq!(
        after["state"].kind,
        Some(prost_types::value::Kind::StringValue("suspended".into()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_is_not_for_everybody() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    let odd = listed(&plane, Caller::Operator, "password = x", 0).await;
    assert_eq!(odd, Err("REQUEST_INVALID".to_owned()));
    for (caller, roles) in [
        (Caller::Owner(acme, UserId::new()), Role::MEMBER),
        // A role counts where it belongs.
        (Caller::Owner(acme, UserId::new()), Role::PLATFORM_ADMIN),
        (Caller::Operator, Role::OWNER),
        (Caller::Anonymous, Role::OWNER),
    ] {
        let list = identity::ListAuditEventsRequest::default();
        let list = plane.request_by(caller, list, |claims| claims.roles = vec![roles]);
        let mut log = AuditServiceClient::new(plane.door());
        let refused = log.list_audit_events(list).await.unwrap_err();
        assert_eq!(reason(&refused), "ROLE_REQUIRED", "{caller:?}");
    }
}
