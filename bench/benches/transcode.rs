//! What transcoding costs: JSON to request bytes, response bytes to JSON, each
//! for a small message and one of about 4 kB, and a look-up among 10,000
//! templates (gateway-behaviour B3: at most 2 µs in the median).
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::Method;
use resido_transcode::{Api, HttpRule, JsonOptions, Route, Source};

const SERVICE: &str = "resido.housing.v1.HousingService";

fn api(rules: &[HttpRule]) -> Api {
    Api::compile(&[Source {
        name: "housing",
        descriptor_set: resido_proto::DESCRIPTOR_SET,
        services: Some(&[SERVICE.to_owned()]),
        json: JsonOptions::default(),
        rules,
    }])
    .unwrap()
}

/// A property as JSON; its name is padded to bring the message to a size.
fn property(padding: usize) -> String {
    format!(
        "{{\"displayName\": \"{}\", \"address\": {{\"line1\": \"1 Main Street\", \
         \"city\": \"Springfield\", \"postalCode\": \"12345\", \"countryCode\": \"US\"}}}}",
        "n".repeat(padding.max(8))
    )
}

/// A page of properties as wire bytes, made of what the request side gives.
fn page(create: &Route, count: usize) -> Vec<u8> {
    let json = property(8);
    let request = create.request(None, Some("application/json"), json.as_bytes());
    let mut item = request.unwrap();
    // The property is field 2 of the request and field 1 of the page.
    assert_eq!(item[0], 0x12);
    item[0] = 0x0a;
    item.repeat(count)
}

fn messages(c: &mut Criterion) {
    let api = api(&[]);
    let create = api.route(&Method::POST, "/v1/properties").unwrap();
    let list = api.route(&Method::GET, "/v1/properties").unwrap();

    let mut group = c.benchmark_group("request");
    for (name, json) in [("small", property(8)), ("4 kB string", property(3900))] {
        group.throughput(Throughput::Bytes(json.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let body = black_box(json.as_bytes());
                create
                    .request(None, Some("application/json"), body)
                    .unwrap()
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("response");
    for (name, count) in [("small", 1), ("4 kB of fields", 25)] {
        let bytes = page(&create, count);
        let json = list.response(&bytes).unwrap().bytes;
        group.throughput(Throughput::Bytes(json.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| list.response(black_box(&bytes)).unwrap());
        });
    }
    group.finish();

    c.bench_function("query", |b| {
        b.iter(|| {
            list.request(black_box(Some("pageSize=20&pageToken=abc")), None, b"")
                .unwrap()
        });
    });
}

fn routes(c: &mut Criterion) {
    // One method bound to 10,000 templates of the shapes APIs have.
    let bindings = (0..10_000).map(|index| {
        let (service, collection) = (index / 100, index % 100);
        let template = match index % 3 {
            0 => format!("/v1/service{service}/shelves/*/kind{collection}"),
            1 => format!("/v1/service{service}/kind{collection}/*/items"),
            _ => format!("/v1/service{service}/kind{collection}/*:verb{collection}"),
        };
        HttpRule {
            post: Some(template),
            ..HttpRule::default()
        }
    });
    let rule = HttpRule {
        selector: format!("{SERVICE}.CreateProperty"),
        post: Some("/v1/properties".to_owned()),
        body: "*".to_owned(),
        additional_bindings: bindings.collect(),
        ..HttpRule::default()
    };
    let api = api(&[rule]);
    let mut group = c.benchmark_group("route among 10,000");
    for (name, path) in [
        ("collection", "/v1/service42/kind7/a/items"),
        ("verb", "/v1/service77/kind6/a:verb6"),
        ("pattern", "/v1/service33/shelves/s1/kind3"),
    ] {
        api.route(&Method::POST, path).unwrap();
        group.bench_function(name, |b| {
            b.iter(|| api.route(&Method::POST, black_box(path)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, messages, routes);
criterion_main!(benches);
