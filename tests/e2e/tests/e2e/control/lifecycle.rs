//! A tenant is maintained, deleted and restored one whole step at a time.

use futures_util::future::join_all;
use resido_proto::{
    ids::TenantId,
    tenancy::v1::{self as proto, start_maintenance_request::Mode, tenant::State},
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{
    operator::Lets,
    plane::{Base, Plane, reason},
};

fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let request = details.bad_request().unwrap();
    let fields = request.field_violations.iter();
    fields.map(|violation| violation.field.clone()).collect()
}

async fn steps(base: &Base) -> i64 {
    let making = "'tenants.reserve', 'tenants.create'";
    let steps = format!("select count(*) from audit_log where action not in ({making})");
    base.count(&steps).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maintenance_lets_through_what_it_says() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    let id = tenant.id;
    assert_eq!(base.lets(id).await, Lets::Writes);
    for (mode, read_only, lets) in [
        (Mode::ReadOnly, true, Lets::Reads),
        (Mode::Closed, false, Lets::Nothing),
    ] {
        let begun = plane.maintain(id, mode).await.unwrap().into_inner();
        assert_eq!(begun.state(), State::Maintenance);
        assert_eq!(begun.read_only, read_only);
        assert_eq!(base.lets(id).await, lets);
        for refused in [
            plane.maintain(id, Mode::Closed).await,
            plane.suspend(id).await,
            plane.resume(id).await,
        ] {
            assert_eq!(reason(&refused.unwrap_err()), "TENANT_STATE");
        }
        let ended = plane.end_maintenance(id).await.unwrap().into_inner();
        assert_eq!((ended.state(), ended.read_only), (State::Active, false));
        assert_eq!(base.lets(id).await, Lets::Writes);
    }
    let unsaid = plane.maintain(id, Mode::Unspecified).await.unwrap_err();
    assert_eq!(
        (unsaid.code(), fields(&unsaid)),
        (Code::InvalidArgument, vec!["mode".into()])
    );
    // A step of the epoch for each change, and none for what was refused.
    assert_eq!(
        base.count("select epoch from tenants").await,
        tenant.epoch + 4
    );
    assert_eq!(steps(&base).await, 4);
}

