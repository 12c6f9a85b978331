//! The demo: what it prints works, and what is not its own it does not touch.

use std::process::Command;

use resido::UpOptions;
use resido_proto::{
    identity_api::v1::{LoginRequest, auth_service_client::AuthServiceClient},
    tenancy::v1::{CreateTenantRequest, Tenant, tenant_service_client::TenantServiceClient},
};
use secrecy::ExposeSecret as _;
use tokio_postgres::NoTls;
use tonic::Request;

use crate::{
    library::{channel, options},
    product::{Up, folder},
};

fn answer(line: &str) -> serde_json::Value {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_lines_to_try_show_a_tenants_data_and_that_others_have_none_of_them() {
    let dir = folder();
    for round in 0..2 {
        let mut up = Up::start(&dir.path().join("data"), &["--demo"]);
        let lines: Vec<_> = up
            .ready
            .lines()
            .filter(|line| line.starts_with("curl "))
            .collect();
        let [own, foreign] = lines[..] else {
            panic!("{}", up.ready)
        };
        let own = answer(own);
        let properties = own["properties"].as_array().unwrap();
        assert_eq!(properties.len(), 3, "round {round}: {own}");
        // It asks for one of those.
        let name = properties
            .iter()
            .filter_map(|property| property["name"].as_str())
            .find(|name| foreign.contains(name));
        assert!(name.is_some(), "{foreign}");
        let none = answer(foreign);
        assert_eq!(none["code"], 5, "round {round}: {none}");
        assert!(!none.to_string().contains("North Tower"), "{none}");
        let status = foreign.replacen("curl -s", "curl -s -o /dev/null -w '%{http_code}'", 1);
        assert_eq!(answer(&status), 404);
        assert!(up.terminate().success());
    }
}

#[tokio::test]
async fn a_tenant_that_the_demo_did_not_make_is_not_touched() {
    let dir = folder();
    let data = dir.path().join("data");
    let running = resido::start(options(&data)).await.unwrap();
    let channel = channel(running.gateway).await;
    let login = LoginRequest {
        email: running.operator.email.clone(),
        password: running.operator.password.clone(),
        ..LoginRequest::default()
    };
    let token = AuthServiceClient::new(channel.clone()).login(login).await;
    let token = token.unwrap().into_inner().access_token;
    let mut request = Request::new(CreateTenantRequest {
        tenant: Some(Tenant {
            slug: "acme".to_owned(),
            display_name: "A real company".to_owned(),
            contact_email: "ada@acme.example".to_owned(),
            ..Tenant::default()
        }),
        ..CreateTenantRequest::default()
    });
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    let mut tenants = TenantServiceClient::new(channel);
    tenants.create_tenant(request).await.unwrap();
    running.stop().await.unwrap();

    let demo = UpOptions {
        demo: true,
        ..options(&data)
    };
    let refused = resido::start(demo).await.unwrap_err();
    let refused = format!("{refused:#}");
    assert!(
        refused.contains("tenant `acme` that the demo did not make"),
        "{refused}"
    );

    let running = resido::start(options(&data)).await.unwrap();
    let url = running.urls.control.expose_secret();
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let count = "select (select count(*) from tenants) + (select count(*) from memberships)";
    let count: i64 = client.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(count, 1, "one tenant, and nobody in it");
    drop(client);
    running.stop().await.unwrap();
}
