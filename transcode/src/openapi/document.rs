//! Puts the document together.
//!
//! *Source*: the OpenAPI Specification 3.1.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    info::{OpenApiInfo, Visibility},
    operation::operation,
    paths::Paths,
    schema::{Schemas, describe as add_description},
};
use crate::{binding::Binding, method::Method};

/// The HTTP methods that OpenAPI 3.1 has a place for.
const VERBS: [&str; 8] = [
    "GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE",
];

/// Describes bindings.
pub(crate) fn describe(
    bindings: &[Arc<Binding>],
    info: &OpenApiInfo,
    access: &dyn Fn(&Method) -> Visibility,
) -> Value {
    let mut schemas = Schemas::default();
    let mut paths = Paths::default();
    let mut items: Map<String, Value> = Map::new();
    let mut ids = BTreeSet::new();
    let mut tags: Map<String, Value> = Map::new();
    for binding in bindings {
        let visibility = access(&binding.method);
        let listed = VERBS.contains(&binding.verb.as_str());
        if visibility == Visibility::Hidden || !listed {
            continue;
        }
        let path = paths.path(&binding.template);
        let verb = binding.verb.to_lowercase();
        let item = items.entry(path.text.clone()).or_insert_with(|| json!({}));
        // The gateway tells patterns of one shape apart, OpenAPI does not: the
        // first stands for all.
        let Some(item) = item
            .as_object_mut()
            .filter(|item| !item.contains_key(&verb))
        else {
            continue;
        };
        let id = unique_id(&mut ids, &binding.method);
        let described = operation(binding, &path, id, visibility, &mut schemas);
        item.insert(verb, described);
        if !tags.contains_key(&binding.method.service) {
            let tag = tag(binding, &mut schemas);
            tags.insert(binding.method.service.clone(), tag);
        }
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": head(info),
        "tags": tags.into_iter().map(|(_, tag)| tag).collect::<Vec<_>>(),
        "paths": items,
        "components": components(schemas),
    });
    if !info.servers.is_empty() {
        let servers = info.servers.iter().map(|url| json!({"url": url}));
        document["servers"] = servers.collect();
    }
    document
}

/// Makes the `info` object.
fn head(info: &OpenApiInfo) -> Value {
    let mut head = Map::new();
    head.insert("title".to_owned(), json!(info.title));
    head.insert("version".to_owned(), json!(info.version));
    add_description(&mut head, info.description.clone());
    head.into()
}

/// Makes the tag of a service.
fn tag(binding: &Binding, schemas: &mut Schemas) -> Value {
    let mut tag = Map::new();
    tag.insert("name".to_owned(), json!(binding.method.service));
    if let Some(service) = binding.pool.get_service_by_name(&binding.method.service) {
        let source = binding.method.source;
        let comment = schemas
            .comments
            .of(source, &service.parent_file(), service.path());
        add_description(&mut tag, comment);
    }
    tag.into()
}

/// Names an operation `Service_Method`, with a number from the second binding
/// on.
fn unique_id(ids: &mut BTreeSet<String>, method: &Method) -> String {
    let service = method.service.rsplit('.').next().unwrap_or_default();
    let plain = format!("{service}_{}", method.name);
    let numbered = (2_usize..).map(|number| format!("{plain}_{number}"));
    let id = std::iter::once(plain.clone())
        .chain(numbered)
        .find(|id| !ids.contains(id))
        .unwrap_or_else(|| plain.clone());
    ids.insert(id.clone());
    id
}

/// Makes everything that operations refer to.
fn components(schemas: Schemas) -> Value {
    let mut made = schemas.finish();
    // What every error looks like, whatever a proto of that name says.
    made.insert(
        "google.rpc.Status".to_owned(),
        json!({
            "type": "object",
            "description": "What went wrong.",
            "properties": {
                "code": {"type": "integer", "format": "int32", "description": "The gRPC code."},
                "message": {"type": "string", "description": "For a person."},
                "details": {
                    "type": "array",
                    "description": "The first is a google.rpc.ErrorInfo with the reason.",
                    "items": {
                        "type": "object",
                        "properties": {"@type": {"type": "string"}},
                        "additionalProperties": true,
                    },
                },
            },
        }),
    );
    json!({
        "schemas": made,
        "responses": {"Error": {
            "description": "The method failed.",
            "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/google.rpc.Status"},
            }},
        }},
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        },
    })
}
