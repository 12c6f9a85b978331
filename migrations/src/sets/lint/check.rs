//! What a file must not say, each fault with its line.

use super::{
    rules,
    tables::{self, Made},
    tokens::{Kind, Token, statements, tokens},
};
use crate::sets::{File, Form, Header, SetName};

/// Statements that may run outside a transaction: they can be done again, or
/// what is left of them can be seen.
const ALONE: &str = "a file with `no-transaction` holds one statement: create, drop or reindex \
                     an index concurrently, analyze or vacuum";

/// Returns the faults of a file, as `line: what is wrong`.
pub(crate) fn check(set: SetName, file: &File) -> Vec<String> {
    let (sql, header) = file.text();
    let tokens = tokens(sql);
    let mut faults: Vec<(usize, &'static str)> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let found = match token.kind {
            Kind::Word => rules::fault(set, header.form, &tokens, at),
            Kind::Literal => rules::literal_fault(set, &token.text),
            Kind::Mark => None,
        };
        faults.extend(found.map(|fault| (token.line, fault)));
    }
    faults.extend(of_statements(set, header, &tokens));
    faults.sort_unstable();
    faults.dedup();
    faults
        .into_iter()
        .map(|(line, fault)| format!("{line}: {fault}"))
        .collect()
}

fn of_statements(set: SetName, header: &Header, tokens: &[Token]) -> Vec<(usize, &'static str)> {
    let all: Vec<_> = statements(tokens).collect();
    if header.form == Form::NoTransaction {
        if set == SetName::Public {
            return vec![(1, "the control plane's files run in a transaction")];
        }
        let fine = matches!(all.as_slice(), [one] if runs_alone(one));
        return if fine { Vec::new() } else { vec![(1, ALONE)] };
    }
    // The control plane's tables are few, and their files are the product's own.
    if set == SetName::Public {
        return Vec::new();
    }
    let made = Made::of(&all);
    all.iter()
        .flat_map(|statement| tables::faults(header, &made, statement))
        .collect()
}

fn runs_alone(statement: &[Token]) -> bool {
    let words: Vec<_> = statement.iter().map(|token| token.text.as_str()).collect();
    let concurrently = words.contains(&"concurrently");
    match words.as_slice() {
        // Without a name of its own nobody could tell what became of it.
        ["create", "index", "concurrently", rest @ ..]
        | ["create", "unique", "index", "concurrently", rest @ ..] => rest.first() != Some(&"on"),
        ["drop", "index", "concurrently", "if", "exists", ..] => true,
        ["reindex", ..] => concurrently,
        ["analyze" | "vacuum", ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: SetName, sql: &str) -> Vec<String> {
        let file = File::parse("0001_a.sql", sql).unwrap().unwrap();
        check(set, &file)
    }

    fn tenant(sql: &str) -> Vec<String> {
        of(SetName::Tenant, sql)
    }

    #[test]
    fn what_reaches_out_is_refused() {
        let schema = format!("drop table t_{}.units", "a".repeat(26));
        for sql in [
            "begin; select 1;",
            "select 1;\nCOMMIT;",
            r"select E'\''; commit; select 'x';",
            "prepare transaction 'x';",
            "set search_path = x;",
            "set local role x;",
            "RESET ROLE;",
            "create extension citext;",
            "create type mood as enum ('a');",
            "create domain d as text;",
            "create schema other;",
            "create index concurrently i on units (id);",
            "select * from public.tenants;",
            "select * from \"public\".tenants;",
            "insert into other.units values (1);",
            "create table other.units (id int);",
            "alter table only other.units add x int;",
            "create table a (b int references other.units);",
            "grant select on units to app;",
            "select set_config('role', 'x', true);",
            "do $$ begin execute 'reset role'; end $$;",
            "do $$ begin execute 'SET  Role x'; end $$;",
            "do $$ begin perform set_config('role', 'x', true); end $$;",
            "do $a$ begin execute $b$ set session authorization x $b$; end $a$;",
            &schema,
        ] {
            assert_eq!(tenant(sql).len(), 1, "{sql}: {:?}", tenant(sql));
        }
    }

    #[test]
    fn what_stays_within_is_fine() {
        for sql in [
            "create table units (id uuid primary key, note text default 'begin; commit');",
            "create function f() returns trigger language plpgsql as $$ begin return new; end $$;",
            "-- set role x\n/* begin; */ select 1;",
            "select ext.digest('a', 'sha256');",
            "update units u set floor = u.floor + 1 from properties p where u.id = p.id;",
            "select extract(epoch from u.at) from units u;",
            "select 1 from units u where u.a is distinct from u.b;",
            "create table other (\"set\" int, \"begin\" int);",
            "alter table units add column floor integer not null default 0;",
            "alter table units add column area numeric, alter column floor drop not null;",
            "alter table units add constraint positive check (floor > 0) not valid;",
            "create table a (id int); alter table a add constraint c check (id > 0);",
            "alter table units validate constraint positive;",
            "-- allow: full-scan\nalter table units add constraint c check (floor > 0);",
        ] {
            assert!(tenant(sql).is_empty(), "{sql}: {:?}", tenant(sql));
        }
    }

    #[test]
    fn what_would_lock_a_large_table_is_refused() {
        for sql in [
            "alter table units add column floor integer not null;",
            "alter table units add floor integer not null, add area int;",
            "alter table units add column if not exists floor integer not null;",
            "alter table units add constraint positive check (floor > 0);",
            "alter table units add column floor int check (floor > 0);",
            "alter table units add column p uuid references properties (id);",
            "alter table units alter column floor set not null;",
            "alter table units alter floor type bigint;",
            "create table if not exists units (id int); alter table units add check (id > 0);",
            "alter table units add foreign key (id) references properties (id);",
        ] {
            assert_eq!(tenant(sql).len(), 1, "{sql}: {:?}", tenant(sql));
        }
    }

    #[test]
    fn one_statement_that_can_be_repeated_runs_alone() {
        let alone = |sql: &str| tenant(&format!("-- no-transaction\n{sql}"));
        for sql in [
            "create index concurrently if not exists i on units (id);",
            "create unique index concurrently i on units (id)",
            "drop index concurrently if exists i;",
            "reindex index concurrently i;",
            "analyze units;",
        ] {
            assert!(alone(sql).is_empty(), "{sql}: {:?}", alone(sql));
        }
        for sql in [
            "create index concurrently on units (id);",
            "create index concurrently i on units (id); select 1;",
            "insert into units values (1);",
            "drop index concurrently i;",
            "reindex index i;",
            "",
        ] {
            assert_eq!(alone(sql), [format!("1: {ALONE}")], "{sql}");
        }
    }

    #[test]
    fn a_fault_names_its_line_and_a_set_its_rules() {
        assert!(tenant("select 1;\n\nbegin;")[0].starts_with("3: "));
        assert!(of(SetName::Public, "create type t as enum ('a');").is_empty());
        assert!(!of(SetName::Public, "commit;").is_empty());
    }
}
