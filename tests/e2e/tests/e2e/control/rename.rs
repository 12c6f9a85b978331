//! A tenant that is renamed answers to its former name for a while, and a name is
//! one tenant's only, whoever races for it.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::{join, join_all};
use resido_control_plane::Config;
use resido_e2e::wait;
use resido_migrations::Sets;
use resido_proto::tenancy::v1::{self as proto, lookup_tenant_request::Key};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{
    plane::{Base, Plane, id_of, reason},
    stream::Watch,
};

const EXPIRE: &str = "update tenant_aliases set expire_time = now() - interval '1 second'";

/// Returns the slug of the tenant that a name finds.
async fn found(plane: &Plane, slug: &str) -> Result<String, String> {
    let found = plane.lookup(Key::Slug(slug.into())).await;
    found
        .map(|tenant| tenant.into_inner().slug)
        .map_err(|status| reason(&status))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_slug_finds_the_tenant_and_is_nobody_elses() {
    let base = Base::new().await;
    let plane = base.plane();
    let ((acme, _), (other, _)) = (plane.create("acme").await, plane.create("other").await);
    let renamed = plane.rename(acme.id, "globex").await.unwrap().into_inner();
    assert_eq!(
        (renamed.slug.as_str(), renamed.aliases.as_slice()),
        ("globex", &["acme".into()][..])
    );
    assert_eq!(found(&plane, "acme").await, Ok("globex".into()));
    assert_eq!(found(&plane, "globex").await, Ok("globex".into()));
    for slug in ["acme", "globex"] {
        let created = plane.ask(slug, "").await.unwrap_err();
        let renamed = plane.rename(other.id, slug).await.unwrap_err();
        for status in [created, renamed] {
            assert_eq!(
                (status.code(), reason(&status).as_str()),
                (Code::AlreadyExists, "TENANT_EXISTS")
            );
        }
    }
    // Back to a name of its own, which is no alias then.
    let back = plane.rename(acme.id, "acme").await.unwrap().into_inner();
    assert_eq!(
        (back.slug.as_str(), back.aliases.as_slice()),
        ("acme", &["globex".into()][..])
    );
    assert_eq!(base.count("select count(*) from tenant_aliases").await, 1);
    // What has run out finds nobody, and is anybody's.
    base.sql(EXPIRE).await;
    assert_eq!(
        found(&plane, "globex").await,
        Err("RESOURCE_NOT_FOUND".into())
    );
    assert!(
        plane
            .get(acme.id)
            .await
            .unwrap()
            .into_inner()
            .aliases
            .is_empty()
    );
    plane.create("globex").await;
    assert_eq!(found(&plane, "globex").await, Ok("globex".into()));
    assert_eq!(base.count("select count(*) from tenant_aliases").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_tenant_keeps_its_names() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    plane.rename(acme.id, "globex").await.unwrap();
    plane.delete(acme.id).await.unwrap();
    for slug in ["acme", "globex"] {
        let taken = plane.ask(slug, "").await.unwrap_err();
        assert_eq!(reason(&taken), "TENANT_EXISTS", "{slug}");
    }
    let restored = plane.undelete(acme.id).await.unwrap().into_inner();
    assert_eq!(
        (restored.slug.as_str(), restored.aliases.len()),
        ("globex", 1)
    );
}

/// Waits until a statement waits for another's row or transaction.
async fn somebody_waits(base: &Base) -> bool {
    let waiting = "select count(*) from pg_stat_activity
         where wait_event_type = 'Lock' and datname = current_database()";
    wait::until(Duration::from_secs(10), || async {
        base.count(waiting).await > 0
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_slug_sees_the_alias_that_it_became() {
    let base = Base::new().await;
    let plane = base.plane();
    let ((acme, _), (other, _)) = (plane.create("acme").await, plane.create("other").await);
    let mut holder = base.database.admin().await.unwrap();
    for rename in [false, true] {
        // A rename that has done everything but commit.
        let tx = holder.transaction().await.unwrap();
        let statements = format!(
            "insert into tenant_aliases (slug, tenant_id, expire_time)
             values ('acme', '{id}', now() + interval '90 days');
             update tenants set slug = 'globex' where id = '{id}';",
            id = acme.id
        );
        tx.batch_execute(&statements).await.unwrap();
        let racer = async {
            if rename {
                plane.rename(other.id, "acme").await.map(drop)
            } else {
                plane.ask("acme", "").await.map(drop)
            }
        };
        let release = async {
            assert!(somebody_waits(&base).await);
            tx.commit().await.unwrap();
        };
        let (raced, ()) = join(racer, release).await;
        assert_eq!(reason(&raced.unwrap_err()), "TENANT_EXISTS", "{rename}");
        plane.rename(acme.id, "acme").await.unwrap();
        base.sql("delete from tenant_aliases").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_in_dispute_is_never_two_tenants() {
    const DISPUTED: &str = "
        select count(*) from tenant_aliases a join tenants t on t.slug = a.slug
         where a.expire_time > now() and t.state not in ('purged', 'failed')";
    let base = Base::new().await;
    let plane = base.plane();
    let ((acme, _), (other, _)) = (plane.create("acme").await, plane.create("other").await);
    for round in 0..12 {
        let slug = if round % 2 == 0 { "acme" } else { "other" };
        let ((), (), created) = futures_util::join!(
            async { drop(plane.rename(acme.id, &format!("acme-{round}")).await) },
            async { drop(plane.rename(other.id, slug).await) },
            plane.ask(slug, "")
        );
        assert_eq!(base.count(DISPUTED).await, 0, "round {round}");
        if let Ok(created) = created {
            let id = id_of(created.get_ref().tenant.as_ref().unwrap());
            base.sql(&format!(
                "update tenants set state = 'purged' where id = '{id}'"
            ))
            .await;
        }
        base.sql("delete from tenant_aliases").await;
        drop(
            join_all([
                plane.rename(acme.id, "acme"),
                plane.rename(other.id, "other"),
            ])
            .await,
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_hear_of_a_new_name() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    let mut watch = Watch::ready(&plane).await;
    plane.rename(acme.id, "globex").await.unwrap();
    let route = watch.tenant().await;
    assert_eq!(
        (route.slug.as_str(), route.epoch),
        ("globex", acme.epoch + 1)
    );
    assert_eq!(route.aliases, ["acme"]);
    plane.add_domain(acme.id, "acme.example").await.unwrap();
    let route = watch.tenant().await;
    assert_eq!(
        (route.domains.as_slice(), route.epoch),
        (&["acme.example".into()][..], acme.epoch + 2)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_hear_when_a_former_slug_runs_out() {
    let base = Base::new().await;
    let config = Config {
        reconcile_seconds: 1,
        ..Config::default()
    };
    let plane = base.plane_of(config, Sets::embedded().unwrap());
    let (acme, _) = plane.create("acme").await;
    plane.rename(acme.id, "globex").await.unwrap();
    let mut watch = Watch::ready(&plane).await;
    base.sql(EXPIRE).await;
    let route = watch.tenant().await;
    assert_eq!((route.slug.as_str(), route.aliases.len()), ("globex", 0));
    assert_eq!(base.count("select count(*) from tenant_aliases").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn former_slugs_are_not_collected_without_end() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    for number in 0..20 {
        plane
            .rename(acme.id, &format!("name-{number}"))
            .await
            .unwrap();
    }
    let full = plane.rename(acme.id, "one-more").await.unwrap_err();
    assert_eq!(
        (full.code(), reason(&full).as_str()),
        (Code::FailedPrecondition, "LIMIT_REACHED")
    );
    base.sql(EXPIRE).await;
    plane.rename(acme.id, "one-more").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_differs_is_changed() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, created) = plane.create("acme").await;
    let old = created.tenant.unwrap();
    let same = plane
        .update(acme.id, old.clone(), &["*"])
        .await
        .unwrap()
        .into_inner();
    assert_eq!(same, old);
    let new = proto::Tenant {
        slug: "-".into(),
        display_name: "Acme Ltd".into(),
        contact_email: "Other@acme.example".into(),
        plan: "gold".into(),
        settings: [("theme".to_owned(), "dark".to_owned())].into(),
        etag: old.etag.clone(),
        ..Default::default()
    };
    let mask = ["display_name", "contact_email", "plan", "settings"];
    let changed = plane
        .update(acme.id, new.clone(), &mask)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(changed.slug, "acme");
    assert_eq!(changed.display_name, "Acme Ltd");
    assert_eq!(changed.contact_email, "other@acme.example");
    assert_eq!(
        (changed.plan.as_str(), &changed.settings),
        ("gold", &new.settings)
    );
    assert_ne!(changed.etag, old.etag);
    let stale = plane.update(acme.id, new, &mask).await.unwrap_err();
    assert_eq!(
        (stale.code(), reason(&stale).as_str()),
        (Code::Aborted, "ETAG_MISMATCH")
    );
    // The former contact's token opens the empty tenant no more.
    let void = plane
        .register(&created.activation_token, "owner@acme.example")
        .await;
    assert_eq!(reason(&void.unwrap_err()), "ACTIVATION_TOKEN_INVALID");
    let record = "
        select before::text || after::text from audit_log where action = 'tenants.update'";
    let rows = base.admin.query(record, &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    let record: String = rows[0].get(0);
    assert!(record.contains("contact_email") && record.contains("gold"));
    assert!(
        !record.contains('@') && !record.contains("dark"),
        "{record}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_change_is_named_at_once() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    let faulty = proto::Tenant {
        slug: "admin".into(),
        contact_email: "nobody".into(),
        contact_phone: "1".repeat(51),
        plan: "Gold".into(),
        settings: [("No Key".to_owned(), String::new())].into(),
        ..Default::default()
    };
    let refused = plane
        .update(acme.id, faulty, &["*", "state"])
        .await
        .unwrap_err();
    let details = refused.get_error_details();
    let mut fields = BTreeMap::new();
    for violation in &details.bad_request().unwrap().field_violations {
        *fields.entry(violation.field.as_str()).or_insert(0) += 1;
    }
    let all = [
        "tenant.contact_email",
        "tenant.contact_phone",
        "tenant.display_name",
        "tenant.plan",
        "tenant.settings",
        "tenant.slug",
        "update_mask",
    ];
    assert_eq!(fields, all.map(|field| (field, 1)).into());
}