/// Brings a tenant into a state that it can be deleted from.
async fn bring(plane: &Plane, id: TenantId, state: (State, bool)) {
    let brought = match state {
        (State::Suspended, _) => plane.suspend(id).await,
        (State::Maintenance, true) => plane.maintain(id, Mode::ReadOnly).await,
        (State::Maintenance, false) => plane.maintain(id, Mode::Closed).await,
        _ => plane.get(id).await,
    };
    let brought = brought.unwrap().into_inner();
    assert_eq!((brought.state(), brought.read_only), state);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_tenant_is_as_it_was() {
    let base = Base::new().await;
    let plane = base.plane();
    for (number, (state, lets)) in [
        ((State::Active, false), Lets::Writes),
        ((State::Suspended, false), Lets::Writes),
        ((State::Maintenance, true), Lets::Reads),
        ((State::Maintenance, false), Lets::Nothing),
    ]
    .into_iter()
    .enumerate()
    {
        let (tenant, _) = plane.create(&format!("acme-{number}")).await;
        bring(&plane, tenant.id, state).await;
        let deleted = plane.delete(tenant.id).await.unwrap().into_inner();
        assert_eq!(deleted.state(), State::Deleting);
        let (gone, end) = (deleted.delete_time.unwrap(), deleted.purge_time.unwrap());
        assert_eq!(end.seconds - gone.seconds, 30 * 24 * 3600);
        assert_eq!(base.lets(tenant.id).await, Lets::Nothing);
        for refused in [
            plane.delete(tenant.id).await,
            plane.suspend(tenant.id).await,
            plane.end_maintenance(tenant.id).await,
            plane.rename(tenant.id, "another").await,
            plane.add_domain(tenant.id, "acme.example").await,
        ] {
            let refused = refused.unwrap_err();
            assert_eq!(refused.code(), Code::FailedPrecondition);
            assert_eq!(reason(&refused), "TENANT_STATE");
        }
        let restored = plane.undelete(tenant.id).await.unwrap().into_inner();
        assert_eq!((restored.state(), restored.read_only), state);
        assert_eq!((restored.delete_time, restored.purge_time), (None, None));
        assert_eq!(base.lets(tenant.id).await, lets, "{state:?}");
        let again = plane.undelete(tenant.id).await.unwrap_err();
        assert_eq!(reason(&again), "TENANT_STATE");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_is_what_the_caller_means() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, created) = plane.create("acme").await;
    let delete = || proto::DeleteTenantRequest {
        name: tenant.id.resource_name(),
        ..Default::default()
    };
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let faulty = proto::DeleteTenantRequest {
        name: "acme".into(),
        reason: "x".repeat(501),
        grace: seconds(-1),
        ..Default::default()
    };
    let refused = plane.delete_with(faulty).await.unwrap_err();
    assert_eq!(fields(&refused), ["name", "reason", "grace"]);
    for confirm in ["", "globex"] {
        let grace = seconds(0);
        let confirm = confirm.into();
        let unsure = proto::DeleteTenantRequest {
            grace,
            confirm,
            ..delete()
        };
        let refused = plane.delete_with(unsure).await.unwrap_err();
        assert_eq!(fields(&refused), ["confirm"]);
    }
    let stale = proto::DeleteTenantRequest {
        etag: "r999".into(),
        ..delete()
    };
    let refused = plane.delete_with(stale).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Aborted, "ETAG_MISMATCH")
    );
    assert_eq!(steps(&base).await, 0);
    let sure = proto::DeleteTenantRequest {
        etag: created.tenant.unwrap().etag,
        grace: seconds(0),
        confirm: "acme".into(),
        reason: "closed".into(),
        ..delete()
    };
    let deleted = plane.delete_with(sure).await.unwrap().into_inner();
    assert_eq!(deleted.delete_time, deleted.purge_time);
    let late = plane.undelete(tenant.id).await.unwrap_err();
    assert_eq!(
        (late.code(), reason(&late).as_str()),
        (Code::FailedPrecondition, "TENANT_STATE")
    );
    assert_eq!(steps(&base).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_voids_the_ways_in() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, created) = plane.create("acme").await;
    let email = "owner@acme.example";
    plane.delete(tenant.id).await.unwrap();
    let early = plane.resend(tenant.id).await.unwrap_err();
    assert_eq!(reason(&early), "TENANT_STATE");
    plane.undelete(tenant.id).await.unwrap();
    let void = plane.register(&created.activation_token, email).await;
    assert_eq!(reason(&void.unwrap_err()), "ACTIVATION_TOKEN_INVALID");
    let first = plane.resend(tenant.id).await.unwrap().into_inner();
    let second = plane.resend(tenant.id).await.unwrap().into_inner();
    let week = 7 * 24 * 3600;
    let end = second.expire_time.unwrap().seconds;
    let now = i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap();
    assert!((week - 60..=week).contains(&(end - now)), "{end} {now}");
    let void = plane.register(&first.activation_token, email).await;
    assert_eq!(reason(&void.unwrap_err()), "ACTIVATION_TOKEN_INVALID");
    plane
        .register(&second.activation_token, email)
        .await
        .unwrap();
    let entered = plane.resend(tenant.id).await.unwrap_err();
    assert_eq!(entered.code(), Code::FailedPrecondition);
    assert_eq!(reason(&entered), "TENANT_ENTERED");
    // Who has entered is there still after a deletion.
    plane.delete(tenant.id).await.unwrap();
    plane.undelete(tenant.id).await.unwrap();
    let entered = plane.resend(tenant.id).await.unwrap_err();
    assert_eq!(reason(&entered), "TENANT_ENTERED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_all_changes_at_once_the_states_form_a_chain() {
    let base = Base::new().await;
    let plane = base.plane();
    let (tenant, _) = plane.create("acme").await;
    let id = tenant.id;
    for _ in 0..3 {
        let round = (0..18).map(|number| {
            let plane = &plane;
            async move {
                match number % 6 {
                    0 => plane.suspend(id).await,
                    1 => plane.resume(id).await,
                    2 => plane.maintain(id, Mode::ReadOnly).await,
                    3 => plane.end_maintenance(id).await,
                    4 => plane.delete(id).await,
                    _ => plane.undelete(id).await,
                }
            }
        });
        for status in join_all(round).await.into_iter().filter_map(Result::err) {
            let reason = reason(&status);
            assert!(
                ["TENANT_STATE", "TENANT_CHANGED"].contains(&reason.as_str()),
                "{status:?}"
            );
        }
    }
    // Each record begins where the one before ended: no change was lost, and none
    // was made twice.
    let breaks = "
        select count(*) from (
            select before->'state' as was, lag(after->'state') over w as is_now,
                   (before->>'epoch')::int8 as old, (after->>'epoch')::int8 as new,
                   lag((after->>'epoch')::int8) over w as last
              from audit_log where action not in ('tenants.reserve', 'tenants.create')
            window w as (order by (after->>'epoch')::int8)) steps
         where is_now <> was or last <> old or new <> old + 1";
    assert_eq!(base.count(breaks).await, 0);
    let epoch = base.count("select epoch from tenants").await;
    assert_eq!(steps(&base).await, epoch - tenant.epoch);
    assert_eq!(
        base.count("select count(*) from outbox").await,
        1 + epoch - tenant.epoch
    );
    let fence = format!("select epoch from \"{}\"._tenant", tenant.schema());
    assert_eq!(base.count(&fence).await, epoch);
}
