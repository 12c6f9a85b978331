//! What lists send to the database, and what they refuse before.

use std::time::{Duration, UNIX_EPOCH};

use resido_proto::filter::Kind;
use uuid::Uuid;

use super::{
    ask::{Ask, Column, ListRequest, Listing},
    bind::Bind,
    statement, token,
};

const ID: Uuid = Uuid::from_u128(7);

const fn column(field: &'static str, sql: &'static str, kind: Kind, sort: bool) -> Column {
    Column {
        field,
        sql,
        kind,
        sort,
    }
}

const UNITS: Listing = Listing {
    select: "id, display_name",
    from: "units",
    scope: "property_id = $1",
    columns: &[
        column("display_name", "display_name", Kind::Text, true),
        column("floor", "floor", Kind::Integer, true),
        column("area_sqm", "area_sqm", Kind::Number, true),
        column("furnished", "furnished", Kind::Flag, false),
        column("create_time", "create_time", Kind::Time, true),
        column(
            "end_date",
            "coalesce(end_date, 'infinity')",
            Kind::Date,
            true,
        ),
        column("state", "state", Kind::Word(&[("ACTIVE", "active")]), true),
        column("tenant", "tenant_id", Kind::Id(id), false),
        column("note", "note", Kind::Text, false),
    ],
    id: "id",
    order: "create_time",
};

fn id(name: &str) -> Option<Uuid> {
    (name == "tenants/7").then_some(ID)
}

fn ask<'a>(filter: &'a str, order_by: &'a str, page_token: &'a str) -> Ask<'a> {
    Ask {
        page_size: 2,
        page_token,
        filter,
        order_by,
    }
}

fn request(filter: &str, order_by: &str, page_token: &str) -> ListRequest {
    UNITS.request(ask(filter, order_by, page_token)).unwrap()
}

fn text(text: &str) -> Bind {
    Bind::Text(text.to_owned())
}

/// Returns the condition of a filter, and its values.
fn condition(filter: &str) -> (String, Vec<Bind>) {
    let (sql, mut values) = statement::build(&UNITS, 1, &request(filter, "", ""));
    let (_, rest) = sql.split_once(" where (property_id = $1) and ").unwrap();
    let (condition, _) = rest.split_once(" order by ").unwrap();
    assert_eq!(values.pop(), Some(Bind::Integer(3)));
    (condition.to_owned(), values)
}

/// Returns the condition of a page behind a row with these keys, the order, and
/// the values.
fn behind(order_by: &str, keys: &[&str]) -> (String, String, Vec<Bind>) {
    let first = request("", order_by, "");
    let token = token::encode(first.digest, keys, ID).unwrap();
    let (sql, mut values) = statement::build(&UNITS, 1, &request("", order_by, &token));
    let (_, rest) = sql.split_once(" where (property_id = $1) and ").unwrap();
    let (condition, rest) = rest.split_once(" order by ").unwrap();
    let (order, limit) = rest.split_once(" limit ").unwrap();
    assert_eq!(limit, format!("${}::bigint", values.len() + 1));
    assert_eq!(values.pop(), Some(Bind::Integer(3)));
    (condition.to_owned(), order.to_owned(), values)
}

#[test]
fn the_first_page_is_one_statement() {
    let (sql, values) = statement::build(&UNITS, 1, &request("", "", ""));
    assert_eq!(
        sql,
        "select id, display_name, case when isfinite(create_time) then \
         to_char((create_time) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
         else (create_time)::text end as page_key_0, (id) as page_id from units \
         where (property_id = $1) order by (create_time), (id) limit $2::bigint"
    );
    assert_eq!(values, [Bind::Integer(3)]);
    let order = "display_name desc, area_sqm, end_date";
    let (sql, _) = statement::build(&UNITS, 0, &request("", order, ""));
    assert_eq!(
        sql,
        "select id, display_name, (display_name)::text as page_key_0, \
         (area_sqm)::double precision::text as page_key_1, \
         case when isfinite(coalesce(end_date, 'infinity')) then \
         to_char((coalesce(end_date, 'infinity'))::timestamp, 'YYYY-MM-DD') \
         else (coalesce(end_date, 'infinity'))::text end as page_key_2, (id) as page_id \
         from units where (property_id = $1) \
         order by (display_name) collate \"C\" desc, (area_sqm)::double precision, \
         (coalesce(end_date, 'infinity')), (id) limit $1::bigint"
    );
}

#[test]
fn every_value_of_a_filter_is_bound_and_cast() {
    let moment = UNIX_EPOCH + Duration::from_secs(1);
    for (filter, sql, value) in [
        (
            "display_name = \"'; drop table units\"",
            "((display_name) = $2::text)",
            text("'; drop table units"),
        ),
        (
            r#"display_name = "50%_\\*""#,
            "((display_name) like $2::text)",
            text(r"50\%\_\\%"),
        ),
        ("note = *x", "((note) like $2::text)", text("%x")),
        (
            "note != *x*",
            "(((note) like $2::text) is not true)",
            text("%x%"),
        ),
        ("note:a_b", "((note) ilike $2::text)", text(r"%a\_b%")),
        ("note != x", "((note) is distinct from $2::text)", text("x")),
        (
            "display_name >= m",
            "((display_name) collate \"C\" >= $2::text collate \"C\")",
            text("m"),
        ),
        ("floor < -1", "((floor) < $2::bigint)", Bind::Integer(-1)),
        (
            "area_sqm <= 1.5",
            "((area_sqm) <= $2::double precision)",
            Bind::Number(1.5),
        ),
        (
            "furnished = true",
            "((furnished) = $2::boolean)",
            Bind::Flag(true),
        ),
        (
            "create_time > 1970-01-01T00:00:01Z",
            "((create_time) > $2::timestamptz)",
            Bind::Time(moment),
        ),
        (
            "end_date = 2026-01-31",
            "((coalesce(end_date, 'infinity')) = $2::date)",
            text("2026-01-31"),
        ),
        ("state:ACTIVE", "((state) = $2::text)", text("active")),
        (
            "tenant = tenants/7",
            "((tenant_id) = $2::uuid)",
            Bind::Id(ID),
        ),
    ] {
        let expected = (sql.to_owned(), vec![value]);
        assert_eq!(condition(filter), expected, "{filter}");
    }
    assert_eq!(condition("note:*"), ("((note) <> '')".to_owned(), vec![]));
    let present = "((floor) is not null)".to_owned();
    assert_eq!(condition("floor:*"), (present, vec![]));
    let present = "isfinite(coalesce(end_date, 'infinity'))".to_owned();
    assert_eq!(condition("end_date:*"), (present, vec![]));
}

