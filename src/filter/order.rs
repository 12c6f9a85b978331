//! The order of a list, as a caller asks for it.

use super::{
    field::{Field, find, piece, unknown},
    parser::MAX_BYTES,
};
use crate::error::Violation;

/// Fields of an order at most.
pub const MAX_KEYS: usize = 5;

/// Which way a field is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Small values first.
    Ascending,
    /// Great values first.
    Descending,
}

/// A field of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Place of the field among those the list declares.
    pub column: usize,
    /// Which way.
    pub direction: Direction,
}

/// Reads an order such as `display_name desc, create_time`; empty for none.
///
/// # Errors
/// Violations of `order_by`: every part that is wrong.
pub fn order_by(text: &str, fields: &[Field]) -> Result<Vec<Term>, Vec<Violation>> {
    let violation = |fault: String| Violation::new("order_by", fault);
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    if text.len() > MAX_BYTES {
        return Err(vec![violation(format!("is longer than {MAX_BYTES} bytes"))]);
    }
    if text.split(',').count() > MAX_KEYS {
        return Err(vec![violation(format!("has more than {MAX_KEYS} fields"))]);
    }
    let (mut terms, mut faults) = (Vec::<Term>::new(), Vec::new());
    for part in text.split(',') {
        match term(part, fields) {
            Ok(term) if terms.iter().any(|other| other.column == term.column) => {
                faults.push(violation(format!("has {} twice", piece(part.trim()))));
            }
            Ok(term) => terms.push(term),
            Err(fault) => faults.push(violation(fault)),
        }
    }
    if faults.is_empty() {
        Ok(terms)
    } else {
        Err(faults)
    }
}

fn term(part: &str, fields: &[Field]) -> Result<Term, String> {
    let words: Vec<_> = part.split_whitespace().collect();
    let (name, direction) = match *words.as_slice() {
        [name] | [name, "asc"] => (name, Direction::Ascending),
        [name, "desc"] => (name, Direction::Descending),
        [] => return Err("has an empty part between commas".to_owned()),
        _ => {
            let part = piece(part.trim());
            return Err(format!(
                "has {part}, which is not a field and `asc` or `desc`"
            ));
        }
    };
    let sorted = || fields.iter().filter(|field| field.sort);
    let column = find(fields, name)
        .filter(|column| fields[*column].sort)
        .ok_or_else(|| unknown(name, sorted().map(|field| field.name)))?;
    Ok(Term { column, direction })
}

#[cfg(test)]
mod tests {
    use super::{
        Direction::{Ascending, Descending},
        *,
    };
    use crate::filter::Kind;

    const fn field(name: &'static str, sort: bool) -> Field {
        Field {
            name,
            kind: Kind::Text,
            sort,
        }
    }
    const FIELDS: [Field; 7] = [
        field("display_name", true),
        field("create_time", true),
        field("note", false),
        field("a", true),
        field("b", true),
        field("c", true),
        field("d", true),
    ];

    #[test]
    fn an_order_names_fields_and_directions() {
        for (text, expected) in [
            ("", vec![]),
            ("  ", vec![]),
            ("display_name", vec![(0, Ascending)]),
            (
                " displayName   desc ,create_time asc",
                vec![(0, Descending), (1, Ascending)],
            ),
            (
                "a,b,c,d,create_time",
                vec![
                    (3, Ascending),
                    (4, Ascending),
                    (5, Ascending),
                    (6, Ascending),
                    (1, Ascending),
                ],
            ),
        ] {
            let terms = order_by(text, &FIELDS).unwrap();
            let terms: Vec<_> = terms.iter().map(|t| (t.column, t.direction)).collect();
            assert_eq!(terms, expected, "{text}");
        }
    }

    #[test]
    fn every_wrong_part_is_reported() {
        let long = "a".repeat(MAX_BYTES + 1);
        for (text, expected) in [
            (
                "note, x desc",
                vec![
                    "has no field `note`; there are display_name, create_time, a, b, c, d",
                    "has no field `x`; there are display_name, create_time, a, b, c, d",
                ],
            ),
            (
                "create_time, createTime desc",
                vec!["has `createTime desc` twice"],
            ),
            (
                "a DESC",
                vec!["has `a DESC`, which is not a field and `asc` or `desc`"],
            ),
            ("a,", vec!["has an empty part between commas"]),
            (
                "a,b,c,d,create_time,display_name",
                vec!["has more than 5 fields"],
            ),
            (&long, vec!["is longer than 2000 bytes"]),
        ] {
            let faults = order_by(text, &FIELDS).unwrap_err();
            assert!(faults.iter().all(|fault| fault.field == "order_by"));
            let faults: Vec<_> = faults.iter().map(|f| &*f.description).collect();
            assert_eq!(faults, expected, "{text}");
        }
    }
}
