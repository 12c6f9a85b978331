//! Whatever changes is recorded with it, and a record stays as it was written.

use resido_proto::{
    identity_api::v1 as identity,
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
