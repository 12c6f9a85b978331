//! Request ids: what ties a caller's report to our logs.

use std::fmt;

use uuid::Uuid;

/// The id of one request: 1 to 128 characters of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// Makes a new id, a UUID of version 7.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    /// Takes the caller's id if it is well formed, else makes one.
    #[must_use]
    pub fn accept(sent: Option<&str>) -> Self {
        sent.filter(|text| is_valid(text))
            .map_or_else(Self::new, |text| Self(text.to_owned()))
    }

    /// Returns the id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_valid(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o5_only_well_formed_ids_are_accepted() {
        let longest = "a".repeat(128);
        for id in ["a", "A-1_b.c", &longest] {
            assert_eq!(RequestId::accept(Some(id)).as_str(), id);
        }
        let too_long = "a".repeat(129);
        for id in ["", "a b", "a\n", "ä", "{}", &too_long] {
            assert_ne!(RequestId::accept(Some(id)).as_str(), id);
        }
        assert_ne!(RequestId::accept(None), RequestId::accept(None));
    }
}
