//! Checks a rule against the messages of its method.
//!
//! *Source*: `google/api/http.proto`, "Path template syntax" and "Rules for
//! HTTP mapping".

use std::sync::Arc;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};

use super::{
    field_path::{FieldPath, NoField},
    model::{Binding, Body},
};
use crate::{method::Method, rule::HttpRule, settings::JsonOptions, template::Template};

/// A binding that cannot be used: HTTP method and template, and what is wrong.
pub(crate) type BadRule = (String, String);

/// Compiles a rule with its additional bindings.
///
/// # Errors
/// Everything that is wrong with each of them.
pub(crate) fn compile(
    method: &Arc<Method>,
    descriptor: &MethodDescriptor,
    rule: &HttpRule,
    json: JsonOptions,
) -> Result<Vec<Binding>, Vec<BadRule>> {
    let mut bindings = Vec::new();
    let mut bad = Vec::new();
    for rule in std::iter::once(rule).chain(&rule.additional_bindings) {
        match one(method, descriptor, rule, json) {
            Ok(binding) => bindings.push(binding),
            Err(faults) => bad.extend(faults),
        }
    }
    for rule in &rule.additional_bindings {
        if !rule.additional_bindings.is_empty() {
            let what = "an additional binding has additional bindings of its own";
            bad.push((shown(rule), what.to_owned()));
        }
    }
    if bad.is_empty() {
        Ok(bindings)
    } else {
        Err(bad)
    }
}

/// Names a rule for a fault: HTTP method and template.
fn shown(rule: &HttpRule) -> String {
    let patterns = rule.patterns();
    let patterns = patterns
        .iter()
        .map(|(verb, template)| format!("{verb} {template}"));
    patterns.collect::<Vec<_>>().join(", ")
}

/// Compiles one rule without its additional bindings.
fn one(
    method: &Arc<Method>,
    descriptor: &MethodDescriptor,
    rule: &HttpRule,
    json: JsonOptions,
) -> Result<Binding, Vec<BadRule>> {
    let bad = |what: String| (shown(rule), what);
    let patterns = rule.patterns();
    let [(verb, template)] = patterns[..] else {
        let what = "a rule needs exactly one of get, put, post, delete, patch and custom";
        return Err(vec![bad(what.to_owned())]);
    };
    let mut faults = Vec::new();
    if verb != "*" && http::Method::from_bytes(verb.as_bytes()).is_err() {
        faults.push(bad(format!("`{verb}` is not an HTTP method")));
    }
    let (input, output) = (descriptor.input(), descriptor.output());
    let template = Template::parse(template).map_err(|what| vec![bad(what)])?;
    let mut variables = Vec::new();
    for variable in &template.variables {
        match path_variable(&input, &variable.path) {
            Ok(path) => variables.push(path),
            Err(what) => faults.push(bad(what)),
        }
    }
    let body = body(&input, &rule.body, &variables).unwrap_or_else(|what| {
        faults.push(bad(what));
        Body::None
    });
    let response_body = top_field(&output, &rule.response_body).unwrap_or_else(|what| {
        faults.push(bad(format!("response_body: {what}")));
        None
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    let update_mask = match (&body, verb) {
        (Body::Field(_), "PATCH") => only_mask(&input),
        _ => None,
    };
    Ok(Binding {
        method: Arc::clone(method),
        verb: verb.to_owned(),
        template,
        variables,
        body,
        response_body,
        input,
        output,
        update_mask,
        json,
        pool: descriptor.parent_pool().clone(),
    })
}

/// A variable must be a singular field of a primitive type.
fn path_variable(input: &MessageDescriptor, path: &str) -> Result<FieldPath, String> {
    let resolved = FieldPath::resolve(input, path, false).map_err(|error| match error {
        NoField::Unknown => {
            format!(
                "variable `{path}`: `{}` has no such field",
                input.full_name()
            )
        }
        NoField::Closed(what) => format!("variable `{path}` leads into {what}"),
    })?;
    let field = resolved.field();
    if field.is_map() {
        return Err(format!("variable `{path}` is a map"));
    }
    if field.is_list() {
        return Err(format!("variable `{path}` is repeated"));
    }
    if matches!(field.kind(), Kind::Message(_)) {
        return Err(format!("variable `{path}` is a message"));
    }
    Ok(resolved)
}

/// Finds what the body fills.
fn body(input: &MessageDescriptor, name: &str, variables: &[FieldPath]) -> Result<Body, String> {
    if name == "*" {
        return Ok(Body::Whole);
    }
    let field = top_field(input, name).map_err(|what| format!("body: {what}"))?;
    let Some(field) = field else {
        return Ok(Body::None);
    };
    if variables.iter().any(|variable| *variable.field() == field) {
        return Err(format!("body: the path binds `{name}` too"));
    }
    Ok(Body::Field(field))
}

/// Finds a field of the message itself; an empty name is none.
fn top_field(message: &MessageDescriptor, name: &str) -> Result<Option<FieldDescriptor>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    match message.get_field_by_name(name) {
        Some(field) => Ok(Some(field)),
        None => Err(format!(
            "`{}` has no field `{name}` at its top",
            message.full_name()
        )),
    }
}

/// Returns the message's field mask if it has exactly one.
fn only_mask(input: &MessageDescriptor) -> Option<FieldDescriptor> {
    let is_mask = |field: &FieldDescriptor| {
        let kind = field.kind();
        let message = kind.as_message();
        !field.is_list()
            && message.is_some_and(|message| message.full_name() == "google.protobuf.FieldMask")
    };
    let mut masks = input.fields().filter(is_mask);
    let mask = masks.next();
    mask.filter(|_| masks.next().is_none())
}
