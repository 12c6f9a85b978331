//! One binding as an operation.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use serde_json::{Map, Value, json};

use super::{
    info::Visibility,
    paths::OpenPath,
    schema::{Schemas, describe, field_name, is_required},
};
use crate::{
    binding::{Binding, Body},
    json::{Known, has_text_form},
    template::Segment,
};

/// Parameters for fields of messages inside messages end at this depth; the
/// gateway itself reaches deeper.
const MAX_QUERY_DEPTH: usize = 4;

/// Makes the operation of a binding.
pub(super) fn operation(
    binding: &Binding,
    path: &OpenPath,
    id: String,
    visibility: Visibility,
    schemas: &mut Schemas,
) -> Value {
    let mut operation = Map::new();
    let source = binding.method.source;
    operation.insert("operationId".to_owned(), id.into());
    operation.insert("tags".to_owned(), json!([binding.method.service]));
    if let Some(method) = descriptor(binding) {
        let comment = schemas
            .comments
            .of(source, &method.parent_file(), method.path());
        describe(&mut operation, comment);
        if method
            .method_descriptor_proto()
            .options
            .as_ref()
            .is_some_and(|options| options.deprecated())
        {
            operation.insert("deprecated".to_owned(), json!(true));
        }
    }
    let mut parameters = path_parameters(binding, path, schemas);
    parameters.extend(query_parameters(binding, schemas));
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(body) = request_body(binding, schemas) {
        operation.insert("requestBody".to_owned(), body);
    }
    let answers = json!({
        "200": {"description": "The method succeeded.", "content": response(binding, schemas)},
        "default": {"$ref": "#/components/responses/Error"},
    });
    operation.insert("responses".to_owned(), answers);
    let security = match visibility {
        Visibility::Authenticated => json!([{"bearer": []}, {"apiKey": []}]),
        Visibility::Anonymous | Visibility::Hidden => json!([]),
    };
    operation.insert("security".to_owned(), security);
    operation.into()
}

/// Finds the method in its descriptors again.
fn descriptor(binding: &Binding) -> Option<MethodDescriptor> {
    let service = binding.pool.get_service_by_name(&binding.method.service)?;
    let mut methods = service.methods();
    methods.find(|method| method.name() == binding.method.name)
}

/// Makes a parameter of each wildcard of the path.
fn path_parameters(binding: &Binding, path: &OpenPath, schemas: &mut Schemas) -> Vec<Value> {
    let mut parameters = Vec::new();
    for (name, index) in &path.parameters {
        let variables = binding.template.variables.iter().zip(&binding.variables);
        let mut covering =
            variables.filter(|(variable, _)| (variable.start..variable.end).contains(index));
        let covering = covering.next();
        // Only a variable of one segment has the type of its field.
        let schema = match covering {
            Some((variable, field)) if variable.end - variable.start == 1 => {
                schemas.field(binding.method.source, binding.json, field.field())
            }
            _ => json!({"type": "string"}),
        };
        let many = binding.template.segments.get(*index) == Some(&Segment::DoubleStar);
        let description = match (covering, many) {
            (_, true) => "Any number of segments with slashes between.".to_owned(),
            (Some((_, field)), false) => format!("Part of `{}`.", field.text),
            (None, false) => "Any one segment.".to_owned(),
        };
        parameters.push(json!({
            "name": name, "in": "path", "required": true,
            "description": description, "schema": schema,
        }));
    }
    parameters
}

/// Makes a parameter of each field that a query may give.
fn query_parameters(binding: &Binding, schemas: &mut Schemas) -> Vec<Value> {
    let mut found = Vec::new();
    if binding.body != Body::Whole {
        let mut walk = Walk {
            binding,
            schemas,
            parameters: &mut found,
        };
        walk.message(&binding.input, "", "", 0);
    }
    found
}

/// A walk over the fields of a request.
struct Walk<'w> {
    binding: &'w Binding,
    schemas: &'w mut Schemas,
    parameters: &'w mut Vec<Value>,
}

impl Walk<'_> {
    /// Adds every leaf of a message that is not in path or body. `path` is in
    /// proto names, `shown` as a client writes it.
    fn message(&mut self, message: &MessageDescriptor, path: &str, shown: &str, depth: usize) {
        for field in message.fields() {
            let in_body = matches!(&self.binding.body, Body::Field(body) if *body == field);
            let path = format!("{path}{}", field.name());
            let shown = format!("{shown}{}", field_name(self.binding.json, &field));
            let bound = self
                .binding
                .variables
                .iter()
                .any(|bound| bound.text == path);
            if in_body || bound || field.is_map() {
                continue;
            }
            let kind = field.kind();
            match &kind {
                Kind::Message(inner) if field.is_list() || Known::of(inner).is_some() => {
                    if !field.is_list() && has_text_form(&kind) {
                        self.leaf(&field, &shown, depth);
                    }
                }
                Kind::Message(inner) if depth < MAX_QUERY_DEPTH && inner != message => {
                    let (path, shown) = (format!("{path}."), format!("{shown}."));
                    self.message(inner, &path, &shown, depth + 1);
                }
                Kind::Message(_) => {}
                _ => self.leaf(&field, &shown, depth),
            }
        }
    }

    /// Adds the parameter of a field that has a text form.
    fn leaf(&mut self, field: &FieldDescriptor, shown: &str, depth: usize) {
        let source = self.binding.method.source;
        let schema = self.schemas.field(source, self.binding.json, field);
        let file = field.parent_message().parent_file();
        let comment = self.schemas.comments.of(source, &file, field.path());
        let mut parameter = Map::new();
        parameter.insert("name".to_owned(), json!(shown));
        parameter.insert("in".to_owned(), json!("query"));
        describe(&mut parameter, comment);
        if depth == 0 && is_required(field) {
            parameter.insert("required".to_owned(), json!(true));
        }
        if field.is_list() {
            parameter.insert("style".to_owned(), json!("form"));
            parameter.insert("explode".to_owned(), json!(true));
        }
        parameter.insert("schema".to_owned(), schema);
        self.parameters.push(parameter.into());
    }
}

/// Says what the body holds, if there is one.
fn request_body(binding: &Binding, schemas: &mut Schemas) -> Option<Value> {
    let source = binding.method.source;
    let content = match &binding.body {
        Body::None => return None,
        _ if binding.raw_request() => json!({"*/*": {"schema": {}}}),
        Body::Whole => {
            let schema = schemas.message(source, binding.json, &binding.input);
            media(binding.method.client_streaming, &schema)
        }
        Body::Field(field) => {
            let schema = schemas.field(source, binding.json, field);
            media(binding.method.client_streaming, &schema)
        }
    };
    Some(json!({"content": content}))
}

/// Says how one message stands in JSON, or a stream of them.
fn media(streams: bool, schema: &Value) -> Value {
    if streams {
        json!({
            "application/x-ndjson": {"schema": schema},
            "application/json": {"schema": {"type": "array", "items": schema}},
        })
    } else {
        json!({"application/json": {"schema": schema}})
    }
}

/// Says what a success holds, by media type.
fn response(binding: &Binding, schemas: &mut Schemas) -> Value {
    let source = binding.method.source;
    if binding.raw_response() {
        return json!({"*/*": {"schema": {}}});
    }
    let schema = match &binding.response_body {
        None => schemas.message(source, binding.json, &binding.output),
        Some(field) => schemas.field(source, binding.json, field),
    };
    media(binding.method.server_streaming, &schema)
}
