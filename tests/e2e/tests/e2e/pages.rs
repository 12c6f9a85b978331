//! Filters, orders and page tokens hold against a real database.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use resido_e2e::{database::Database, door::Door};
use resido_proto::{filter::Kind, ids::parse_uuid};
use resido_tenancy::db::{Access, Ask, Column, Listing, PublicTx, params};
use uuid::Uuid;

const CREATE: &str = "
    create table things (
        id uuid primary key default gen_random_uuid(),
        kind text not null,
        name text,
        title text not null,
        count integer not null,
        share double precision not null,
        done boolean not null,
        made timestamptz not null,
        due date,
        owner uuid
    )";
/// Few different values, so that keys are equal often, and strange ones.
const FILL: &str = r#"
    insert into things (kind, name, title, count, share, done, made, due, owner)
    select (array['small', 'great'])[1 + n % 2],
           case n % 5 when 0 then null when 1 then '' when 2 then '50%_\*' else 'Name ' || n end,
           (array['b', 'B', 'ä', 'a', '', 'a''"\', 'z-z', 'zz'])[1 + n % 8],
           n % 4 - 2,
           (array['NaN', 'Infinity', '-Infinity', '0.1', '1e300', '-0']::float8[])[1 + n % 6],
           n % 3 = 0,
           (array['infinity', '-infinity', '1969-12-31 23:59:59.999999+00',
                  '2026-01-01 00:00:00.000001+00', '2026-03-29 01:30:00+00',
                  '9999-12-31 23:59:59.999999+00']::timestamptz[])[1 + n % 6],
           (array[null, '2026-01-31', '0001-01-01', '9999-12-31']::date[])[1 + n % 4],
           case n % 2 when 0 then '00000000-0000-0000-0000-000000000007'::uuid end
      from generate_series(1, 60) n"#;
const KINDS: &[(&str, &str)] = &[("SMALL", "small"), ("GREAT", "great")];
const DUE: &str = "coalesce(due, 'infinity')";

const fn column(field: &'static str, sql: &'static str, kind: Kind, sort: bool) -> Column {
    Column {
        field,
        sql,
        kind,
        sort,
    }
}

const THINGS: Listing = Listing {
    select: "t.id, t.title",
    from: "things t",
    scope: "t.count >= $1",
    columns: &[
        column("kind", "t.kind", Kind::Word(KINDS), true),
        column("name", "t.name", Kind::Text, false),
        column("title", "t.title", Kind::Text, true),
        column("count", "t.count", Kind::Integer, true),
        column("share", "t.share", Kind::Number, true),
        column("done", "t.done", Kind::Flag, true),
        column("made", "t.made", Kind::Time, true),
        column("due", DUE, Kind::Date, true),
        column("owner", "t.owner", Kind::Id(owner), false),
    ],
    id: "t.id",
    order: "made",
};

fn owner(name: &str) -> Option<Uuid> {
    parse_uuid(name.strip_prefix("people/")?).ok()
}

fn ask<'a>(filter: &'a str, order_by: &'a str, page_token: &'a str) -> Ask<'a> {
    Ask {
        page_size: 7,
        page_token,
        filter,
        order_by,
    }
}

/// Reads all pages of a list, with a thing to do between any two.
async fn all(
    tx: &PublicTx,
    filter: &str,
    order_by: &str,
    mut between: impl AsyncFnMut(),
) -> Vec<Uuid> {
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = THINGS.request(ask(filter, order_by, &token)).unwrap();
        let page = tx.list(&THINGS, params![-2], &request).await.unwrap();
        assert!(page.rows.len() <= 7);
        seen.extend(page.rows.iter().map(|row| row.get::<_, Uuid>("id")));
        if page.next_page_token.is_empty() {
            return seen;
        }
        token = page.next_page_token;
        between().await;
    }
}

async fn filled() -> (Database, PublicTx) {
    let database = Database::migrated().await.unwrap();
    let tx = database.control().unwrap().begin(None).await.unwrap();
    tx.execute(CREATE, params![]).await.unwrap();
    tx.execute(FILL, params![]).await.unwrap();
    (database, tx)
}

async fn ids(tx: &PublicTx, sql: &'static str) -> Vec<Uuid> {
    let rows = tx.query(sql, params![]).await.unwrap();
    rows.iter().map(|row| row.get("id")).collect()
}

