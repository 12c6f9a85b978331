//! A tenant's state changes one step at a time, and what was signed before a
//! change opens nothing after it.

use futures_util::future::join_all;
use resido_e2e::{database::Tenant, door::Door};
use resido_proto::{
    identity_api::v1 as identity,
    ids::{TenantId, UserId},
    tenancy::v1::tenant::State,
};
use resido_tenancy::db::{Access, Error};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::plane::{Base, Caller, reason};

fn told_state(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    info.metadata.get("state").cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_changes_at_once_one_wins() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    for round in 0..3_i64 {
        let suspends = join_all((0..8).map(|_| plane.suspend(tenant.id))).await;
        let resumes = join_all((0..8).map(|_| plane.resume(tenant.id))).await;
        for answers in [suspends, resumes] {
            let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
            assert_eq!(won.len(), 1, "round {round}");
            for status in lost.into_iter().filter_map(Result::err) {
                let reason = reason(&status);
                let expected = match status.code() {
                    Code::FailedPrecondition => "TENANT_STATE",
                    Code::Aborted => "TENANT_CHANGED",
                    other => panic!("{other:?}: {status:?}"),
                };
                assert_eq!(reason, expected);
            }
        }
        // A step of the epoch a change, and none for those who lost.
        let epoch = base.count("select epoch from tenants").await;
        assert_eq!(epoch, tenant.epoch + 2 * (round + 1));
    }
    let audited = "select count(*) from audit_log where action ~ 'suspend|resume'";
    assert_eq!(base.count(audited).await, 6);
    assert_eq!(base.count("select count(*) from outbox").await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_lead_nowhere_name_the_state() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    let resumed = plane.resume(tenant.id).await.unwrap_err();
    assert_eq!(resumed.code(), Code::FailedPrecondition);
    assert_eq!(reason(&resumed), "TENANT_STATE");
    assert_eq!(told_state(&resumed), "active");
    let suspended = plane.suspend(tenant.id).await.unwrap().into_inner();
    assert_eq!(suspended.state(), State::Suspended);
    let again = plane.suspend(tenant.id).await.unwrap_err();
    assert_eq!(reason(&again), "TENANT_STATE");
    assert_eq!(told_state(&again), "suspended");
    for state in [
        "provisioning",
        "maintenance",
        "deleting",
        "purged",
        "failed",
    ] {
        base.sql(&format!("update tenants set state = '{state}'"))
            .await;
        let suspend = plane.suspend(tenant.id).await.unwrap_err();
        let resume = plane.resume(tenant.id).await.unwrap_err();
        for status in [suspend, resume] {
            assert_eq!(reason(&status), "TENANT_STATE", "{state}");
            assert_eq!(told_state(&status), state);
        }
    }
    let unknown = plane.suspend(TenantId::new()).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(reason(&unknown), "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contexts_of_before_a_suspension_open_nothing_after_it() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    let (db, door) = (base.database.app(1).unwrap(), Door::new().unwrap());
    let before = door.enter(&tenant).await.unwrap();
    let tx = db.begin(&before, Access::Write).await.unwrap();
    tx.rollback().await.unwrap();
    plane.suspend(tenant.id).await.unwrap();
    plane.resume(tenant.id).await.unwrap();
    for access in [Access::Read, Access::Write] {
        let refused = db.begin(&before, access).await;
        assert!(matches!(refused, Err(Error::TenantChanged)), "{access:?}");
    }
    let epoch = base.count("select epoch from tenants").await;
    assert_eq!(epoch, tenant.epoch + 2);
    let now = Tenant { epoch, ..tenant };
    let after = door.enter(&now).await.unwrap();
    let tx = db.begin(&after, Access::Write).await.unwrap();
    tx.rollback().await.unwrap();
    // The control plane holds to it as well.
    let me = || identity::GetUserRequest {
        name: "users/me".into(),
    };
    let asked = async |tenant| {
        let caller = Caller::Owner(tenant, UserId::new());
        let answer = plane.users().get_user(plane.request(caller, me())).await;
        reason(&answer.unwrap_err())
    };
    assert_eq!(asked(tenant).await, "TENANT_CHANGED");
    assert_eq!(asked(now).await, "RESOURCE_NOT_FOUND");
}