#[test]
fn conditions_nest_as_the_filter_does() {
    let (sql, values) = condition("floor = 1 AND NOT (floor = 2 OR note:*) -floor = 3");
    assert_eq!(
        sql,
        "(((floor) = $2::bigint) and ((((floor) = $3::bigint) or ((note) <> '')) is not true) \
         and (((floor) = $4::bigint) is not true))"
    );
    assert_eq!(values, [1, 2, 3].map(Bind::Integer));
}

#[test]
fn keys_of_one_direction_compare_as_a_row() {
    assert_eq!(
        behind("display_name, floor", &["a'b", "3"]),
        (
            "(((display_name) collate \"C\", (floor), (id)) \
             > ($2::text collate \"C\", $3::bigint, $4::uuid))"
                .to_owned(),
            "(display_name) collate \"C\", (floor), (id)".to_owned(),
            vec![text("a'b"), Bind::Integer(3), Bind::Id(ID)],
        )
    );
    assert_eq!(
        behind("create_time desc", &["1970-01-01T00:00:00.000000Z"]),
        (
            "(((create_time), (id)) < ($2::timestamptz, $3::uuid))".to_owned(),
            "(create_time) desc, (id) desc".to_owned(),
            vec![Bind::Time(UNIX_EPOCH), Bind::Id(ID)],
        )
    );
}

#[test]
fn keys_of_mixed_directions_compare_one_by_one() {
    assert_eq!(
        behind(
            "state desc, end_date, area_sqm desc",
            &["active", "infinity", "NaN"]
        )
        .0,
        "((state) collate \"C\" < $2::text collate \"C\" \
         or ((state) collate \"C\" = $2::text collate \"C\" \
         and ((coalesce(end_date, 'infinity')) > $3::date \
         or ((coalesce(end_date, 'infinity')) = $3::date \
         and ((area_sqm)::double precision < $4::double precision \
         or ((area_sqm)::double precision = $4::double precision and ((id) < $5::uuid)))))))"
    );
    let order = behind("floor desc, create_time", &["1", "infinity"]).1;
    assert_eq!(order, "(floor) desc, (create_time), (id)");
}

#[test]
fn values_of_filter_place_and_limit_are_numbered_behind_the_scope() {
    let first = request("floor = 1", "floor", "");
    let token = token::encode(first.digest, &["1"], ID).unwrap();
    let (sql, values) = statement::build(&UNITS, 3, &request("floor = 1", "floor", &token));
    let (_, conditions) = sql.split_once(" where ").unwrap();
    assert_eq!(
        conditions,
        "(property_id = $1) and ((floor) = $4::bigint) \
         and (((floor), (id)) > ($5::bigint, $6::uuid)) \
         order by (floor), (id) limit $7::bigint"
    );
    assert_eq!(values.len(), 4);
}

#[test]
fn every_fault_of_an_ask_is_reported_at_once() {
    let faults = UNITS.request(Ask {
        page_size: -1,
        ..ask("x = 1", "note", "")
    });
    let fields: Vec<_> = faults.unwrap_err().into_iter().map(|v| v.field).collect();
    assert_eq!(fields, ["page_size", "filter", "order_by"]);
    let faults = UNITS.request(ask("x = 1", "", "x")).unwrap_err();
    let fields: Vec<_> = faults.into_iter().map(|v| v.field).collect();
    assert_eq!(fields, ["filter", "page_token"]);
}

#[test]
fn a_token_is_refused_with_another_filter_order_or_list() {
    let token = token::encode(request("floor = 1", "floor", "").digest, &["1"], ID).unwrap();
    let fault = |listing: Listing, filter, order| {
        let faults = listing.request(ask(filter, order, &token)).err()?;
        assert_eq!(faults.len(), 1);
        Some(faults[0].field.clone().into_owned())
    };
    assert_eq!(fault(UNITS, "floor = 1", " floor "), None);
    let others = [
        (UNITS, "floor = 2", "floor"),
        (UNITS, "floor = 1", "floor desc"),
        (UNITS, "floor = 1", ""),
        (
            Listing {
                from: "others",
                ..UNITS
            },
            "floor = 1",
            "floor",
        ),
    ];
    for (listing, filter, order) in others {
        let expected = Some("page_token".to_owned());
        assert_eq!(fault(listing, filter, order), expected, "{filter} {order}");
    }
    // The order of the list may be spelled out or not.
    let created = ["1970-01-01T00:00:00.000000Z"];
    let token = token::encode(request("", "", "").digest, &created, ID).unwrap();
    assert!(UNITS.request(ask("", "create_time", &token)).is_ok());
}
