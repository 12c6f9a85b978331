//! Where in a text the objects with `@type` are.
//!
//! The type may stand anywhere in its object, and such objects inside one
//! another; looking through each of them when it is met would read the inner
//! ones again at every level. One walk over the whole text finds them all.

use std::collections::HashMap;

use super::lex::{Lexer, Peek, SyntaxError};

/// The `@type` of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AnyType {
    /// The text of its only `@type`.
    Url(String),
    /// It is there more than once.
    Twice,
    /// It is something else than a string.
    NotText,
}

/// Types by the offset of their object.
pub(super) type AnyTypes = HashMap<usize, AnyType>;

/// Finds every object with `@type`.
///
/// # Errors
/// If the text is not JSON.
pub(super) fn find(text: &str) -> Result<AnyTypes, SyntaxError> {
    let mut types = AnyTypes::new();
    walk(&mut Lexer::new(text), &mut types)?;
    Ok(types)
}

fn walk(lex: &mut Lexer<'_>, types: &mut AnyTypes) -> Result<(), SyntaxError> {
    let start = lex.offset();
    let mut first = true;
    match lex.peek()? {
        Peek::Object => {
            lex.enter()?;
            while let Some(key) = lex.next_key(&mut first)? {
                if key != "@type" {
                    walk(lex, types)?;
                    continue;
                }
                let found = match lex.peek()? {
                    Peek::String => AnyType::Url(lex.string()?.into_owned()),
                    _ => {
                        lex.skip_value()?;
                        AnyType::NotText
                    }
                };
                types
                    .entry(start)
                    .and_modify(|known| *known = AnyType::Twice)
                    .or_insert(found);
            }
        }
        Peek::Array => {
            lex.enter()?;
            while lex.next_element(&mut first)? {
                walk(lex, types)?;
            }
        }
        _ => lex.skip_value()?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_at_its_object() {
        let text = r#" {"a": [{"x": 1, "@type": "t/A"}, {"@type": 1}],
            "@type": "t/B", "b": {"@type": "c", "@type": "d"}, "e": {}}"#;
        let types = find(text).unwrap();
        let mut found: Vec<_> = types.into_iter().collect();
        found.sort_by_key(|(at, _)| *at);
        let places: Vec<_> = found.iter().map(|(at, _)| &text[*at..=*at]).collect();
        assert_eq!(places, ["{"; 4]);
        let kinds: Vec<_> = found.into_iter().map(|(_, kind)| kind).collect();
        let url = |text: &str| AnyType::Url(text.into());
        assert_eq!(
            kinds,
            [url("t/B"), url("t/A"), AnyType::NotText, AnyType::Twice]
        );
    }

    #[test]
    fn what_is_not_json_has_no_types() {
        assert!(find("{\"@type\": }").is_err());
        assert!(find(&"[".repeat(100)).is_err());
        assert!(find("[]").unwrap().is_empty());
    }
}
