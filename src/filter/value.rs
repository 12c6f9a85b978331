//! A comparison in the type of its field.

use super::{
    expr::{Op, Value},
    field::{Kind, piece},
    moment,
    scan::{Literal, Open},
};

/// Reads a value for a field of a kind.
///
/// # Errors
/// What is wrong with the comparison.
pub(super) fn read(kind: Kind, op: Op, literal: Literal) -> Result<(Op, Value), String> {
    let anything = literal.open == Open::Both && literal.core().is_empty();
    if op == Op::Has && anything {
        return Ok((op, Value::Present));
    }
    if let Kind::Text = kind {
        return Ok((op, text(op, literal)));
    }
    let ordered = matches!(kind, Kind::Integer | Kind::Number | Kind::Time | Kind::Date);
    let op = match op {
        Op::Has => Op::Equal,
        Op::Less | Op::AtMost | Op::Greater | Op::AtLeast if !ordered => {
            return Err("compares only by `=`, `!=` and `:`".to_owned());
        }
        op => op,
    };
    match scalar(kind, &literal.text) {
        Some(value) => Ok((op, value)),
        None => {
            let text = piece(&literal.text);
            Err(format!("cannot be {text}: it {}", wants(kind)))
        }
    }
}

fn text(op: Op, literal: Literal) -> Value {
    let core = literal.core().to_owned();
    match (op, literal.open) {
        // It looks anywhere: a star at either end says nothing more.
        (Op::Has, _) => Value::Text(core),
        (Op::Equal | Op::NotEqual, Open::Start) => Value::Ends(core),
        (Op::Equal | Op::NotEqual, Open::End) => Value::Begins(core),
        (Op::Equal | Op::NotEqual, Open::Both) => Value::Contains(core),
        _ => Value::Text(literal.text),
    }
}

fn scalar(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Text => Some(Value::Text(text.to_owned())),
        Kind::Integer => text.parse().ok().map(Value::Integer),
        Kind::Number => text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .map(Value::Number),
        Kind::Flag => text.parse().ok().map(Value::Flag),
        Kind::Time => moment::time(text).map(Value::Time),
        Kind::Date => moment::date(text).map(Value::Date),
        Kind::Word(words) => words
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, stored)| Value::Word(stored)),
        Kind::Id(read) => read(text).map(Value::Id),
    }
}

fn wants(kind: Kind) -> String {
    match kind {
        Kind::Text => "is text".to_owned(),
        Kind::Integer => "is a whole number".to_owned(),
        Kind::Number => "is a number".to_owned(),
        Kind::Flag => "is `true` or `false`".to_owned(),
        Kind::Time => "is a time such as \"2026-01-31T08:00:00Z\"".to_owned(),
        Kind::Date => "is a date such as \"2026-01-31\"".to_owned(),
        Kind::Word(words) => {
            let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
            format!("is one of {}", names.join(", "))
        }
        Kind::Id(_) => "is a resource name".to_owned(),
    }
}
