//! What a caller shows: read once, then gone from the headers.

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use resido_proto::headers;

use crate::refusal::Refusal;

/// Longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The credential and the tenant selector that a request came with. Nothing
/// downstream sees these headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    authorization: Vec<HeaderValue>,
    api_key: Vec<HeaderValue>,
    /// Values of `x-tenant`.
    pub(crate) tenant: Vec<HeaderValue>,
    /// The host the request was sent to, without a port, in lower case.
    pub(crate) host: Option<String>,
}

/// A credential, not verified yet.
#[derive(PartialEq, Eq)]
pub(super) enum Credential<'a> {
    /// None was shown.
    Missing,
    /// A token.
    Bearer(&'a str),
    /// An API key.
    ApiKey(&'a str),
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::Bearer(_) => "Bearer(…)",
            Self::ApiKey(_) => "ApiKey(…)",
        })
    }
}

impl Credentials {
    /// Reads them from a request's headers.
    pub(crate) fn read(sent: &HeaderMap, host: Option<String>) -> Self {
        let all = |name: &str| sent.get_all(name).iter().cloned().collect::<Vec<_>>();
        let secret = |name: &str| {
            let mut values = all(name);
            // Not shown by `Debug`, nor kept in HPACK's table.
            values
                .iter_mut()
                .for_each(|value| value.set_sensitive(true));
            values
        };
        Self {
            authorization: secret(AUTHORIZATION.as_str()),
            api_key: secret(headers::API_KEY),
            tenant: all(headers::TENANT),
            host,
        }
    }

    /// Returns the `authorization` header as it came, for routes that pass it
    /// on.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.first()
    }

    /// Returns the one credential.
    ///
    /// # Errors
    /// [`Refusal::CredentialInvalid`] for several, or for a header that cannot
    /// be read. *Source*: RFC 6750, section 2.1; RFC 9110, section 11.4: the
    /// scheme's case does not matter.
    pub(super) fn credential(&self) -> Result<Credential<'_>, Refusal> {
        let (header, is_key) = match (self.authorization.as_slice(), self.api_key.as_slice()) {
            ([], []) => return Ok(Credential::Missing),
            ([one], []) => (one, false),
            ([], [one]) => (one, true),
            _ => return Err(Refusal::CredentialInvalid),
        };
        let text = header.to_str().map_err(|_| Refusal::CredentialInvalid)?;
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::CredentialInvalid);
        }
        let (scheme, token) = if is_key {
            ("apikey", text)
        } else {
            text.split_once(' ').ok_or(Refusal::CredentialInvalid)?
        };
        let token = token.trim_start_matches(' ');
        if token.is_empty() || token.contains([' ', ',']) {
            return Err(Refusal::CredentialInvalid);
        }
        if scheme.eq_ignore_ascii_case("bearer") {
            Ok(Credential::Bearer(token))
        } else if scheme.eq_ignore_ascii_case("apikey") {
            Ok(Credential::ApiKey(token))
        } else {
            Err(Refusal::CredentialInvalid)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(sent: &[(&'static str, &'static str)]) -> Credentials {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_static(value));
        }
        Credentials::read(&headers, None)
    }

    #[test]
    fn g6_both_kinds_are_read_in_every_spelling() {
        for (name, value, expected) in [
            ("authorization", "Bearer abc", Credential::Bearer("abc")),
            ("authorization", "bearer  abc", Credential::Bearer("abc")),
            ("authorization", "ApiKey k", Credential::ApiKey("k")),
            ("x-api-key", "k", Credential::ApiKey("k")),
        ] {
            assert_eq!(
                credentials(&[(name, value)]).credential().unwrap(),
                expected,
                "{value}"
            );
        }
        assert_eq!(credentials(&[]).credential().unwrap(), Credential::Missing);
    }

    #[test]
    fn no_credential_is_shown_by_debug() {
        for name in ["authorization", "x-api-key"] {
            let shown = credentials(&[(name, "Bearer hunter2")]);
            let text = format!("{shown:?} {:?}", shown.credential());
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn g10_what_is_malformed_or_doubled_is_refused() {
        for sent in [
            &[("authorization", "abc")][..],
            &[("authorization", "Bearer ")],
            &[("authorization", "Bearer a b")],
            &[("authorization", "Bearer a,Bearer b")],
            &[("authorization", "Basic abc")],
            &[("authorization", "")],
            &[("authorization", "Bearer a"), ("authorization", "Bearer a")],
            &[("authorization", "Bearer a"), ("x-api-key", "k")],
        ] {
            assert!(credentials(sent).credential().is_err(), "{sent:?}");
        }
        let long = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES));
        let mut headers = HeaderMap::new();
        headers.insert("authorization", long.parse().unwrap());
        assert!(Credentials::read(&headers, None).credential().is_err());
    }
}
