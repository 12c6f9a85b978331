//! Names in the database: pure functions of the tenant's id.
//!
//! This is the only place where an identifier enters the text of a statement.

use std::fmt;

use resido_proto::ids::TenantId;

/// Alphabet of RFC 4648, section 6, in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Length of a UUID in base 32.
const ENCODED: usize = 26;
/// PostgreSQL cuts longer identifiers off, in bytes.
const MAX_IDENTIFIER_BYTES: usize = 63;

/// An identifier that must not enter the text of a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of 1 to 63 characters of a-z, 0-9 and _")]
pub struct InvalidIdentifier;

/// The name of a tenant's schema: `t_` and 26 characters of `a-z2-7`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SchemaName(String);

impl SchemaName {
    /// Returns the schema of a tenant.
    #[must_use]
    pub fn of(tenant: TenantId) -> Self {
        Self(format!("t_{}", encode(tenant)))
    }

    /// Returns the bare name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name in double quotes, ready for the text of a statement.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The names of a tenant's two roles, which cannot log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleNames {
    /// Owns the schema; migrations run as this role.
    pub owner: String,
    /// Reads and writes the tables; transactions run as this role.
    pub runtime: String,
}

impl RoleNames {
    /// Returns the roles of a tenant. Roles belong to a whole cluster, so the
    /// database's name is a part of theirs.
    #[must_use]
    pub fn of(database: &str, tenant: TenantId) -> Self {
        let id = encode(tenant);
        Self {
            owner: format!("{database}_o_{id}"),
            runtime: format!("{database}_t_{id}"),
        }
    }
}

/// Returns an identifier in double quotes, after a check that it needs no
/// escaping.
///
/// # Errors
/// [`InvalidIdentifier`] unless it is 1 to 63 characters of `a-z`, `0-9` and `_`
/// and begins with a letter or `_`.
pub fn quote_identifier(name: &str) -> Result<String, InvalidIdentifier> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts_well = name
        .bytes()
        .next()
        .is_some_and(|byte| !byte.is_ascii_digit());
    if starts_well && name.len() <= MAX_IDENTIFIER_BYTES && name.bytes().all(allowed) {
        Ok(format!("\"{name}\""))
    } else {
        Err(InvalidIdentifier)
    }
}

fn encode(tenant: TenantId) -> String {
    let mut bits = tenant.as_uuid().as_u128();
    let mut text = [0_u8; ENCODED];
    // 26 digits of 5 bits hold 130 bits: the last digit carries three of the
    // id's bits and two zeros.
    for (index, digit) in text.iter_mut().rev().enumerate() {
        let five = if index == 0 {
            (bits & 0b111) << 2
        } else {
            bits & 0b1_1111
        };
        bits >>= if index == 0 { 3 } else { 5 };
        *digit = ALPHABET[usize::try_from(five).unwrap_or_default()];
    }
    text.iter().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_follow_rfc_4648() {
        // The digits of the standard's own encoder for these sixteen bytes.
        let id: TenantId = "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap();
        assert_eq!(SchemaName::of(id).as_str(), "t_aaisem2ekvthpcezvk54zxpo74");
        let zero: TenantId = "00000000-0000-0000-0000-000000000000".parse().unwrap();
        assert_eq!(
            SchemaName::of(zero).as_str(),
            format!("t_{}", "a".repeat(26))
        );
    }

    #[test]
    fn different_tenants_have_different_names() {
        let (a, b) = (TenantId::new(), TenantId::new());
        assert_ne!(SchemaName::of(a), SchemaName::of(b));
        assert_ne!(RoleNames::of("db", a).owner, RoleNames::of("db", a).runtime);
        assert_ne!(RoleNames::of("one", a), RoleNames::of("two", a));
    }

    #[test]
    fn nothing_that_needs_escaping_becomes_an_identifier() {
        assert_eq!(quote_identifier("resido_app").unwrap(), "\"resido_app\"");
        for name in [
            "",
            "1a",
            "a-b",
            "a\"b",
            "A",
            "a b",
            "ä",
            "a;b",
            &"a".repeat(64),
        ] {
            assert_eq!(quote_identifier(name), Err(InvalidIdentifier), "{name}");
        }
    }
}
