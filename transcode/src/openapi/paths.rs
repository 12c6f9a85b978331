//! Templates of gRPC as paths of OpenAPI.
//!
//! OpenAPI knows one variable a segment and forbids two paths that differ in
//! names of variables alone, so a pattern is spelled out, its wildcards named
//! after the collection before them, and names are shared between paths of the
//! same shape: `/v1/{name=leases/*/documents/*}` becomes
//! `/v1/leases/{lease}/documents/{document}`.

use std::collections::HashMap;

use crate::template::{Segment, Template};

/// The paths seen so far, by their shape.
#[derive(Debug, Default)]
pub(super) struct Paths {
    by_shape: HashMap<String, OpenPath>,
}

/// A path of OpenAPI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenPath {
    /// With `{…}` for its parameters.
    pub(super) text: String,
    /// Its parameters from left to right: name, and the index of the segment.
    pub(super) parameters: Vec<(String, usize)>,
}

impl Paths {
    /// Turns a template into a path.
    pub(super) fn path(&mut self, template: &Template) -> OpenPath {
        let shape = spell(template, |_| "*".to_owned());
        let path = self.by_shape.entry(shape);
        path.or_insert_with(|| {
            let mut parameters: Vec<(String, usize)> = Vec::new();
            let text = spell(template, |index| {
                let mut name = parameter_name(template, index);
                let taken = |name: &str| parameters.iter().any(|(other, _)| other == name);
                while taken(&name) {
                    name.push('_');
                }
                parameters.push((name.clone(), index));
                name
            });
            OpenPath { text, parameters }
        })
        .clone()
    }
}

/// Spells a template with a name for each wildcard.
fn spell(template: &Template, mut name: impl FnMut(usize) -> String) -> String {
    let mut text = String::new();
    for (index, segment) in template.segments.iter().enumerate() {
        text.push('/');
        match segment {
            Segment::Literal(literal) | Segment::VariableLiteral(literal) => {
                text.push_str(&encode(literal));
            }
            Segment::Star | Segment::DoubleStar => {
                text.push('{');
                text.push_str(&name(index));
                text.push('}');
            }
        }
    }
    if let Some(verb) = &template.verb {
        text.push(':');
        text.push_str(&encode(verb));
    }
    text
}

/// Writes a literal as it stands in a path.
fn encode(literal: &str) -> String {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
    const RESERVED: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'/')
        .add(b'<')
        .add(b'>')
        .add(b'?')
        .add(b'`')
        .add(b'{')
        .add(b'}');
    utf8_percent_encode(literal, RESERVED).to_string()
}

/// Names a wildcard: after the field if the variable is nothing else, else after
/// the collection before it.
fn parameter_name(template: &Template, index: usize) -> String {
    let variable = template
        .variables
        .iter()
        .find(|variable| (variable.start..variable.end).contains(&index));
    if let Some(variable) = variable
        && variable.end - variable.start == 1
    {
        return variable.path.clone();
    }
    let before = index
        .checked_sub(1)
        .and_then(|at| template.segments.get(at));
    match before {
        Some(Segment::Literal(text) | Segment::VariableLiteral(text)) => singular(text),
        _ => format!("part{}", index + 1),
    }
}

/// Turns `work-orders` into `work_order` and `properties` into `property`.
fn singular(collection: &str) -> String {
    let name: String = collection
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if let Some(stem) = name.strip_suffix("ies") {
        return format!("{stem}y");
    }
    match name.strip_suffix('s') {
        Some(stem) if !stem.is_empty() && !stem.ends_with('s') => stem.to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p2_patterns_are_spelled_out() {
        let mut paths = Paths::default();
        let mut check = |template: &str, expected: &str| {
            let template = Template::parse(template).unwrap();
            assert_eq!(paths.path(&template).text, expected);
        };
        check(
            "/v1/{name=leases/*/documents/*}:download",
            "/v1/leases/{lease}/documents/{document}:download",
        );
        check("/v1/{id}", "/v1/{id}");
        check("/v1/{a.b}/x", "/v1/{a.b}/x");
        check("/v1/{name=properties/*}", "/v1/properties/{property}");
        // The same shape keeps the first names.
        check("/v1/properties/{property_id}", "/v1/properties/{property}");
        check("/v1/{name=work-orders/*}", "/v1/work-orders/{work_order}");
        check("/v1/{name=a/*/a/*}", "/v1/a/{a}/a/{a_}");
        check("/v1/files/{path=**}", "/v1/files/{path}");
        check("/v1/address/*/*", "/v1/address/{address}/{part4}");
        check("/v1/a%20b/*", "/v1/a%20b/{a_b}");
    }
}
