//! Everything in this process, as tests of others start it.

use std::{fs, net::SocketAddr, path::Path};

use resido::{
    Settings, UpOptions,
    postgres::{Options, Server},
    settings::RunMigrations,
};
use resido_proto::identity_api::v1::{LoginRequest, auth_service_client::AuthServiceClient};
use tonic::{Code, transport::Channel};

use crate::product::folder;

pub(crate) fn options(data_dir: &Path) -> UpOptions {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    UpOptions {
        listen: any,
        admin_listen: any,
        data_dir: data_dir.to_owned(),
        durable: false,
        ..UpOptions::default()
    }
}

async fn server(dir: &Path) -> Server {
    let server = Server::start(Options {
        durable: false,
        ..Options::new(dir)
    })
    .await
    .unwrap();
    server.ensure_database("given").await.unwrap();
    server
}

pub(crate) async fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_named_database_is_used_and_left_running() {
    let dir = folder();
    let server = server(&dir.path().join("pg")).await;
    let data = dir.path().join("data");
    let given = || UpOptions {
        database_url: Some(server.admin_url("given")),
        ..options(&data)
    };
    for _ in 0..2 {
        let running = resido::start(given()).await.unwrap();
        let login = LoginRequest {
            email: running.operator.email.clone(),
            password: running.operator.password.clone(),
            ..LoginRequest::default()
        };
        let mut auth = AuthServiceClient::new(channel(running.gateway).await);
        let token = auth.login(login.clone()).await.unwrap().into_inner();
        assert!(!token.access_token.is_empty());
        let wrong = LoginRequest {
            password: "wrong".to_owned(),
            ..login
        };
        assert_eq!(
            auth.login(wrong).await.unwrap_err().code(),
            Code::Unauthenticated
        );
        let refused = resido::start(given()).await.unwrap_err();
        assert!(refused.to_string().contains("in use"), "{refused:#}");
        running.stop().await.unwrap();
    }
    assert!(
        !data.join("postgres").exists(),
        "no server of our own was made"
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn services_can_be_opened_and_refuse_who_passes_the_gateway_by() {
    let dir = folder();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = UpOptions {
        expose_services: Some((any, any)),
        ..options(&dir.path().join("data"))
    };
    let running = resido::start(options).await.unwrap();
    let (control, housing) = running.services.unwrap();
    assert_ne!(control, housing);
    let mut direct = AuthServiceClient::new(channel(control).await);
    let refused = direct.login(LoginRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused}");
    running.stop().await.unwrap();
    assert!(
        Channel::from_shared(format!("http://{housing}"))
            .unwrap()
            .connect()
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_policy_can_forbid_to_start_on_an_old_database() {
    let dir = folder();
    let server = server(&dir.path().join("pg")).await;
    let start = |run| {
        let mut settings = Settings::default();
        settings.migrations.run = run;
        let url = Some(server.admin_url("given"));
        let options = UpOptions {
            settings,
            database_url: url,
            ..options(&dir.path().join("data"))
        };
        async {
            match resido::start(options).await {
                Ok(running) => running.stop().await,
                Err(error) => Err(error),
            }
        }
    };
    let refused = start(RunMigrations::Require).await.unwrap_err().to_string();
    assert!(refused.contains("migrations are missing"), "{refused}");
    start(RunMigrations::Public).await.unwrap();
    start(RunMigrations::Require).await.unwrap();
    start(RunMigrations::Off).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_part_of_ours_cannot_be_an_upstream_as_well() {
    let dir = folder();
    let file = dir.path().join("resido.toml");
    fs::write(
        &file,
        "[[gateway.upstreams]]\nname = \"housing\"\nendpoints = [\"http://127.0.0.1:1\"]\n",
    )
    .unwrap();
    let settings = Settings::load(Some(&file)).unwrap();
    let options = UpOptions {
        settings,
        ..options(&dir.path().join("data"))
    };
    let error = resido::start(options).await.unwrap_err().to_string();
    assert!(error.contains("housing"), "{error}");
}
