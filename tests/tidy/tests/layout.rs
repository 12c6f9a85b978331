//! Who may depend on whom, between crates and within them.

use std::collections::{BTreeMap, BTreeSet};

use resido_tidy::{packages, sources};

/// Rank of a crate: it may use crates of lower ranks only.
fn rank(name: &str) -> u8 {
    match name {
        "resido-proto" | "resido-observability" | "resido-transcode" => 0,
        "resido-tenancy" => 1,
        "resido-migrations" => 2,
        "resido-gateway" | "resido-control-plane" | "resido-housing" => 3,
        "resido" => 4,
        // Tests and benches look at everything.
        _ => 5,
    }
}

#[test]
fn crates_use_lower_ranks_only() {
    for package in packages().unwrap() {
        for dependency in package
            .dependencies
            .iter()
            .filter(|name| name.starts_with("resido"))
        {
            assert!(
                rank(dependency) < rank(&package.name),
                "{} may not depend on {dependency}",
                package.name
            );
        }
    }
}

#[test]
fn the_gateway_has_no_sql() {
    for source in sources()
        .unwrap()
        .iter()
        .filter(|s| s.path.starts_with("gateway/src"))
    {
        for word in ["tenancy::db", "tokio_postgres", "TenantTx", "PublicTx"] {
            assert!(
                !source.text.contains(word),
                "{} mentions {word}",
                source.path
            );
        }
    }
}

#[test]
fn modules_of_a_crate_form_no_cycle() {
    for package in packages().unwrap() {
        let folder = package
            .folder
            .join("src")
            .to_string_lossy()
            .replace("./", "");
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for source in sources().unwrap().iter().filter(|s| !s.is_test()) {
            let Some(inner) = source.path.strip_prefix(&format!("{folder}/")) else {
                continue;
            };
            let module = inner
                .split(['/', '.'])
                .next()
                .unwrap_or_default()
                .to_owned();
            let production: Vec<_> = source.production_lines().collect();
            let code = production.join("\n");
            let reached = uses.entry(module.clone()).or_default();
            reached.extend(
                crate_paths(&code)
                    .into_iter()
                    .filter(|other| *other != module),
            );
        }
        let modules: BTreeSet<_> = uses.keys().cloned().collect();
        for reached in uses.values_mut() {
            reached.retain(|name| modules.contains(name));
        }
        // Crate roots re-export; only real modules can tangle.
        uses.remove("lib");
        uses.remove("main");
        if let Some(cycle) = cycle(&uses) {
            panic!(
                "modules of {} form a cycle: {}",
                package.name,
                cycle.join(" -> ")
            );
        }
    }
}

/// Returns the first modules of every `crate::…` path, grouped imports included.
fn crate_paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            for part in group.split_inclusive(['{', '}', ',']) {
                if depth == 0 && !first_name(part).is_empty() {
                    found.insert(first_name(part));
                }
                match part.chars().last() {
                    Some('{') => depth += 1,
                    Some('}') if depth == 0 => break,
                    Some('}') => depth -= 1,
                    _ => {}
                }
            }
        } else {
            found.insert(first_name(rest));
        }
    }
    found
}

fn first_name(path: &str) -> String {
    path.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn cycle(uses: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit(
        node: &str,
        uses: &BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|seen| seen == node) {
            let mut cycle = path[start..].to_vec();
            cycle.push(node.to_owned());
            return Some(cycle);
        }
        if !done.insert(node.to_owned()) {
            return None;
        }
        path.push(node.to_owned());
        for next in uses.get(node).into_iter().flatten() {
            if let Some(cycle) = visit(next, uses, path, done) {
                return Some(cycle);
            }
        }
        path.pop();
        None
    }
    let mut done = BTreeSet::new();
    uses.keys()
        .find_map(|node| visit(node, uses, &mut Vec::new(), &mut done))
}

#[test]
fn the_rules_see_what_they_look_for() {
    let code = "use crate::{Error, a::{b, c}, d::e};\nuse crate::f::g; crate::h::i()";
    let found: Vec<_> = crate_paths(code).into_iter().collect();
    assert_eq!(found, ["Error", "a", "d", "f", "h"]);
    let uses = |pairs: &[(&str, &str)]| {
        let mut map: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in pairs {
            map.entry((*from).into()).or_default().insert((*to).into());
        }
        map
    };
    assert!(cycle(&uses(&[("a", "b"), ("b", "c"), ("a", "c")])).is_none());
    assert!(cycle(&uses(&[("a", "b"), ("b", "c"), ("c", "a")])).is_some());
}
