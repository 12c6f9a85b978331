//! Filters mean what AIP-160 says, and no text makes the parser fall.

use std::time::{Duration, UNIX_EPOCH};

use ::time::{OffsetDateTime, format_description::well_known::Rfc3339};
use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

use super::*;

const STATES: &[(&str, &str)] = &[("ACTIVE", "active"), ("SUSPENDED", "suspended")];

const FIELDS: [Field; 9] = [
    field("display_name", Kind::Text),
    field("floor", Kind::Integer),
    field("area_sqm", Kind::Number),
    field("furnished", Kind::Flag),
    field("create_time", Kind::Time),
    field("start_date", Kind::Date),
    field("state", Kind::Word(STATES)),
    field("unit", Kind::Id(unit)),
    field("address.city", Kind::Text),
];

const fn field(name: &'static str, kind: Kind) -> Field {
    let sort = false;
    Field { name, kind, sort }
}

fn unit(name: &str) -> Option<Uuid> {
    name.strip_prefix("units/")?.parse().ok()
}

fn read(text: &str) -> Expr {
    parse(text, &FIELDS).unwrap().unwrap()
}

fn is(column: usize, op: Op, value: Value) -> Expr {
    Expr::Compare { column, op, value }
}

fn floor(floor: i64) -> Expr {
    is(1, Op::Equal, Value::Integer(floor))
}

fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

