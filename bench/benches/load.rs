//! A load scenario: the whole product in one process under 32 callers, who list
//! the properties of a tenant by REST and by gRPC through the gateway, and by
//! gRPC from the housing service itself. Rounds are interleaved, so that ratios
//! hold on a noisy machine; callers share the machine with the product, so that
//! only ratios do.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench fails by panicking and reports by printing"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use resido::Settings;
use resido_e2e::{cluster::Cluster, people::Owner, product::Product};
use resido_proto::{
    headers,
    identity::{CONTEXT_ISSUER, CONTEXT_TYPE, ContextClaims, Mode, Role, Subject, TenantClaims},
    ids::{TenantId, UserId},
};
use resido_tenancy::keys::SigningKey;
use tokio::task::JoinSet;

const CALLERS: usize = 32;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const METHOD: &str = "/resido.housing.v1.HousingService/ListProperties";

/// One way to make the call, again and again.
struct Way {
    name: &'static str,
    client: Client<HttpConnector, Full<Bytes>>,
    request: Box<dyn Fn() -> Request<Full<Bytes>> + Send + Sync>,
    rounds: Vec<Vec<Duration>>,
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let cluster = Cluster::start().await.unwrap();
        let product = Product::start(&cluster, Settings::default()).await.unwrap();
        let owner = product.owner().await.unwrap();
        let mut ways = ways(&product, &owner);
        for way in &ways {
            round(way, Duration::from_millis(500)).await;
        }
        for _ in 0..ROUNDS {
            for way in &mut ways {
                let times = round(way, ROUND).await;
                way.rounds.push(times);
            }
        }
        report(&ways);
    });
}

fn ways(product: &Product, owner: &Owner) -> Vec<Way> {
    let gateway = product.gateway;
    let rest = {
        let token = owner.token.clone();
        move || {
            let request = Request::get(format!("http://{gateway}/v1/properties"));
            let request = request.header("authorization", format!("Bearer {token}"));
            request.body(Full::default()).unwrap()
        }
    };
    let token = owner.token.clone();
    let through = move || {
        let request = grpc(&gateway.to_string());
        let request = request.header("authorization", format!("Bearer {token}"));
        request
            .body(Full::from(Bytes::from_static(&[0; 5])))
            .unwrap()
    };
    let (housing, context) = (product.services.1.to_string(), context(product, owner));
    let direct = move || {
        let request = grpc(&housing).header(headers::CONTEXT, &context);
        request
            .body(Full::from(Bytes::from_static(&[0; 5])))
            .unwrap()
    };
    let way = |name, h2: bool, request| Way {
        name,
        client: Client::builder(TokioExecutor::new())
            .http2_only(h2)
            .build_http(),
        request,
        rounds: Vec::new(),
    };
    vec![
        way("gRPC to the service itself", true, Box::new(direct)),
        way("gRPC through the gateway", true, Box::new(through)),
        way("REST through the gateway", false, Box::new(rest)),
    ]
}

fn grpc(address: &str) -> http::request::Builder {
    Request::post(format!("http://{address}{METHOD}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

/// A context as the gateway would sign it, for the whole run.
fn context(product: &Product, owner: &Owner) -> String {
    let pem = std::fs::read_to_string(product.data_dir.join("context-key.pem")).unwrap();
    let iat = jsonwebtoken::get_current_timestamp();
    let claims = ContextClaims {
        iss: CONTEXT_ISSUER.to_owned(),
        aud: "housing".to_owned(),
        iat,
        exp: iat + 60,
        sub: Subject::User(UserId::new()),
        act: None,
        roles: vec![Role::OWNER],
        perm: None,
        grants: Vec::new(),
        tenant: Some(TenantClaims {
            tid: TenantId::from_resource_name(&owner.tenant).unwrap(),
            epoch: i64::MAX,
            plan: "free".to_owned(),
            place: "main".to_owned(),
            sv: 1,
            mode: Mode::ReadWrite,
        }),
    };
    SigningKey::from_pem(&pem)
        .unwrap()
        .sign(CONTEXT_TYPE, &claims)
        .unwrap()
}

/// Lets all callers call for a while and returns how long each call took.
async fn round(way: &Way, length: Duration) -> Vec<Duration> {
    let until = Instant::now() + length;
    let mut callers = JoinSet::new();
    let requests: Vec<_> = (0..CALLERS).map(|_| (way.request)()).collect();
    for request in requests {
        let client = way.client.clone();
        let (head, body) = request.into_parts();
        let head = Arc::new(head);
        callers.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < until {
                let started = Instant::now();
                let request = Request::from_parts((*head).clone(), body.clone());
                let reply = client.request(request).await.unwrap();
                assert_eq!(reply.status(), 200);
                let body = reply.into_body().collect().await.unwrap();
                if let Some(trailers) = body.trailers() {
                    assert_eq!(trailers["grpc-status"], "0");
                }
                times.push(started.elapsed());
            }
            times
        });
    }
    callers.join_all().await.concat()
}

fn report(ways: &[Way]) {
    let seconds = ROUND.as_secs_f64();
    let rate = |times: &Vec<Duration>| f64::from(u32::try_from(times.len()).unwrap()) / seconds;
    println!(
        "{:28} {:>10} {:>9} {:>9} {:>7}",
        "", "requests/s", "p50 ms", "p99 ms", "ratio"
    );
    let mut base = None;
    for way in ways {
        let mut rates: Vec<_> = way.rounds.iter().map(rate).collect();
        rates.sort_by(f64::total_cmp);
        let median = rates[rates.len() / 2];
        let mut times = way.rounds.concat();
        times.sort_unstable();
        let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1000.0;
        let base = *base.get_or_insert(median);
        println!(
            "{:28} {median:>10.0} {:>9.2} {:>9.2} {:>7.2}",
            way.name,
            at(50),
            at(99),
            median / base
        );
    }
}
