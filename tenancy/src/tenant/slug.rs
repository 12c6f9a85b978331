//! Slugs, and the selectors that name a tenant from outside.

use std::{fmt, str::FromStr};

use resido_proto::ids::TenantId;

/// Slugs nobody may have: they would be taken for parts of the product.
const RESERVED: &[&str] = &[
    "admin",
    "api",
    "app",
    "auth",
    "cdn",
    "docs",
    "ftp",
    "grpc",
    "health",
    "internal",
    "mail",
    "metrics",
    "platform",
    "public",
    "resido",
    "root",
    "static",
    "status",
    "support",
    "system",
    "tenant",
    "tenants",
    "well-known",
    "www",
];

/// The short name of a tenant: 3 to 40 characters of `a-z`, `0-9` and `-`, first
/// and last a letter or digit, no reserved word.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

/// Why a text is no slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSlug {
    /// The characters or the length are wrong.
    #[error("must be 3 to 40 characters of a-z, 0-9 and `-`, first and last a letter or digit")]
    Form,
    /// The word is reserved.
    #[error("is a reserved word")]
    Reserved,
}

impl Slug {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, InvalidSlug> {
        let edge =
            |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let inside = |byte: u8| edge(Some(byte)) || byte == b'-';
        let bytes = text.as_bytes();
        let well_formed = (3..=40).contains(&bytes.len())
            && edge(bytes.first().copied())
            && edge(bytes.last().copied())
            && bytes.iter().copied().all(inside);
        if !well_formed {
            return Err(InvalidSlug::Form);
        }
        if RESERVED.contains(&text) {
            return Err(InvalidSlug::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a tenant is named from outside, such as in `x-tenant`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// By id, bare or as a name: `tenants/<id>`.
    Id(TenantId),
    /// By slug.
    Slug(Slug),
}

/// A text selects no tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither the slug, the id nor the name of a tenant")]
pub struct InvalidSelector;

impl FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        let id = text.parse().or_else(|_| TenantId::from_resource_name(text));
        if let Ok(id) = id {
            return Ok(Self::Id(id));
        }
        text.parse().map(Self::Slug).map_err(|_| InvalidSelector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h3_slugs_are_strict() {
        for text in ["abc", "a-b", "a1-2b", "x--y", &"a".repeat(40)] {
            assert!(text.parse::<Slug>().is_ok(), "{text}");
        }
        for text in [
            "",
            "ab",
            "-ab",
            "ab-",
            "Abc",
            "a_b",
            "a b",
            "äbc",
            "a,b",
            "..",
            "a%2e",
            "abc\n",
            &"a".repeat(41),
        ] {
            assert_eq!(text.parse::<Slug>(), Err(InvalidSlug::Form), "{text:?}");
        }
        assert_eq!("admin".parse::<Slug>(), Err(InvalidSlug::Reserved));
    }

    #[test]
    fn a_selector_is_an_id_a_name_or_a_slug() {
        let id = TenantId::new();
        assert_eq!(id.to_string().parse(), Ok(Selector::Id(id)));
        assert_eq!(id.resource_name().parse(), Ok(Selector::Id(id)));
        for text in ["tenants/", "tenants/acme", "users/acme"] {
            assert_eq!(text.parse::<Selector>(), Err(InvalidSelector), "{text}");
        }
        assert!(matches!("acme".parse(), Ok(Selector::Slug(_))));
        assert_eq!("acme,globex".parse::<Selector>(), Err(InvalidSelector));
    }

    #[test]
    fn reserved_words_could_be_slugs_otherwise() {
        for word in RESERVED {
            assert_eq!(word.parse::<Slug>(), Err(InvalidSlug::Reserved), "{word}");
        }
    }
}
