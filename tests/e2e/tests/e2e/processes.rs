//! Each part runs as a process of its own, and the whole is the same product.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use http::Request;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use resido_e2e::{
    client::{
        Client, Wire, calls,
        raw::{self, Version},
    },
    cluster::free_port,
    collector::{Collector, attribute},
    database::Database,
    people::{PASSWORD, login, text},
    program::Program,
    scratch, wait,
};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_resido-under-test");

/// Gateway, control plane and housing.
struct Fleet {
    folder: PathBuf,
    gateway: SocketAddr,
    admin: SocketAddr,
    housing: SocketAddr,
    database: Database,
    collector: Collector,
    gateway_process: Program,
    control_process: Program,
    housing_process: Program,
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()))
}

impl Fleet {
    async fn start() -> Self {
        let database = Database::empty().await.unwrap();
        let collector = Collector::start().await.unwrap();
        let folder = scratch::folder("fleet").unwrap();
        let (gateway, admin, control, housing) = (any(), any(), any(), any());
        let jwks = format!("http://{admin}/context-jwks.json");
        let otlp = format!("http://{}", collector.address);
        let run = |arguments: &[&str], variables: &[(&str, &str)]| {
            let shared = [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", otlp.as_str()),
                ("RESIDO_CONTEXT_JWKS", &jwks),
            ];
            let variables = [&shared, variables].concat();
            Program::start(PROGRAM, &folder, arguments, &variables).unwrap()
        };
        let control_process = run(
            &[
                "control-plane",
                "--listen",
                &control.to_string(),
                "--data-dir",
                "data",
            ],
            &[("RESIDO_CONTROL_DATABASE_URL", &database.control_url)],
        );
        let housing_process = Self::housing(&folder, housing, &jwks, &otlp, &database);
        let gateway_process = run(
            &[
                "gateway",
                "--listen",
                &gateway.to_string(),
                "--admin-listen",
                &admin.to_string(),
                "--control-plane",
                &format!("http://{control}"),
                "--upstream",
                &format!("housing=http://{housing}"),
            ],
            &[],
        );
        let fleet = Self {
            folder,
            gateway,
            admin,
            housing,
            database,
            collector,
            gateway_process,
            control_process,
            housing_process,
        };
        let ready = wait::until(Duration::from_secs(30), || async { fleet.is_ready().await });
        let ready = ready.await;
        assert!(
            ready,
            "{}{}",
            fleet.gateway_process.output(),
            fleet.control_process.output()
        );
        fleet
    }

