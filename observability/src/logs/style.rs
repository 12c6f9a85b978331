//! How a log line looks: JSON for programs, or a short form for people.

use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tracing::Level;

/// What a short line leaves out: it is in the JSON form, and in the trace.
const LEFT_OUT: [&str; 8] = [
    "trace_id",
    "rpc.system",
    "rpc.grpc.status_code",
    "error.type",
    "user.id",
    "peer.service",
    "db.system.name",
    "db.response.status_code",
];

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// One JSON object.
    Json,
    /// For people, in plain text.
    Plain,
    /// For people, in colour.
    Coloured,
}

/// What a line says.
pub(crate) struct Line<'a> {
    pub(crate) time: OffsetDateTime,
    pub(crate) level: Level,
    pub(crate) target: &'a str,
    pub(crate) fields: Map<String, Value>,
}

impl Style {
    /// Writes a line, with its end.
    pub(crate) fn write(self, line: Line<'_>) -> String {
        match self {
            Self::Json => json(line),
            Self::Plain => short(line, false),
            Self::Coloured => short(line, true),
        }
    }
}

fn json(line: Line<'_>) -> String {
    let mut fields = line.fields;
    let time = line.time.format(&Rfc3339).unwrap_or_default();
    fields.insert("timestamp".into(), time.into());
    fields.insert("level".into(), line.level.as_str().into());
    fields.insert("target".into(), line.target.into());
    let mut text = Value::Object(fields).to_string();
    text.push('\n');
    text
}

/// Writes `12:00:01 INFO  message key=value`, and of an answered request its
/// method, path, status, reason and time in place of the message.
fn short(mut line: Line<'_>, coloured: bool) -> String {
    let fields = &mut line.fields;
    LEFT_OUT.iter().for_each(|name| drop(fields.remove(*name)));
    let mut words = vec![access(fields).unwrap_or_else(|| take(fields, "message"))];
    for (name, value) in fields.iter() {
        words.push(format!("{name}={}", shown(value)));
    }
    words.retain(|word| !word.is_empty());
    let (hour, minute, second) = line.time.to_hms();
    let (paint, plain) = match line.level {
        Level::ERROR if coloured => ("\x1b[31m", "\x1b[0m"),
        Level::WARN if coloured => ("\x1b[33m", "\x1b[0m"),
        Level::INFO if coloured => ("\x1b[32m", "\x1b[0m"),
        _ => ("", ""),
    };
    let (level, text) = (line.level.as_str(), words.join(" "));
    format!("{hour:02}:{minute:02}:{second:02} {paint}{level:5}{plain} {text}\n")
}

/// Takes what tells of an answered request out of the fields.
fn access(fields: &mut Map<String, Value>) -> Option<String> {
    fields.get("http.response.status_code")?;
    let method = take(fields, "http.request.method");
    let (service, name) = (take(fields, "rpc.service"), take(fields, "rpc.method"));
    let (route, path) = (take(fields, "http.route"), take(fields, "url.path"));
    let place = match (route.is_empty(), path.is_empty()) {
        (false, _) => route,
        (true, false) => path,
        (true, true) => format!("/{service}/{name}"),
    };
    let status = take(fields, "http.response.status_code");
    let reason = take(fields, "error.reason");
    let time = take(fields, "duration_ms");
    fields.remove("message");
    let words = [method, place, status, reason, format!("{time} ms")];
    Some(
        words
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" "),
    )
}

fn take(fields: &mut Map<String, Value>, name: &str) -> String {
    fields
        .remove(name)
        .map(|value| shown(&value))
        .unwrap_or_default()
}

/// Returns a value without anything that could end the line or steer a terminal.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().any(char::is_control) => {
            text.escape_debug().to_string()
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(fields: &Value) -> String {
        let line = Line {
            time: OffsetDateTime::UNIX_EPOCH,
            level: Level::INFO,
            target: "test",
            fields: fields.as_object().unwrap().clone(),
        };
        Style::Plain.write(line)
    }

    #[test]
    fn a_request_is_one_short_line() {
        let fields = json!({
            "message": "request answered", "http.request.method": "GET",
            "http.route": "/v1/properties", "http.response.status_code": 403,
            "error.reason": "TENANT_DENIED", "error.type": "PermissionDenied", "duration_ms": 0.25,
            "rpc.service": "s", "rpc.method": "m", "request.id": "r-1", "trace_id": "t",
        });
        let expected =
            "00:00:00 INFO  GET /v1/properties 403 TENANT_DENIED 0.25 ms request.id=r-1\n";
        assert_eq!(line(&fields), expected);
    }

    #[test]
    fn a_grpc_call_is_named_by_its_method_and_a_stranger_by_its_path() {
        let call = json!({"http.response.status_code": 200, "http.request.method": "POST",
            "rpc.service": "a.S", "rpc.method": "M", "duration_ms": 1});
        assert_eq!(line(&call), "00:00:00 INFO  POST /a.S/M 200 1 ms\n");
        let stranger = json!({"http.response.status_code": 404, "http.request.method": "GET",
            "url.path": "/x", "duration_ms": 1});
        assert_eq!(line(&stranger), "00:00:00 INFO  GET /x 404 1 ms\n");
    }

    #[test]
    fn o4_no_value_starts_a_line_or_steers_the_terminal() {
        let text = line(&json!({"message": "m", "path": "/a\nERROR \u{1b}[31m"}));
        assert_eq!(text, "00:00:00 INFO  m path=/a\\nERROR \\u{1b}[31m\n");
    }
}
