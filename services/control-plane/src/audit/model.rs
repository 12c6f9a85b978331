//! A row of the record as callers read it.

use std::time::SystemTime;

use prost_types::{ListValue, Struct, Value as ProtoValue, value::Kind};
use resido_proto::{identity_api::v1 as proto, ids::TenantId};
use serde_json::Value;

/// A row of the record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) at: SystemTime,
    pub(super) actor: String,
    pub(super) behalf_of: Option<String>,
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) tenant: Option<TenantId>,
    pub(super) request_id: String,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

impl From<Row> for proto::AuditEvent {
    fn from(row: Row) -> Self {
        Self {
            name: format!("audit-events/{}", row.id),
            event_time: Some(row.at.into()),
            actor: row.actor,
            behalf_of: row.behalf_of.unwrap_or_default(),
            action: row.action,
            resource: row.resource,
            tenant: row.tenant.map_or_else(String::new, |id| id.resource_name()),
            request_id: row.request_id,
            before: row.before.and_then(fields),
            after: row.after.and_then(fields),
        }
    }
}

/// Returns an object's fields; nothing where it is none.
fn fields(value: Value) -> Option<Struct> {
    let Value::Object(object) = value else {
        return None;
    };
    let fields = object.into_iter().map(|(name, value)| (name, proto(value)));
    Some(Struct {
        fields: fields.collect(),
    })
}

fn proto(value: Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.into_iter().map(proto).collect(),
        }),
        value @ Value::Object(_) => Kind::StructValue(fields(value).unwrap_or_default()),
    };
    ProtoValue { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row() -> Row {
        Row {
            id: 7,
            at: SystemTime::UNIX_EPOCH,
            actor: "users/1".into(),
            behalf_of: None,
            action: "tenants.suspend".into(),
            resource: "tenants/2".into(),
            tenant: None,
            request_id: String::new(),
            before: None,
            after: Some(json!({"a": [1, null, {"b": true}], "c": "x"})),
        }
    }

    #[test]
    fn values_keep_their_shape() {
        let event = proto::AuditEvent::from(row());
        assert_eq!(event.name, "audit-events/7");
        assert_eq!((event.before, event.tenant.as_str()), (None, ""));
        let after = event.after.unwrap().fields;
        assert_eq!(after["c"].kind, Some(Kind::StringValue("x".into())));
        let Some(Kind::ListValue(list)) = &after["a"].kind else {
            panic!("{after:?}")
        };
        let kinds: Vec<_> = list.values.iter().map(|value| &value.kind).collect();
        assert_eq!(kinds[0], &Some(Kind::NumberValue(1.0)));
        assert_eq!(kinds[1], &Some(Kind::NullValue(0)));
        let inner = Struct {
            fields: [(
                "b".to_owned(),
                ProtoValue {
                    kind: Some(Kind::BoolValue(true)),
                },
            )]
            .into(),
        };
        assert_eq!(kinds[2], &Some(Kind::StructValue(inner)));
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        for value in [json!(null), json!([1]), json!("x")] {
            assert_eq!(fields(value), None);
        }
    }
}