    fn housing(
        folder: &std::path::Path,
        address: SocketAddr,
        jwks: &str,
        otlp: &str,
        database: &Database,
    ) -> Program {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", otlp),
            ("RESIDO_CONTEXT_JWKS", jwks),
            ("RESIDO_APP_DATABASE_URL", &database.app_url),
        ];
        let arguments = ["housing", "--listen", &address.to_string()];
        Program::start(PROGRAM, folder, &arguments, &variables).unwrap()
    }

    async fn is_ready(&self) -> bool {
        let request = Request::get("/readyz").body("").unwrap();
        let raw = raw::send(self.admin, Version::One, request).await;
        raw.is_ok_and(|raw| raw.status == 200)
    }

    /// Makes a tenant and returns a client of its owner.
    async fn owner(&self, slug: &str) -> (Client, String) {
        let file = std::fs::read_to_string(self.folder.join("data/operator.json")).unwrap();
        let operator: Value = serde_json::from_str(&file).unwrap();
        let nobody = Client::new(self.gateway, Wire::Grpc);
        let email = text(&operator, "/email").unwrap();
        let token = login(&nobody, &email, &text(&operator, "/password").unwrap())
            .await
            .unwrap();
        let operator = nobody.clone().token(&token).unwrap();
        let email = format!("owner@{slug}.example");
        let created = operator
            .call(&calls::create_tenant(slug, &email))
            .await
            .unwrap();
        let created = created.message().unwrap();
        let activation = text(&created, "/activationToken").unwrap();
        let register = calls::register(&activation, &email, PASSWORD);
        nobody.call(&register).await.unwrap().message().unwrap();
        let token = login(&nobody, &email, PASSWORD).await.unwrap();
        let tenant = text(&created, "/tenant/name").unwrap();
        let client = Client::new(self.gateway, Wire::Rest).token(&token).unwrap();
        (client, tenant.trim_start_matches("tenants/").to_owned())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o2_three_processes_serve_one_request_in_one_trace() {
    let mut fleet = Fleet::start().await;
    let (client, tenant) = fleet.owner("apart").await;
    let create = calls::create_property(json!({"displayName": "far"}));
    // The service may still wait for the gateway's keys; it refuses until then.
    let made = wait::until(Duration::from_secs(30), || async {
        let reply = client.call(&create).await.unwrap();
        reply.outcome.is_ok()
    });
    assert!(made.await, "{}", fleet.housing_process.output());
    let trace = uuid::Uuid::new_v4();
    let parent = format!("00-{}-00f067aa0ba902b7-01", trace.simple());
    let traced = client.clone().header("traceparent", &parent).unwrap();
    let list = calls::list_properties(5, "");
    let listed = traced.call(&list).await.unwrap().message().unwrap();
    assert_eq!(listed["properties"].as_array().unwrap().len(), 1);
    spans_of(&fleet.collector, trace.as_u128(), &tenant).await;

    // Without the service the gateway says so, and finds it again by itself.
    fleet.housing_process.kill().unwrap();
    let reply = client.call(&list).await.unwrap();
    assert_eq!(reply.http, 503, "{reply:?}");
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(reply.refusal().unwrap().reason(), "UPSTREAM_UNAVAILABLE");
    let jwks = format!("http://{}/context-jwks.json", fleet.admin);
    let otlp = format!("http://{}", fleet.collector.address);
    fleet.housing_process =
        Fleet::housing(&fleet.folder, fleet.housing, &jwks, &otlp, &fleet.database);
    let served = wait::until(Duration::from_secs(15), || async {
        client.call(&list).await.unwrap().outcome.is_ok()
    });
    assert!(served.await, "{}", fleet.housing_process.output());

    // Without the control plane it serves what it knows.
    fleet.control_process.kill().unwrap();
    client.call(&list).await.unwrap().message().unwrap();

    for process in [&mut fleet.gateway_process, &mut fleet.housing_process] {
        let status = process.terminate().await.unwrap();
        assert!(status.success(), "{status}: {}", process.output());
    }
}

/// Checks the spans of one request: a chain from the caller to the statements.
async fn spans_of(collector: &Collector, trace: u128, tenant: &str) {
    let of_kind = |kind: SpanKind| -> Vec<Span> {
        let spans = collector.trace(trace).into_iter();
        spans.filter(|span| span.kind() == kind).collect()
    };
    let complete = wait::until(Duration::from_secs(20), || async {
        of_kind(SpanKind::Server).len() == 2 && of_kind(SpanKind::Client).len() >= 3
    });
    assert!(complete.await, "{:#?}", collector.trace(trace));
    let spans = collector.trace(trace);
    for span in &spans {
        assert_eq!(attribute(span, "tenant.id"), Some(tenant), "{span:#?}");
    }
    let parent = |span: &Span| {
        spans
            .iter()
            .find(|other| other.span_id == span.parent_span_id)
    };
    let servers = of_kind(SpanKind::Server);
    let outermost = |span: &&Span| span.parent_span_id == 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes();
    let gateway = servers.iter().find(outermost).unwrap();
    assert_eq!(attribute(gateway, "http.route"), Some("/v1/properties"));
    let service = servers
        .iter()
        .find(|span| span.span_id != gateway.span_id)
        .unwrap();
    let call = parent(service).unwrap();
    assert_eq!(call.kind(), SpanKind::Client);
    assert_eq!(parent(call).unwrap().span_id, gateway.span_id);
    let statement = spans
        .iter()
        .find(|span| span.name.contains("select properties"));
    let statement = statement.unwrap_or_else(|| panic!("{spans:#?}"));
    assert_eq!(parent(statement).unwrap().span_id, service.span_id);
}
