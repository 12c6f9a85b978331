//! What single words give away.

use super::tokens::{Kind, Token, tokens};
use crate::sets::{Form, SetName};

const ROLE: &str = "roles and settings are the engine's business";
const SCHEMA: &str = "name no schema but ext";

/// Words that a table's or a function's name follows.
const BEFORE_NAMES: [&str; 14] = [
    "from",
    "join",
    "into",
    "update",
    "table",
    "references",
    "only",
    "view",
    "sequence",
    "function",
    "procedure",
    "truncate",
    "exists",
    "index",
];
/// Functions whose arguments have a `from` of their own.
const WITH_FROM: [&str; 4] = ["extract", "substring", "trim", "overlay"];

/// Returns what is wrong with the word at a place.
pub(super) fn fault(set: SetName, form: Form, tokens: &[Token], at: usize) -> Option<&'static str> {
    let tenant = set == SetName::Tenant;
    let starts = at == 0 || tokens[at - 1].is(";");
    let next = tokens.get(at + 1).map_or("", |token| token.text.as_str());
    match tokens[at].text.as_str() {
        "begin" | "commit" | "rollback" | "savepoint" | "abort" | "end" | "start" if starts => {
            Some("transactions are the engine's business")
        }
        "prepare" if starts && next == "transaction" => {
            Some("transactions are the engine's business")
        }
        "set" | "reset" if starts => Some(ROLE),
        "set_config" => Some(ROLE),
        "concurrently" if form == Form::Transaction => {
            Some("CONCURRENTLY does not run in a transaction")
        }
        "create" if matches!(next, "extension" | "database" | "role" | "user") => {
            Some("this is made when the database is prepared, not by a migration")
        }
        "create" if tenant && matches!(next, "type" | "domain") => {
            Some("types of a tenant's own break cached statements; use text with a check")
        }
        "create" if tenant && next == "schema" => Some("a tenant has one schema"),
        "grant" | "revoke" if tenant && starts => Some("rights are given by the engine"),
        word if tenant && next == "." => {
            (is_known_schema(word) || is_qualified(tokens, at)).then_some(SCHEMA)
        }
        _ => None,
    }
}

/// Returns what is wrong with the inside of a literal, which may be run.
pub(super) fn literal_fault(set: SetName, text: &str) -> Option<&'static str> {
    if set == SetName::Public {
        return None;
    }
    let inner = tokens(text);
    inner.iter().enumerate().find_map(|(at, token)| {
        let mut after = inner[at + 1..].iter().map(|token| token.text.as_str());
        let next = after.find(|word| *word != "local").unwrap_or_default();
        match token.kind {
            Kind::Literal => literal_fault(set, &token.text),
            Kind::Mark => None,
            Kind::Word => match (token.text.as_str(), next) {
                ("reset", "role" | "session") | ("set", "role" | "session") | ("set_config", _) => {
                    Some(ROLE)
                }
                _ => None,
            },
        }
    })
}

fn is_known_schema(word: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
    let tenant = word.strip_prefix("t_");
    matches!(word, "public" | "pg_catalog" | "information_schema")
        || tenant.is_some_and(|id| id.len() == 26 && id.bytes().all(digit))
}

/// Whether the word at a place is the schema of a table's or function's name.
fn is_qualified(tokens: &[Token], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|place| tokens.get(place));
    let Some(previous) = before(1).filter(|token| token.kind == Kind::Word) else {
        return false;
    };
    if tokens[at].text == "ext" || !BEFORE_NAMES.contains(&previous.text.as_str()) {
        return false;
    }
    let is_comparison = previous.is("from") && before(2).is_some_and(|token| token.is("distinct"));
    !(is_comparison || previous.is("from") && is_argument(tokens, at))
}

/// Whether the innermost open parenthesis before a place is that of a function
/// which has a `from` among its arguments.
fn is_argument(tokens: &[Token], at: usize) -> bool {
    let mut closed = 0_usize;
    for place in (1..at).rev() {
        if tokens[place].is(")") {
            closed += 1;
        } else if tokens[place].is("(") {
            match closed.checked_sub(1) {
                Some(left) => closed = left,
                None => return WITH_FROM.contains(&tokens[place - 1].text.as_str()),
            }
        }
    }
    false
}
