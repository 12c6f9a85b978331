//! A gateway routes to a tenant that is whole, and to no other, whatever dies.

use std::time::Duration;

use resido::Settings;
use resido_control_plane::{Faults, Step};
use resido_e2e::{
    client::{Wire, calls},
    cluster,
    database::{self, Database},
    product::Product,
    wait,
};
use resido_proto::{
    identity::{AccessClaims, Role, Subject},
    ids::{TenantId, UserId},
};
use resido_tenancy::keys::SigningKey;
use tokio::time::timeout;

use super::{
    crashes::{LIMIT, MAKING, dying, next_turn, undone},
    plane::Base,
};

/// Starts the product on a database on which control planes come and go.
async fn product() -> (Product, Base) {
    let cluster = cluster::shared().await.unwrap();
    let name = database::create(cluster).await.unwrap();
    let mut settings = Settings::default();
    settings.control_plane.reconcile_seconds = 3600;
    let admin_url = cluster.admin_url(&name);
    let product = Product::start_on(admin_url.clone(), settings).await;
    let product = product.unwrap();
    let login = |kind: &str| {
        let password = product.data_dir.join(format!("{kind}.password"));
        let password = std::fs::read_to_string(password).unwrap();
        cluster.url(&format!("{name}_{kind}"), password.trim(), &name)
    };
    let database = Database {
        control_url: login("control"),
        app_url: login("app"),
        admin_url,
        name: name.clone(),
    };
    let base = Base {
        admin: database.admin().await.unwrap(),
        database,
        operator: UserId::new(),
    };
    (product, base)
}

/// Returns an owner's token, though the tenant may not be there yet.
fn token(product: &Product, tenant: TenantId) -> String {
    let pem = std::fs::read_to_string(product.data_dir.join("token-key.pem")).unwrap();
    let now = jsonwebtoken::get_current_timestamp();
    let claims = AccessClaims {
        iss: "resido".to_owned(),
        aud: "resido".to_owned(),
        iat: now,
        nbf: now,
        exp: now + 600,
        jti: UserId::new().to_string(),
        sub: Subject::User(UserId::new()),
        tid: Some(tenant),
        roles: vec![Role::OWNER],
        perm: None,
        grants: Vec::new(),
        act: None,
        epoch: 1,
        act_epoch: None,
    };
    let key = SigningKey::from_pem(&pem).unwrap();
    key.sign("JWT", &claims).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_gateway_routes_to_a_tenant_before_it_is_whole() {
    let (product, base) = product().await;
    let list = calls::list_properties(5, "");
    for step in MAKING {
        let faults = Faults::at(step);
        let dead = dying(&base, &faults);
        let slug = format!("dies-at-{}", format!("{step:?}").to_lowercase());
        let ask = tokio::spawn({
            let (mut tenants, create) = (dead.tenants(), dead.creation(&slug, &slug));
            async move { tenants.create_tenant(create).await.map(drop) }
        });
        timeout(LIMIT, faults.died()).await.unwrap();
        ask.abort();
        undone(&base).await;
        let select = format!("select id from tenants where slug = '{slug}'");
        let id = base.admin.query_one(&select, &[]).await.unwrap().get(0);
        let token = token(&product, TenantId::from_uuid(id));
        let call = async |wire| {
            let client = product.client(wire).token(&token).unwrap();
            client.call(&list).await.unwrap()
        };
        if step != Step::Made {
            for wire in Wire::ALL {
                let refusal = call(wire).await.refusal().unwrap();
                assert_eq!(refusal.reason(), "TENANT_DENIED", "{step:?} {wire:?}");
            }
        }
        let plane = next_turn(&base).await;
        let known = wait::until(Duration::from_secs(1), || async {
            call(Wire::Rest).await.outcome.is_ok()
        });
        assert!(known.await, "{step:?}");
        for wire in Wire::ALL {
            call(wire).await.message().unwrap();
        }
        plane.stop().await;
    }
    product.stop().await.unwrap();
}