#[tokio::test]
async fn pages_of_every_order_hold_every_row_once_and_in_order() {
    let (_database, tx) = filled().await;
    for (order_by, sql) in [
        ("", "select id from things order by made, id"),
        (
            "title desc",
            "select id from things order by title collate \"C\" desc, id desc",
        ),
        (
            "share, done desc",
            "select id from things order by share, done desc, id desc",
        ),
        (
            "kind desc, due, count desc",
            "select id from things order by kind desc, coalesce(due, 'infinity'), count desc, id desc",
        ),
        (
            "made desc, title",
            "select id from things order by made desc, title collate \"C\", id",
        ),
        (
            "count, share, title, done, due",
            "select id from things order by count, share, title collate \"C\", done, \
             coalesce(due, 'infinity'), id",
        ),
    ] {
        let seen = all(&tx, "", order_by, async || {}).await;
        assert_eq!(seen.len(), 60);
        assert_eq!(seen, ids(&tx, sql).await, "{order_by}");
    }
}

#[tokio::test]
async fn tokens_mean_the_same_whatever_the_session_is_set_to() {
    let (_database, tx) = filled().await;
    let plain = all(&tx, "", "made, due", async || {}).await;
    for set in [
        "set local datestyle = 'SQL, DMY'",
        "set local timezone = 'America/St_Johns'",
        "set local extra_float_digits = 3",
    ] {
        tx.execute(set, params![]).await.unwrap();
        assert_eq!(all(&tx, "", "made, due", async || {}).await, plain, "{set}");
    }
}

