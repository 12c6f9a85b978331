//! Which bodies are taken for JSON.

/// The media type of JSON, and that of lines of it.
pub(super) const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// Whether a `Content-Type` is `application/json` in UTF-8.
pub(super) fn is_json(content_type: &str) -> bool {
    is(content_type, JSON)
}

/// Whether a `Content-Type` is `application/x-ndjson` in UTF-8.
pub(super) fn is_lines(content_type: &str) -> bool {
    is(content_type, LINES)
}

fn is(content_type: &str, wanted: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case(wanted)
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c7_json_is_utf_8() {
        for text in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json; profile=x",
        ] {
            assert!(is_json(text), "{text}");
        }
        for text in [
            "",
            "text/plain",
            "application/json; charset=latin1",
            "application/json; charset=utf-16",
            "application/jsonx",
            "application/problem+json",
            "application/grpc",
        ] {
            assert!(!is_json(text), "{text}");
        }
        assert!(is_lines("Application/X-NDJSON; charset=utf-8"));
        assert!(!is_lines("application/x-ndjson; charset=latin1"));
        assert!(!is_lines("application/json") && !is_json("application/x-ndjson"));
    }
}
