//! `google.api.HttpRule`, as configuration states it and as a proto carries it.
//!
//! *Source*: `google/api/http.proto`.

use prost::Message;
use serde::Deserialize;

/// One binding of a method, with the further ones it brings along.
///
/// Exactly one of `get`, `put`, `post`, `delete`, `patch` and `custom` must be
/// there; [`crate::Api::compile`] checks it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpRule {
    /// Full name of the method, such as `pkg.Service.Method`. Empty inside
    /// `additional_bindings`.
    pub selector: String,
    /// Template for `GET`.
    pub get: Option<String>,
    /// Template for `PUT`.
    pub put: Option<String>,
    /// Template for `POST`.
    pub post: Option<String>,
    /// Template for `DELETE`.
    pub delete: Option<String>,
    /// Template for `PATCH`.
    pub patch: Option<String>,
    /// Any other HTTP method; `*` stands for every one.
    pub custom: Option<CustomPattern>,
    /// The field that the body fills, `*` for the whole message, empty for none.
    pub body: String,
    /// The field of the response that is sent, empty for the whole message.
    pub response_body: String,
    /// Further bindings of the same method; these have none of their own.
    pub additional_bindings: Vec<HttpRule>,
}

/// A binding to an HTTP method that has no field of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomPattern {
    /// The HTTP method, such as `HEAD`, or `*`.
    pub kind: String,
    /// The template.
    pub path: String,
}

impl HttpRule {
    /// Reads the rule that encoded `google.protobuf.MethodOptions` carry, if
    /// they carry one.
    pub(crate) fn from_options(options: &[u8]) -> Result<Option<Self>, prost::DecodeError> {
        let options = WireOptions::decode(options)?;
        Ok(options.http.map(Self::from))
    }

    /// Returns every pattern of the rule as HTTP method and template; a sound
    /// rule has one.
    pub(crate) fn patterns(&self) -> Vec<(&str, &str)> {
        let named = [
            ("GET", &self.get),
            ("PUT", &self.put),
            ("POST", &self.post),
            ("DELETE", &self.delete),
            ("PATCH", &self.patch),
        ];
        let custom = self.custom.iter();
        named
            .into_iter()
            .filter_map(|(verb, template)| Some((verb, template.as_deref()?)))
            .chain(custom.map(|custom| (custom.kind.as_str(), custom.path.as_str())))
            .collect()
    }
}

/// The part of `google.protobuf.MethodOptions` that concerns us.
#[derive(Clone, PartialEq, Message)]
struct WireOptions {
    #[prost(message, optional, tag = "72295728")]
    http: Option<WireRule>,
}

/// `google.api.HttpRule` by its field numbers.
#[derive(Clone, PartialEq, Message)]
struct WireRule {
    #[prost(string, tag = "1")]
    selector: String,
    #[prost(string, optional, tag = "2")]
    get: Option<String>,
    #[prost(string, optional, tag = "3")]
    put: Option<String>,
    #[prost(string, optional, tag = "4")]
    post: Option<String>,
    #[prost(string, optional, tag = "5")]
    delete: Option<String>,
    #[prost(string, optional, tag = "6")]
    patch: Option<String>,
    #[prost(string, tag = "7")]
    body: String,
    #[prost(message, optional, tag = "8")]
    custom: Option<WireCustom>,
    #[prost(message, repeated, tag = "11")]
    additional_bindings: Vec<WireRule>,
    #[prost(string, tag = "12")]
    response_body: String,
}

/// `google.api.CustomHttpPattern`.
#[derive(Clone, PartialEq, Message)]
struct WireCustom {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    path: String,
}

impl From<WireRule> for HttpRule {
    fn from(wire: WireRule) -> Self {
        Self {
            selector: wire.selector,
            get: wire.get,
            put: wire.put,
            post: wire.post,
            delete: wire.delete,
            patch: wire.patch,
            custom: wire.custom.map(|custom| CustomPattern {
                kind: custom.kind,
                path: custom.path,
            }),
            body: wire.body,
            response_body: wire.response_body,
            additional_bindings: wire
                .additional_bindings
                .into_iter()
                .map(Self::from)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_from_configuration() {
        let rule: HttpRule = serde_json::from_value(serde_json::json!({
            "selector": "pkg.Service.Method",
            "post": "/v1/things",
            "body": "thing",
            "response_body": "thing",
            "additional_bindings": [{"custom": {"kind": "REPORT", "path": "/v1/x"}}],
        }))
        .unwrap();
        assert_eq!(rule.patterns(), [("POST", "/v1/things")]);
        assert_eq!(
            rule.additional_bindings[0].patterns(),
            [("REPORT", "/v1/x")]
        );
    }

    #[test]
    fn what_configuration_does_not_know_is_refused() {
        for json in [
            serde_json::json!({"selector": "a", "gett": "/v1"}),
            serde_json::json!({"custom": {"kind": "X"}}),
            serde_json::json!({"custom": {"kind": "X", "path": "/", "more": 1}}),
            serde_json::json!({"get": 1}),
        ] {
            assert!(
                serde_json::from_value::<HttpRule>(json.clone()).is_err(),
                "{json}"
            );
        }
    }

    #[test]
    fn every_pattern_of_a_rule_is_found() {
        let some = |text: &str| Some(text.to_owned());
        let rule = HttpRule {
            get: some("/1"),
            put: some("/2"),
            post: some("/3"),
            delete: some("/4"),
            patch: some("/5"),
            custom: Some(CustomPattern {
                kind: "*".into(),
                path: "/6".into(),
            }),
            ..HttpRule::default()
        };
        assert_eq!(
            rule.patterns(),
            [
                ("GET", "/1"),
                ("PUT", "/2"),
                ("POST", "/3"),
                ("DELETE", "/4"),
                ("PATCH", "/5"),
                ("*", "/6")
            ]
        );
        assert!(HttpRule::default().patterns().is_empty());
    }

    #[test]
    fn a_rule_is_read_from_the_options_of_a_method() {
        let wire = WireOptions {
            http: Some(WireRule {
                get: Some("/v1/a".into()),
                response_body: "b".into(),
                additional_bindings: vec![WireRule {
                    custom: Some(WireCustom {
                        kind: "REPORT".into(),
                        path: "/v1/c".into(),
                    }),
                    ..WireRule::default()
                }],
                ..WireRule::default()
            }),
        };
        let rule = HttpRule::from_options(&wire.encode_to_vec());
        let rule = rule.unwrap().unwrap();
        assert_eq!(rule.patterns(), [("GET", "/v1/a")]);
        assert_eq!(rule.response_body, "b");
        assert_eq!(
            rule.additional_bindings[0].patterns(),
            [("REPORT", "/v1/c")]
        );
        // Other options, and none.
        assert_eq!(HttpRule::from_options(b"\x88\x02\x01").unwrap(), None);
        assert_eq!(HttpRule::from_options(b"").unwrap(), None);
        assert!(HttpRule::from_options(b"\x82\xd3\xe4\x93\x02\xff").is_err());
    }
}