#[test]
fn or_binds_tighter_than_and_as_the_standard_has_it() {
    use Expr::{All, Any};
    let [a, b, c, d] = [1, 2, 3, 4].map(|number| move || floor(number));
    for (text, expected) in [
        ("floor=1", a()),
        ("( ( floor = 1 ) )", a()),
        ("floor=1 floor=2", All(vec![a(), b()])),
        ("floor=1 AND floor=2", All(vec![a(), b()])),
        ("floor=1 OR floor=2", Any(vec![a(), b()])),
        (
            "floor=1 AND floor=2 OR floor=3",
            All(vec![a(), Any(vec![b(), c()])]),
        ),
        (
            "floor=1 floor=2 AND floor=3 OR floor=4",
            All(vec![a(), b(), Any(vec![c(), d()])]),
        ),
        (
            "(floor=1 AND floor=2) OR floor=3",
            Any(vec![All(vec![a(), b()]), c()]),
        ),
        ("NOT floor=1 OR floor=2", Any(vec![not(a()), b()])),
        ("-floor=1", not(a())),
        (
            "NOT(floor=1 floor=2)AND(floor=3)",
            All(vec![not(All(vec![a(), b()])), c()]),
        ),
        ("floor = -1", floor(-1)),
        ("-floor = -1\n", not(floor(-1))),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
    for empty in ["", "  \n"] {
        assert_eq!(parse(empty, &FIELDS), Ok(None));
    }
}

#[test]
fn values_have_the_type_of_their_field() {
    let id = Uuid::now_v7();
    let time = |millis| Value::Time(UNIX_EPOCH + Duration::from_millis(millis));
    let text = |text: &str| Value::Text(text.to_owned());
    for (filter, expected) in [
        ("display_name = acme", is(0, Op::Equal, text("acme"))),
        ("displayName != 'a b'", is(0, Op::NotEqual, text("a b"))),
        (
            r#"display_name = "a\"\\\*\n""#,
            is(0, Op::Equal, text("a\"\\*\n")),
        ),
        (
            "display_name = \"ac*\"",
            is(0, Op::Equal, Value::Begins("ac".into())),
        ),
        (
            "display_name = *me",
            is(0, Op::Equal, Value::Ends("me".into())),
        ),
        (
            "display_name != *c*",
            is(0, Op::NotEqual, Value::Contains("c".into())),
        ),
        ("display_name = a*b", is(0, Op::Equal, text("a*b"))),
        (
            "display_name = *",
            is(0, Op::Equal, Value::Contains(String::new())),
        ),
        ("display_name < *", is(0, Op::Less, text("*"))),
        ("display_name >= \"m*\"", is(0, Op::AtLeast, text("m*"))),
        ("display_name:acme", is(0, Op::Has, text("acme"))),
        ("display_name:ac*", is(0, Op::Has, text("ac"))),
        ("display_name:*", is(0, Op::Has, Value::Present)),
        (r#"display_name:"\*""#, is(0, Op::Has, text("*"))),
        ("address.city = Bonn", is(8, Op::Equal, text("Bonn"))),
        ("floor <= 3", is(1, Op::AtMost, Value::Integer(3))),
        ("floor:3", is(1, Op::Equal, Value::Integer(3))),
        ("floor:*", is(1, Op::Has, Value::Present)),
        ("areaSqm > 12.5", is(2, Op::Greater, Value::Number(12.5))),
        ("furnished = true", is(3, Op::Equal, Value::Flag(true))),
        ("furnished:false", is(3, Op::Equal, Value::Flag(false))),
        (
            "create_time > \"1970-01-01T01:00:00.5+01:00\"",
            is(4, Op::Greater, time(500)),
        ),
        (
            "create_time < 1970-01-01T00:00:02Z",
            is(4, Op::Less, time(2000)),
        ),
        (
            "start_date = 2026-01-31",
            is(5, Op::Equal, Value::Date("2026-01-31".into())),
        ),
        ("state = ACTIVE", is(6, Op::Equal, Value::Word("active"))),
        (
            "state:SUSPENDED",
            is(6, Op::Equal, Value::Word("suspended")),
        ),
        (
            &format!("unit = units/{id}"),
            is(7, Op::Equal, Value::Id(id)),
        ),
        (
            &format!("unit != \"units/{id}\""),
            is(7, Op::NotEqual, Value::Id(id)),
        ),
    ] {
        assert_eq!(read(filter), expected, "{filter}");
    }
}

fn faults(text: &str) -> Vec<String> {
    let faults = parse(text, &FIELDS).unwrap_err();
    assert!(faults.iter().all(|fault| fault.field == "filter"));
    let descriptions = faults.into_iter().map(|f| f.description.into_owned());
    descriptions.collect()
}

#[test]
fn faults_name_the_offending_piece() {
    let known = "display_name, floor, area_sqm, furnished, create_time, start_date, state, unit, \
                 address.city";
    let unknown = |name: &str| format!("has no field {name}; there are {known}");
    let long = "x".repeat(70);
    let shortened = unknown(&format!("`{}…`", "x".repeat(60)));
    for (text, expected) in [
        (
            "acme",
            "has `acme` without a comparison: name a field and a value",
        ),
        (
            "\"acme\"",
            "has `\"acme\"` without a comparison: name a field and a value",
        ),
        ("plan = free", &*unknown("`plan`")),
        (&format!("{long} = 1"), &*shortened),
        ("\"floor\" = 1", &*unknown("`\"floor\"`")),
        ("size(floor) = 1", "has the function `size`: there are none"),
        (
            "create_time > now()",
            "has the function `now`: there are none",
        ),
        (
            "floor = (1 OR 2)",
            "has parentheses around a value: `(1 OR 2)`",
        ),
        ("floor =", "has no value after `floor =`"),
        ("floor = AND floor = 1", "has no value after `floor =`"),
        ("(floor = 1", "lacks a closing parenthesis"),
        ("floor = 1)", "has `)` where a comparison should be"),
        ("()", "has `)` where a comparison should be"),
        ("floor = 1 AND", "ends where a comparison should be"),
        (
            "floor = 1 AND AND floor = 1",
            "has `AND` where a comparison should be",
        ),
        ("OR floor = 1", "has `OR` where a comparison should be"),
        (
            "NOT NOT floor = 1",
            "has `NOT` where a comparison should be",
        ),
        (
            "floor = 1 , floor = 2",
            "has `, floor = 2` where a comparison should be",
        ),
        ("display_name = \"a", "has no closing quote for `\"a`"),
        (
            r#"display_name = "a\x""#,
            r#"has an unknown escape at `\x"`"#,
        ),
        ("display_name = \"a\\", "has an unknown escape at `\\`"),
        ("display_name = \0", "has a NUL character"),
    ] {
        assert_eq!(faults(text), [expected], "{text}");
    }
}

#[test]
fn faults_say_what_a_field_takes() {
    for (text, expected) in [
        (
            "floor = 1.5",
            "`floor` cannot be `1.5`: it is a whole number",
        ),
        (
            "floor = 9223372036854775808",
            "`floor` cannot be `9223372036854775808`: it is a whole number",
        ),
        (
            "area_sqm = NaN",
            "`area_sqm` cannot be `NaN`: it is a number",
        ),
        (
            "area_sqm = 1e999",
            "`area_sqm` cannot be `1e999`: it is a number",
        ),
        (
            "furnished = yes",
            "`furnished` cannot be `yes`: it is `true` or `false`",
        ),
        (
            "furnished < true",
            "`furnished` compares only by `=`, `!=` and `:`",
        ),
        (
            "create_time > 2026-01-01",
            "`create_time` cannot be `2026-01-01`: it is a time such as \"2026-01-31T08:00:00Z\"",
        ),
        (
            "start_date = 2026-02-30",
            "`start_date` cannot be `2026-02-30`: it is a date such as \"2026-01-31\"",
        ),
        (
            "state = active",
            "`state` cannot be `active`: it is one of ACTIVE, SUSPENDED",
        ),
        (
            "state > ACTIVE",
            "`state` compares only by `=`, `!=` and `:`",
        ),
        (
            "unit = units/x",
            "`unit` cannot be `units/x`: it is a resource name",
        ),
        (
            "unit <= units/x",
            "`unit` compares only by `=`, `!=` and `:`",
        ),
    ] {
        assert_eq!(faults(text), [expected], "{text}");
    }
}

#[test]
fn wrong_fields_and_values_are_reported_together() {
    let faults = parse("plan = free OR floor = x AND (", &FIELDS).unwrap_err();
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn a_filter_is_bounded() {
    let nested = |depth| format!("{}floor=1{}", "(".repeat(depth), ")".repeat(depth));
    let many = |count| vec!["floor=1"; count].join(" ");
    let long = |bytes: usize| format!("display_name={}", "x".repeat(bytes - 13));
    for (fine, too_much, fault) in [
        (
            nested(10),
            nested(11),
            "has more than 10 nested parentheses",
        ),
        (many(50), many(51), "has more than 50 comparisons"),
        (long(2000), long(2001), "is longer than 2000 bytes"),
    ] {
        assert!(parse(&fine, &FIELDS).is_ok(), "{fine}");
        let faults = parse(&too_much, &FIELDS).unwrap_err();
        assert_eq!(faults[0].description, fault);
    }
}

/// Writes a condition as a caller would.
fn write(expr: &Expr) -> String {
    let inner = |expr: &Expr| match expr {
        Expr::Compare { .. } | Expr::Not(_) => write(expr),
        Expr::All(_) | Expr::Any(_) => format!("({})", write(expr)),
    };
    match expr {
        Expr::All(all) => all.iter().map(inner).collect::<Vec<_>>().join(" AND "),
        Expr::Any(any) => any.iter().map(inner).collect::<Vec<_>>().join(" OR "),
        Expr::Not(not) => match &**not {
            Expr::Compare { .. } => format!("-{}", write(not)),
            _ => format!("NOT ({})", write(not)),
        },
        Expr::Compare { column, op, value } => {
            let sign = match op {
                Op::Equal => "=",
                Op::NotEqual => "!=",
                Op::Less => "<",
                Op::AtMost => "<=",
                Op::Greater => ">",
                Op::AtLeast => ">=",
                Op::Has => ":",
            };
            format!("{} {sign} {}", FIELDS[*column].name, write_value(value))
        }
    }
}

fn write_value(value: &Value) -> String {
    let escape = |text: &str| {
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('*', "\\*")
    };
    match value {
        Value::Present => "*".to_owned(),
        Value::Text(text) => format!("\"{}\"", escape(text)),
        Value::Begins(text) => format!("\"{}*\"", escape(text)),
        Value::Ends(text) => format!("\"*{}\"", escape(text)),
        Value::Contains(text) => format!("\"*{}*\"", escape(text)),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Time(time) => OffsetDateTime::from(*time).format(&Rfc3339).unwrap(),
        Value::Date(date) => date.clone(),
        Value::Word(stored) => {
            let word = STATES.iter().find(|(_, other)| other == stored);
            word.unwrap().0.to_owned()
        }
        Value::Id(id) => format!("units/{id}"),
    }
}

fn comparison() -> BoxedStrategy<Expr> {
    let ordered = || {
        prop::sample::select(vec![
            Op::Equal,
            Op::NotEqual,
            Op::Less,
            Op::AtMost,
            Op::Greater,
            Op::AtLeast,
        ])
    };
    let equal = || prop::sample::select(vec![Op::Equal, Op::NotEqual]);
    let words = || "[a-z \"'\\\\*()ü=:-]{0,8}";
    // Millisecond steps, before and after the epoch.
    let time = (-60_000_000_000_000_i64..250_000_000_000_000).prop_map(|millis| {
        let distance = Duration::from_millis(millis.unsigned_abs());
        let negative = UNIX_EPOCH.checked_sub(distance).unwrap();
        Value::Time(if millis < 0 {
            negative
        } else {
            UNIX_EPOCH + distance
        })
    });
    let date = (1..10_000, 1..13, 1..29)
        .prop_map(|(year, month, day)| Value::Date(format!("{year:04}-{month:02}-{day:02}")));
    let pattern = words().prop_flat_map(|text| {
        prop::sample::select(vec![
            Value::Begins(text.clone()),
            Value::Ends(text.clone()),
            Value::Contains(text),
        ])
    });
    let pattern = pattern.prop_filter(
        "a single star is open at both ends",
        |value| !matches!(value, Value::Begins(text) | Value::Ends(text) if text.is_empty()),
    );
    let number = any::<f64>().prop_filter("finite", |number| number.is_finite());
    prop_oneof![
        (
            prop::sample::select(vec![0, 8]),
            ordered(),
            words().prop_map(Value::Text)
        ),
        (prop::sample::select(vec![0, 8]), equal(), pattern),
        (Just(0), Just(Op::Has), words().prop_map(Value::Text)),
        (0_usize..9, Just(Op::Has), Just(Value::Present)),
        (Just(1), ordered(), any::<i64>().prop_map(Value::Integer)),
        (Just(2), ordered(), number.prop_map(Value::Number)),
        (Just(3), equal(), any::<bool>().prop_map(Value::Flag)),
        (Just(4), ordered(), time),
        (Just(5), ordered(), date),
        (
            Just(6),
            equal(),
            prop::sample::select(vec![Value::Word("active"), Value::Word("suspended")])
        ),
        (
            Just(7),
            equal(),
            any::<u128>().prop_map(|id| Value::Id(Uuid::from_u128(id)))
        ),
    ]
    .prop_map(|(column, op, value)| is(column, op, value))
    .boxed()
}

fn condition() -> impl Strategy<Value = Expr> {
    comparison().prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Expr::All),
            vec(inner.clone(), 2..4).prop_map(Expr::Any),
            inner.prop_map(not),
        ]
    })
}

/// Pieces of filters, in any order.
fn soup() -> impl Strategy<Value = String> {
    let pieces = vec![
        "AND",
        "OR",
        "NOT",
        "-",
        "(",
        ")",
        "=",
        "!=",
        "<",
        ">=",
        ":",
        "*",
        "\"",
        "'",
        "\\",
        ",",
        ".",
        " ",
        "\n",
        "floor",
        "display_name",
        "state",
        "1",
        "ACTIVE",
        "x",
        "ü",
        "\0",
    ];
    vec(prop::sample::select(pieces), 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_condition_reads_back_as_it_was_written(expr in condition()) {
        let text = write(&expr);
        prop_assume!(text.len() <= MAX_BYTES);
        prop_assert_eq!(parse(&text, &FIELDS), Ok(Some(expr)), "{}", text);
    }

    #[test]
    fn no_text_makes_the_parser_fall(text in "\\PC{0,200}", soup in soup()) {
        for text in [text, soup] {
            for result in [parse(&text, &FIELDS).err(), order_by(&text, &FIELDS).err()] {
                for fault in result.into_iter().flatten() {
                    prop_assert!(!fault.description.is_empty());
                    prop_assert!(fault.description.chars().count() < 400);
                }
            }
        }
    }
}
