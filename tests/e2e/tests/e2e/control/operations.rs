//! Long work can be listed, waited for, and cancelled while nobody works on it.

use std::time::Duration;

use resido_proto::google::longrunning::{self as proto, operation};
use tonic::Code;

use super::plane::{Base, Caller, Plane, reason};

async fn get(plane: &Plane, name: &str) -> Result<proto::Operation, tonic::Status> {
    let name = name.to_owned();
    let get = plane.request(Caller::Operator, proto::GetOperationRequest { name });
    let found = plane.operations().get_operation(get).await;
    found.map(tonic::Response::into_inner)
}

async fn cancel(plane: &Plane, name: &str) -> Result<(), tonic::Status> {
    let name = name.to_owned();
    let cancel = plane.request(Caller::Operator, proto::CancelOperationRequest { name });
    plane.operations().cancel_operation(cancel).await.map(drop)
}

async fn delete(plane: &Plane, name: &str) -> Result<(), tonic::Status> {
    let name = name.to_owned();
    let delete = plane.request(Caller::Operator, proto::DeleteOperationRequest { name });
    plane.operations().delete_operation(delete).await.map(drop)
}

async fn list(plane: &Plane, filter: &str, token: &str) -> proto::ListOperationsResponse {
    let list = proto::ListOperationsRequest {
        name: "operations".into(),
        filter: filter.into(),
        page_size: 2,
        page_token: token.into(),
        ..Default::default()
    };
    let list = plane.request(Caller::Operator, list);
    let listed = plane.operations().list_operations(list).await;
    listed.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_are_listed_in_pages_and_by_their_state() {
    let base = Base::new().await;
    let plane = base.plane();
    for slug in ["one", "two", "three"] {
        plane.create(slug).await;
    }
    let first = list(&plane, "done = true AND kind = \"provision\"", "").await;
    assert_eq!(first.operations.len(), 2);
    let token = first.next_page_token;
    let second = list(&plane, "done = true AND kind = \"provision\"", &token).await;
    assert_eq!(
        (second.operations.len(), second.next_page_token.as_str()),
        (1, "")
    );
    for operation in first.operations.iter().chain(&second.operations) {
        assert!(operation.done && operation.metadata.is_some());
        assert!(matches!(
            operation.result,
            Some(operation::Result::Response(_))
        ));
        assert_eq!(&get(&plane, &operation.name).await.unwrap(), operation);
    }
    assert_eq!(list(&plane, "done = false", "").await.operations.len(), 0);
    assert_eq!(
        list(&plane, "kind = \"purge\"", "").await.operations.len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_rests_is_cancelled_and_only_what_is_done_is_deleted() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, created) = plane.create("acme").await;
    let name = created.operation.unwrap().name;
    // At work.
    let work = "update operations set done = false, begin_time = now(), error = null,
                       lease_until = now() + interval '1 minute'";
    base.sql(work).await;
    base.sql("update tenants set state = 'provisioning'").await;
    for refused in [cancel(&plane, &name).await, delete(&plane, &name).await] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert_eq!(reason(&refused), "OPERATION_RUNNING");
    }
    // A wait ends by itself.
    let wait = proto::WaitOperationRequest {
        name: name.clone(),
        timeout: Some(Duration::from_millis(300).try_into().unwrap()),
    };
    let wait = plane.request(Caller::Operator, wait);
    let waited = plane.operations().wait_operation(wait).await;
    assert!(!waited.unwrap().into_inner().done);
    // Between two attempts.
    base.sql("update operations set begin_time = null").await;
    cancel(&plane, &name).await.unwrap();
    let cancelled = get(&plane, &name).await.unwrap();
    let Some(operation::Result::Error(status)) = cancelled.result else {
        panic!("{:?}", cancelled.result)
    };
    assert_eq!(status.code, 1);
    let failed = format!(
        "select count(*) from tenants where id = '{}' and state = 'failed'",
        acme.id
    );
    assert_eq!(base.count(&failed).await, 1);
    assert_eq!(
        reason(&cancel(&plane, &name).await.unwrap_err()),
        "OPERATION_RUNNING"
    );
    delete(&plane, &name).await.unwrap();
    for gone in [cancel(&plane, &name).await, delete(&plane, &name).await] {
        assert_eq!(reason(&gone.unwrap_err()), "RESOURCE_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_purge_leaves_the_tenant_deleted() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    base.sql("update tenants set state = 'purging', purge_time = now()")
        .await;
    let insert = format!(
        "insert into operations (id, kind, tenant_id, actor, from_state, lease_until)
         values (gen_random_uuid(), 'purge', '{}', 'users/x', 'deleting', now() + interval '1 hour')",
        acme.id
    );
    base.sql(&insert).await;
    let open = list(&plane, "kind = \"purge\"", "").await.operations;
    cancel(&plane, &open[0].name).await.unwrap();
    let state: String = base
        .admin
        .query_one("select state from tenants", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(state, "deleting");
    assert_eq!(
        base.count("select count(*) from pg_namespace where nspname ~ '^t_'")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_live_for_a_day_and_records_for_ninety() {
    let base = Base::new().await;
    let plane = base.plane();
    plane.ask("acme", "key").await.unwrap();
    plane.ask("globex", "other").await.unwrap();
    assert_eq!(plane.reconcile().await.forgotten, 0);
    base.sql("update operations set end_time = now() - interval '25 hours'")
        .await;
    assert_eq!(plane.reconcile().await.forgotten, 2);
    assert_eq!(base.count("select count(*) from operations").await, 2);
    let keys = "select count(*) from operations where idempotency_key is not null";
    assert_eq!(base.count(keys).await, 0);
    base.sql("update operations set end_time = now() - interval '91 days'")
        .await;
    assert_eq!(plane.reconcile().await.forgotten, 2);
    assert_eq!(base.count("select count(*) from operations").await, 0);
}