#[tokio::test]
async fn rows_that_come_and_go_shift_nothing() {
    let (_database, tx) = filled().await;
    let before: BTreeSet<_> = ids(&tx, "select id from things")
        .await
        .into_iter()
        .collect();
    let insert = "
        insert into things (kind, title, count, share, done, made)
        select 'small', title, 0, 0, false, now() from unnest(array['', 'a', 'zz']) title
        returning id";
    let delete = "delete from things where id = (select id from things where name is not null
                   order by title collate \"C\", id limit 1) returning id";
    let seen = all(&tx, "", "title", async || {
        tx.query(insert, params![]).await.unwrap();
        tx.query(delete, params![]).await.unwrap();
    })
    .await;
    let once: BTreeSet<_> = seen.iter().copied().collect();
    assert_eq!(once.len(), seen.len());
    let now: BTreeSet<_> = ids(&tx, "select id from things")
        .await
        .into_iter()
        .collect();
    let missed: Vec<_> = before
        .intersection(&now)
        .filter(|id| !once.contains(id))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[tokio::test]
async fn a_filter_picks_what_the_same_condition_in_sql_picks() {
    let (_database, tx) = filled().await;
    for (filter, sql) in [
        ("kind = SMALL", "select id from things where kind = 'small'"),
        (
            "name = \"50%_\\\\\\*\"",
            "select id from things where name = '50%_\\*'",
        ),
        (
            "name = \"50%_*\"",
            "select id from things where starts_with(name, '50%_')",
        ),
        (
            "name = N*",
            "select id from things where starts_with(name, 'N')",
        ),
        (
            "name != *3*",
            "select id from things where coalesce(strpos(name, '3'), 0) = 0",
        ),
        (
            "name:NAME",
            "select id from things where strpos(name, 'Name') > 0",
        ),
        ("name:*", "select id from things where length(name) > 0"),
        (
            "NOT name:* AND (count = 1 OR count = -2)",
            "select id from things where coalesce(name, '') = '' and count in (1, -2)",
        ),
        (
            "title < B",
            "select id from things where title collate \"C\" < 'B'",
        ),
        ("share > 0.05", "select id from things where share > 0.05"),
        ("-done = true", "select id from things where not done"),
        (
            "made <= 2026-01-01T01:00:00.000001+01:00",
            "select id from things where made <= '2026-01-01 00:00:00.000001+00'",
        ),
        (
            "due > 2026-01-30",
            "select id from things where due > '2026-01-30' or due is null",
        ),
        (
            "owner = people/00000000-0000-0000-0000-000000000007",
            "select id from things where owner is not null",
        ),
        (
            "owner != people/00000000-0000-0000-0000-000000000007",
            "select id from things where owner is null",
        ),
        ("owner:*", "select id from things where owner is not null"),
    ] {
        let seen: BTreeSet<_> = all(&tx, filter, "title", async || {})
            .await
            .into_iter()
            .collect();
        let expected: BTreeSet<_> = ids(&tx, sql).await.into_iter().collect();
        assert!(!seen.is_empty() && seen.len() < 60, "{filter}");
        assert_eq!(seen, expected, "{filter}");
    }
}

#[tokio::test]
async fn the_greatest_values_of_every_type_cause_no_error() {
    let (_database, tx) = filled().await;
    for filter in [
        "count < 9223372036854775807",
        "share < 1.7976931348623157e308",
        "made > 0000-01-01T00:00:00Z AND made < 9999-12-31T23:59:59Z",
        "made > 0000-01-01T00:00:00+23:59",
        "due >= 0001-01-01 due <= 9999-12-31",
        "name:\"\\\\\" OR name = \"\\\\*\" OR name = \"%\" OR name = \"\"",
        "title > \"\u{10ffff}\"",
    ] {
        let request = THINGS.request(ask(filter, "", "")).unwrap();
        let page = tx.list(&THINGS, params![-2], &request).await;
        assert!(page.is_ok(), "{filter}: {page:?}");
    }
    let deep = format!("{}count=1{}", "(".repeat(10), ")".repeat(10));
    let wide = vec!["name:a"; 50].join(" OR ");
    for filter in [deep, wide] {
        all(&tx, &filter, "title desc, count", async || {}).await;
    }
}

#[tokio::test]
async fn a_token_with_any_byte_changed_is_refused_or_leads_somewhere() {
    let (_database, tx) = filled().await;
    let order_by = "title, count desc, share, made, due";
    let first = THINGS.request(ask("", order_by, "")).unwrap();
    let page = tx.list(&THINGS, params![-2], &first).await.unwrap();
    let token = URL_SAFE_NO_PAD.decode(page.next_page_token).unwrap();
    let (mut refused, mut taken) = (0, 0);
    for at in 0..token.len() {
        for flip in [0x01, 0x30, 0x80, token[at]] {
            let mut forged = token.clone();
            forged[at] ^= flip;
            let forged = URL_SAFE_NO_PAD.encode(forged);
            match THINGS.request(ask("", order_by, &forged)) {
                Ok(request) => {
                    let page = tx.list(&THINGS, params![-2], &request).await;
                    assert!(page.is_ok(), "{at} {flip}: {page:?}");
                    taken += 1;
                }
                Err(faults) => {
                    assert_eq!(faults[0].field, "page_token");
                    refused += 1;
                }
            }
        }
    }
    assert!(taken > 50 && refused > 100, "{taken} {refused}");
}

#[tokio::test]
async fn a_tenant_lists_its_own_rows() {
    const PROPERTIES: Listing = Listing {
        select: "id, display_name",
        from: "properties",
        scope: "true",
        columns: &[column("display_name", "display_name", Kind::Text, true)],
        id: "id",
        order: "display_name",
    };
    let database = Database::migrated().await.unwrap();
    let door = Door::new().unwrap();
    let db = database.app(2).unwrap();
    for names in [["b", "a", "c"], ["x", "y", "z"]] {
        let tenant = database.tenant().await.unwrap();
        let ctx = door.enter(&tenant).await.unwrap();
        let tx = db.begin(&ctx, Access::Write).await.unwrap();
        for name in names {
            let insert = "insert into properties (id, display_name) values ($1, $2)";
            tx.execute(insert, params![Uuid::now_v7(), name])
                .await
                .unwrap();
        }
        let request = PROPERTIES.request(ask("displayName:*", "", "")).unwrap();
        let page = tx.list(&PROPERTIES, params![], &request).await.unwrap();
        let listed: Vec<_> = page
            .rows
            .iter()
            .map(|row| row.get::<_, &str>("display_name"))
            .collect();
        let mut expected = names;
        expected.sort_unstable();
        assert_eq!(listed, expected);
        assert_eq!(page.next_page_token, "");
        tx.commit().await.unwrap();
    }
}
