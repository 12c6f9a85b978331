//! What the protos, the errors and the docs owe each other.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use prost_reflect::{DescriptorPool, ReflectMessage as _};
use resido_tidy::{root, sources};

fn pool() -> DescriptorPool {
    DescriptorPool::decode(resido_proto::DESCRIPTOR_SET).unwrap()
}

#[test]
fn every_method_of_ours_says_who_may_call_it() {
    let pool = pool();
    let policy = pool
        .get_extension_by_name("resido.options.v1.policy")
        .unwrap();
    let ours = pool
        .services()
        .filter(|service| service.package_name().starts_with("resido."));
    for method in ours.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let options = method.options();
        let stated = options.get_extension(&policy);
        let access = stated
            .as_message()
            .unwrap()
            .get_field_by_name("access")
            .unwrap();
        assert_ne!(
            access.as_enum_number(),
            Some(0),
            "{} is closed",
            method.full_name()
        );
        assert!(options.descriptor().full_name().ends_with("MethodOptions"));
    }
}

#[test]
fn everything_in_our_protos_has_a_comment() {
    for file in pool()
        .files()
        .filter(|file| file.package_name().starts_with("resido."))
    {
        let proto = file.file_descriptor_proto();
        let info = proto.source_code_info.as_ref().unwrap();
        for location in &info.location {
            // Paths end in (kind, index); kinds are those of `descriptor.proto`.
            let path = &location.path;
            let named = match *path.as_slice() {
                [4..=6, _] | [6, _, 2, _] | [5, _, 2, _] => true,
                [4, .., 2 | 3 | 4 | 8, _] => path.len() % 2 == 0,
                _ => false,
            };
            let comment = location
                .leading_comments
                .as_deref()
                .unwrap_or_default()
                .trim();
            assert!(
                !named || !comment.is_empty(),
                "{} line {} has no comment",
                file.name(),
                location.span[0] + 1
            );
        }
    }
}

#[test]
fn every_error_reason_has_a_page() {
    let mut reasons = BTreeSet::new();
    for source in sources().unwrap().iter().filter(|source| !source.is_test()) {
        let text: String = source
            .production_lines()
            .map(|line| format!("{line}\n"))
            .collect();
        for body in text.split("fn reason(").skip(1) {
            let body = body.split("\n    }\n").next().unwrap_or_default();
            reasons.extend(body.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    assert!(reasons.len() > 10, "found only {reasons:?}");
    let pages: BTreeSet<_> = std::fs::read_dir(root().join("docs/errors"))
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().path().file_stem()?.to_str()?.to_owned()))
        .filter(|stem| stem != "README")
        .collect();
    let missing: Vec<_> = reasons.difference(&pages).collect();
    let stale: Vec<_> = pages.difference(&reasons).collect();
    assert!(missing.is_empty(), "docs/errors lacks {missing:?}");
    assert!(
        stale.is_empty(),
        "docs/errors speaks of {stale:?}, which nothing returns"
    );
}
