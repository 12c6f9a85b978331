//! Filters as SQL.
//!
//! A comparison with null is null in SQL and untrue here; so `not` is written
//! `is not true`, and `!=` `is distinct from`.

use resido_proto::filter::{Expr, Kind, Op, Value};

use super::{
    ask::Column,
    bind::{Bind, cast},
    statement::Binds,
};

/// Returns the condition of a filter.
pub(super) fn sql(expr: &Expr, columns: &[Column], binds: &mut Binds) -> String {
    let mut joined = |exprs: &[Expr], word: &str| {
        let parts: Vec<_> = exprs.iter().map(|expr| sql(expr, columns, binds)).collect();
        format!("({})", parts.join(word))
    };
    match expr {
        Expr::All(exprs) if exprs.is_empty() => "true".to_owned(),
        Expr::Any(exprs) if exprs.is_empty() => "false".to_owned(),
        Expr::All(exprs) => joined(exprs, " and "),
        Expr::Any(exprs) => joined(exprs, " or "),
        Expr::Not(expr) => format!("({} is not true)", sql(expr, columns, binds)),
        Expr::Compare { column, op, value } => match columns.get(*column) {
            Some(column) => comparison(column, *op, value, binds),
            // No filter that was read against these columns.
            None => "false".to_owned(),
        },
    }
}

fn comparison(column: &Column, op: Op, value: &Value, binds: &mut Binds) -> String {
    let sql = column.sql;
    let (bind, pattern) = match value {
        Value::Present => {
            return match column.kind {
                Kind::Text => format!("(({sql}) <> '')"),
                // Where a list is ordered by it, infinity stands for none.
                Kind::Time | Kind::Date => format!("isfinite({sql})"),
                _ => format!("(({sql}) is not null)"),
            };
        }
        Value::Text(text) if op == Op::Has => (like("%", text, "%"), Some("ilike")),
        Value::Begins(text) => (like("", text, "%"), Some("like")),
        Value::Ends(text) => (like("%", text, ""), Some("like")),
        Value::Contains(text) => (like("%", text, "%"), Some("like")),
        Value::Text(text) | Value::Date(text) => (text.clone().into(), None),
        Value::Word(stored) => ((*stored).to_owned().into(), None),
        Value::Integer(number) => (Bind::Integer(*number), None),
        Value::Number(number) => (Bind::Number(*number), None),
        Value::Flag(flag) => (Bind::Flag(*flag), None),
        Value::Time(time) => (Bind::Time(*time), None),
        Value::Id(id) => (Bind::Id(*id), None),
    };
    let value = format!("${}::{}", binds.add(bind), cast(column.kind));
    if let Some(pattern) = pattern {
        let matches = format!("(({sql}) {pattern} {value})");
        return if op == Op::NotEqual {
            format!("({matches} is not true)")
        } else {
            matches
        };
    }
    let sign = match op {
        Op::Equal | Op::Has => "=",
        Op::NotEqual => "is distinct from",
        Op::Less => "<",
        Op::AtMost => "<=",
        Op::Greater => ">",
        Op::AtLeast => ">=",
    };
    let by_bytes = matches!(op, Op::Less | Op::AtMost | Op::Greater | Op::AtLeast)
        && matches!(column.kind, Kind::Text);
    let collation = if by_bytes { r#" collate "C""# } else { "" };
    format!("(({sql}){collation} {sign} {value}{collation})")
}

/// Returns a pattern in which the text stands for itself.
fn like(before: &str, text: &str, after: &str) -> Bind {
    let mut pattern = before.to_owned();
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push_str(after);
    Bind::Text(pattern)
}
