//! Lists of tenants: filtered, ordered, and without those that are gone.

use resido_proto::tenancy::v1::{self as proto};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::plane::{Answer, Base, Caller, Plane};

async fn list(plane: &Plane, filter: &str, order_by: &str) -> Answer<proto::ListTenantsResponse> {
    let list = proto::ListTenantsRequest {
        filter: filter.into(),
        order_by: order_by.into(),
        ..Default::default()
    };
    let list = plane.request(Caller::Operator, list);
    plane.tenants().list_tenants(list).await
}

async fn slugs(plane: &Plane, filter: &str, order_by: &str) -> Vec<String> {
    let listed = list(plane, filter, order_by).await.unwrap().into_inner();
    assert_eq!(listed.next_page_token, "");
    let tenants = listed.tenants.into_iter();
    tenants.map(|tenant| tenant.slug).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_show_what_is_asked_for() {
    let base = Base::new().await;
    let plane = base.plane();
    let mut made = Vec::new();
    for slug in ["delta", "alpha", "charlie", "bravo"] {
        made.push(plane.create(slug).await.0);
    }
    plane.suspend(made[1].id).await.unwrap();
    plane.delete(made[2].id).await.unwrap();
    let purged = format!(
        "update tenants set state = 'purged' where id = '{}'",
        made[3].id
    );
    base.sql(&purged).await;
    for (filter, order_by, expected) in [
        ("", "", &["delta", "alpha", "charlie"][..]),
        ("", "slug", &["alpha", "charlie", "delta"]),
        ("", "slug desc", &["delta", "charlie", "alpha"]),
        ("state = ACTIVE", "", &["delta"]),
        (
            "state = SUSPENDED OR state = DELETING",
            "",
            &["alpha", "charlie"],
        ),
        ("state = PURGED", "", &["bravo"]),
        ("NOT state = ACTIVE", "slug", &["alpha", "bravo", "charlie"]),
        (
            "slug = \"*a\" AND plan = \"free\"",
            "state, slug desc",
            &["delta", "alpha"],
        ),
        ("contactEmail : \"CHARLIE\"", "", &["charlie"]),
        ("schema_version > 1000", "", &[]),
        ("create_time < \"2000-01-01T00:00:00Z\"", "", &[]),
    ] {
        assert_eq!(
            slugs(&plane, filter, order_by).await,
            expected,
            "{filter} {order_by}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_go_on_where_the_last_one_ended() {
    let base = Base::new().await;
    let plane = base.plane();
    for number in 0..5 {
        plane.create(&format!("acme-{number}")).await;
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = proto::ListTenantsRequest {
            page_size: 2,
            page_token: token,
            filter: "slug = \"acme*\"".into(),
            order_by: "slug desc".into(),
        };
        let page = plane.request(Caller::Operator, page);
        let page = plane
            .tenants()
            .list_tenants(page)
            .await
            .unwrap()
            .into_inner();
        assert!(page.tenants.len() <= 2);
        seen.extend(page.tenants.into_iter().map(|tenant| tenant.slug));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["acme-4", "acme-3", "acme-2", "acme-1", "acme-0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_list_is_named_at_once() {
    let base = Base::new().await;
    let plane = base.plane();
    let refused = list(&plane, "secret = 1", "epoch").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let details = refused.get_error_details();
    let violations = details.bad_request().unwrap().field_violations.iter();
    let fields: Vec<_> = violations
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(fields, ["filter", "order_by"]);
}
