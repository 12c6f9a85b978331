//! A domain selects one tenant.

use futures_util::future::join_all;
use resido_proto::{ids::TenantId, tenancy::v1::lookup_tenant_request::Key};
use tonic::Code;

use super::plane::{Base, reason};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_is_added_once_and_removed() {
    let base = Base::new().await;
    let plane = base.plane();
    let ((acme, _), (other, _)) = (plane.create("acme").await, plane.create("other").await);
    let added = plane.add_domain(acme.id, "Homes.ACME.Example").await;
    let added = added.unwrap().into_inner();
    assert_eq!(added.domains, ["homes.acme.example"]);
    let found = plane.lookup(Key::Domain("HOMES.acme.example".into())).await;
    assert_eq!(found.unwrap().into_inner().name, acme.id.resource_name());
    // Once more changes nothing.
    let again = plane.add_domain(acme.id, "homes.acme.example").await;
    assert_eq!(again.unwrap().into_inner(), added);
    let taken = plane.add_domain(other.id, "homes.acme.example").await;
    let taken = taken.unwrap_err();
    assert_eq!(
        (taken.code(), reason(&taken).as_str()),
        (Code::AlreadyExists, "DOMAIN_EXISTS")
    );
    let foreign = plane.remove_domain(other.id, "homes.acme.example").await;
    assert_eq!(reason(&foreign.unwrap_err()), "RESOURCE_NOT_FOUND");
    let removed = plane.remove_domain(acme.id, "homes.acme.example").await;
    assert!(removed.unwrap().into_inner().domains.is_empty());
    let gone = plane.remove_domain(acme.id, "homes.acme.example").await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    plane
        .add_domain(other.id, "homes.acme.example")
        .await
        .unwrap();
    for malformed in [
        "",
        "localhost",
        "acme.example:80",
        "127.0.0.1",
        "*.acme.example",
    ] {
        let refused = plane.add_domain(acme.id, malformed).await.unwrap_err();
        assert_eq!(reason(&refused), "REQUEST_INVALID", "{malformed}");
    }
    let unknown = plane.add_domain(TenantId::new(), "a.example").await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    let records = "select count(*) from audit_log where action ~ 'domain'";
    assert_eq!(base.count(records).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_has_twenty_domains_at_most() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    let names: Vec<_> = (0..24)
        .map(|number| format!("d{number}.acme.example"))
        .collect();
    let added = join_all(names.iter().map(|name| plane.add_domain(acme.id, name))).await;
    let (added, refused): (Vec<_>, Vec<_>) = added.into_iter().partition(Result::is_ok);
    assert_eq!(added.len(), 20);
    for status in refused.into_iter().filter_map(Result::err) {
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(reason(&status), "LIMIT_REACHED");
    }
    let tenant = plane.get(acme.id).await.unwrap().into_inner();
    assert_eq!(tenant.domains.len(), 20);
    plane.add_domain(acme.id, &tenant.domains[0]).await.unwrap();
    let full = plane.add_domain(acme.id, "one.more.example").await;
    assert_eq!(reason(&full.unwrap_err()), "LIMIT_REACHED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_tenants_that_race_for_a_domain_one_has_it() {
    let base = Base::new().await;
    let plane = base.plane();
    let ((acme, _), (other, _)) = (plane.create("acme").await, plane.create("other").await);
    for round in 0..5 {
        let domain = format!("d{round}.example");
        let race = [acme.id, other.id].map(|id| plane.add_domain(id, &domain));
        let (won, lost): (Vec<_>, Vec<_>) =
            join_all(race).await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 1), "round {round}");
        for status in lost.into_iter().filter_map(Result::err) {
            assert_eq!(reason(&status), "DOMAIN_EXISTS");
        }
    }
}
