//! Refuses files that would reach out of their set, before anything runs.
//!
//! It knows words, not grammar: comments, strings, quoted names and
//! dollar-quoted bodies are passed over, and what is left is looked through for
//! what a migration must not do. What slips by still meets the owner role's lack
//! of rights.

use crate::SetName;

/// Returns the faults of a file, as `line: what is wrong`.
pub(crate) fn check(set: SetName, sql: &str) -> Vec<String> {
    let words = words(sql);
    let mut faults = Vec::new();
    for (at, (line, word)) in words.iter().enumerate() {
        let next = |ahead: usize| words.get(at + ahead).map_or("", |(_, word)| word.as_str());
        let starts = at == 0 || words[at - 1].1 == ";";
        if let Some(fault) = fault(set, starts, word, &next) {
            faults.push(format!("{line}: {fault}"));
        }
    }
    faults
}

fn fault<'a>(
    set: SetName,
    starts: bool,
    word: &str,
    next: &dyn Fn(usize) -> &'a str,
) -> Option<&'static str> {
    let tenant = set == SetName::Tenant;
    match word {
        "begin" | "commit" | "rollback" | "savepoint" | "abort" | "end" | "start" if starts => {
            Some("transactions are the engine's business")
        }
        "set" | "reset" if starts => Some("settings are the engine's business"),
        "concurrently" => Some("CONCURRENTLY does not run in a transaction"),
        "create" if matches!(next(1), "extension" | "database" | "role" | "user") => {
            Some("this is made when the database is prepared, not by a migration")
        }
        "create" if tenant && matches!(next(1), "type" | "domain") => {
            Some("types of a tenant's own break cached statements; use text with a check")
        }
        "create" if tenant && next(1) == "schema" => Some("a tenant has one schema"),
        "grant" | "revoke" if tenant && starts => Some("rights are given by the engine"),
        "." if tenant && next(1) == "." => None,
        "public" | "pg_catalog" | "information_schema" if tenant && next(1) == "." => {
            Some("name no schema but ext")
        }
        _ if tenant && is_schema_of_a_tenant(word) => Some("name no tenant's schema"),
        _ => None,
    }
}

fn is_schema_of_a_tenant(word: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
    word.strip_prefix("t_")
        .is_some_and(|id| id.len() == 26 && id.bytes().all(digit))
}

/// Returns the words and marks outside comments and literals, in lower case,
/// with their lines. Quoted names are taken without their quotes.
fn words(sql: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut rest = sql;
    let mut line = 1;
    while let Some(c) = rest.chars().next() {
        let length = token(rest);
        let text = &rest[..length];
        if c.is_alphanumeric() || c == '_' || c == '"' {
            found.push((line, text.trim_matches('"').to_lowercase()));
        } else if matches!(c, ';' | '.') {
            found.push((line, c.to_string()));
        }
        line += text.matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// Returns how many bytes the next token takes.
fn token(rest: &str) -> usize {
    let until = |end: &str, from: usize| {
        rest[from..]
            .find(end)
            .map_or(rest.len(), |at| from + at + end.len())
    };
    let first = rest.chars().next().map_or(1, char::len_utf8);
    if rest.starts_with("--") {
        until("\n", 2)
    } else if rest.starts_with("/*") {
        until("*/", 2)
    } else if rest.starts_with('\'') {
        until("'", 1)
    } else if rest.starts_with('"') {
        until("\"", 1)
    } else if let Some(tag) = dollar_tag(rest) {
        until(tag, tag.len())
    } else {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        rest.find(|c| !word(c))
            .filter(|length| *length > 0)
            .unwrap_or_else(|| {
                if rest.starts_with(word) {
                    rest.len()
                } else {
                    first
                }
            })
    }
}

fn dollar_tag(rest: &str) -> Option<&str> {
    let inner = rest.strip_prefix('$')?;
    let end = inner.find('$')?;
    let name = |c: char| c.is_alphanumeric() || c == '_';
    let valid = inner[..end].chars().all(name) && !inner.starts_with(|c: char| c.is_ascii_digit());
    valid.then(|| &rest[..end + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_out_is_refused() {
        let schema = format!("drop table t_{}.units", "a".repeat(26));
        for sql in [
            "begin; select 1;",
            "select 1;\nCOMMIT;",
            "set search_path = x;",
            "RESET ROLE;",
            "create extension citext;",
            "create type mood as enum ('a');",
            "create domain d as text;",
            "create schema other;",
            "create index concurrently i on units (id);",
            "select * from public.tenants;",
            "select * from \"public\".tenants;",
            "grant select on units to app;",
            &schema,
        ] {
            assert_eq!(check(SetName::Tenant, sql).len(), 1, "{sql}");
        }
    }

    #[test]
    fn words_in_comments_and_literals_mean_nothing() {
        for sql in [
            "-- begin\nselect 1;",
            "/* set role x; */ select 1;",
            "select 'begin; commit';",
            "create function f() returns int language plpgsql as $x$ begin return 1; end $x$;",
            "update units set floor = 1;",
            "select ext.digest('a');",
            "alter table units add column public boolean;",
        ] {
            assert_eq!(check(SetName::Tenant, sql), Vec::<String>::new(), "{sql}");
        }
    }

    #[test]
    fn a_fault_names_its_line() {
        assert!(check(SetName::Public, "select 1;\n\nbegin;")[0].starts_with("3: "));
        assert!(check(SetName::Public, "create type t as enum ('a');").is_empty());
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for sql in ["'", "\"", "$$", "$a$ $b$", "/*", "--", "ä$1$ ", "$1", ""] {
            let _faults = check(SetName::Tenant, sql);
        }
    }
}
