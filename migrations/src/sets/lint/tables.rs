//! Changes of tables that hold rows already: what would fail on them, or keep
//! their readers waiting.

use std::collections::BTreeSet;

use super::tokens::{Kind, Token};
use crate::sets::{Allowed, Header};

const NOT_NULL: &str = "a column that is not null needs a default: there may be rows";
const SCANNED: &str = "this reads or rewrites all rows while others wait: add constraints `not \
                       valid` and validate them in a later file, or say `-- allow: full-scan` \
                       for tables that stay small";

/// What `add` may be followed by, besides a column.
const CONSTRAINTS: [&str; 6] = [
    "constraint",
    "primary",
    "unique",
    "foreign",
    "check",
    "exclude",
];

/// The tables that a file makes itself: they are empty.
pub(super) struct Made<'a>(BTreeSet<&'a str>);

impl<'a> Made<'a> {
    pub(super) fn of(statements: &[&'a [Token]]) -> Self {
        // With `if not exists` it may have been there.
        let named = statements.iter().filter_map(|statement| match statement {
            [create, table, name, ..] if create.is("create") && table.is("table") => {
                Some(name.text.as_str()).filter(|name| *name != "if")
            }
            _ => None,
        });
        Self(named.collect())
    }
}

/// Returns what is wrong with a statement that changes a table.
pub(super) fn faults(
    header: &Header,
    made: &Made<'_>,
    statement: &[Token],
) -> Vec<(usize, &'static str)> {
    let [alter, table, rest @ ..] = statement else {
        return Vec::new();
    };
    let mut rest = rest.iter();
    let name = rest.find(|token| !["if", "exists", "only"].contains(&token.text.as_str()));
    let is_new = name.is_some_and(|name| made.0.contains(name.text.as_str()));
    if !alter.is("alter") || !table.is("table") || is_new {
        return Vec::new();
    }
    let clauses = clauses(rest.as_slice());
    let found = clauses.into_iter().filter_map(|clause| {
        let line = clause.first()?.line;
        fault(header, clause).map(|fault| (line, fault))
    });
    found.collect()
}

fn fault(header: &Header, clause: &[Token]) -> Option<&'static str> {
    let [verb, second, ..] = clause else {
        return None;
    };
    let has = |word: &str| clause.iter().any(|token| token.is(word));
    let says = |first: &str, then: &str| {
        clause
            .windows(2)
            .any(|two| two[0].is(first) && two[1].is(then))
    };
    let scanned = (!header.allows(Allowed::FullScan)).then_some(SCANNED);
    if verb.is("alter") {
        let scans = says("set", "not") || has("type");
        return scanned.filter(|_| scans);
    }
    if !verb.is("add") {
        return None;
    }
    let is_column = second.kind != Kind::Word || !CONSTRAINTS.contains(&second.text.as_str());
    let is_filled = has("default") || has("generated");
    if is_column && says("not", "null") && !is_filled {
        return Some(NOT_NULL);
    }
    let scans = has("check") || has("foreign") || has("references");
    scanned.filter(|_| scans && !says("not", "valid"))
}

/// Splits at the commas outside parentheses.
fn clauses(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_usize;
    let at_comma = |token: &Token| {
        match token.text.as_str() {
            "(" if token.kind == Kind::Mark => depth += 1,
            ")" if token.kind == Kind::Mark => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.is(",")
    };
    tokens.split(at_comma).collect()
}
