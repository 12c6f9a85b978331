//! E-mail addresses: who logs in, whom an activation token is for, and how a
//! resident is reached.

use std::fmt;

use crate::error::Violation;

/// Longest address, in bytes.
///
/// *Source*: RFC 5321, section 4.5.3.1.3, without the angle brackets.
const MAX_BYTES: usize = 254;

/// An address in lower case: `local@domain`, ASCII, without quotes or comments.
///
/// Upper and lower case name the same person here; so two spellings can never be
/// two accounts.
///
/// *Source*: RFC 5321, `Dot-string` and `Domain`, with at least two labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// One violation of `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Vec<Violation>> {
        let fault = if text.is_empty() {
            "is required"
        } else if is_address(text) {
            return Ok(Self(text.to_ascii_lowercase()));
        } else {
            "is not an e-mail address"
        };
        Err(vec![Violation::new(field, fault)])
    }

    /// Returns the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    text.len() <= MAX_BYTES
        && local.len() <= 64
        && local.split('.').all(is_atom)
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

fn is_atom(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    !text.is_empty() && text.bytes().all(allowed)
}

/// Whether a text is one label of a domain.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_one_address_whatever_the_case() {
        let read = |text| Email::parse("email", text).unwrap();
        assert_eq!(read("Owner@ACME.Example"), read("owner@acme.example"));
        assert_eq!(read("Owner@ACME.Example").as_str(), "owner@acme.example");
    }

    #[test]
    fn addresses_are_told_from_other_texts() {
        for text in [
            "a@b.c",
            "o'brien+tag@sub.acme-corp.example",
            "operator@resido.local",
            "a.b.c@d.e",
        ] {
            assert!(Email::parse("email", text).is_ok(), "{text}");
        }
        let long = format!("{}@acme.example", "a".repeat(65));
        let longer = format!("a@{}example", "label.".repeat(50));
        for text in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b",
            "a@b.",
            "a@.b.c",
            ".a@b.c",
            "a..b@c.d",
            "a b@c.d",
            "a@b c.d",
            "a@-b.c",
            "a@b-.c",
            "a@b@c.d",
            "ä@b.c",
            "a@b.c\n",
            " a@b.c",
            "<a@b.c>",
            "\"a\"@b.c",
            &long,
            &longer,
        ] {
            let faults = Email::parse("tenant.contact_email", text).unwrap_err();
            assert_eq!(faults.len(), 1, "{text}");
            assert_eq!(faults[0].field, "tenant.contact_email");
        }
    }
}
