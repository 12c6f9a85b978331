//! Domains that select a tenant.

use resido_proto::{email::is_label, error::Violation};

/// Longest domain, in bytes.
///
/// *Source*: RFC 1035, section 2.3.4, as text.
const MAX_BYTES: usize = 253;

/// A domain in lower case: two ASCII labels or more, and no address of IP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Domain(String);

impl Domain {
    /// Reads a domain.
    ///
    /// # Errors
    /// One violation of `domain`.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<Violation>> {
        let fault = if text.is_empty() {
            "is required"
        } else if is_domain(text) {
            return Ok(Self(text.to_ascii_lowercase()));
        } else {
            "is not a domain of two labels or more, in ASCII and without a port"
        };
        Err(vec![Violation::new("domain", fault)])
    }

    /// Returns the domain.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_domain(text: &str) -> bool {
    let mut labels = text.rsplit('.');
    // Addresses end in a number, domains do not.
    let last = labels
        .next()
        .is_some_and(|last| is_label(last) && !last.bytes().all(|b| b.is_ascii_digit()));
    let mut rest = labels.peekable();
    text.len() <= MAX_BYTES && last && rest.peek().is_some() && rest.all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_one_spelling() {
        let domain = Domain::parse("Homes.ACME.Example").unwrap();
        assert_eq!(domain.as_str(), "homes.acme.example");
    }

    #[test]
    fn domains_are_told_from_other_texts() {
        let long = format!("{}example", "label.".repeat(41));
        let label = "a".repeat(63);
        for text in [
            "a.b",
            "1.a",
            "xn--bcher-kva.example",
            "a-b.c-d",
            &format!("{label}.a"),
        ] {
            assert!(Domain::parse(text).is_ok(), "{text}");
        }
        assert_eq!(long.len(), 253);
        assert!(Domain::parse(&long).is_ok());
        for text in [
            "",
            "localhost",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a.b",
            "a-.b",
            "a.b:80",
            "a b.c",
            "a_b.c",
            "bücher.example",
            "127.0.0.1",
            "a.1",
            "[::1]",
            "*.a.b",
            "https://a.b",
            "a.b/",
            "a.b\n",
            &format!("x{long}"),
            &format!("{label}a.b"),
        ] {
            let faults = Domain::parse(text).unwrap_err();
            assert_eq!((faults.len(), &*faults[0].field), (1, "domain"), "{text}");
        }
    }
}
