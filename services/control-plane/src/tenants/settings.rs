//! A tenant's settings: texts by name, which services may read.

use std::collections::{BTreeMap, HashMap};

use resido_proto::{error::Violation, validate::Checks};
use serde_json::Value;

use crate::Error;

/// Settings of one tenant at most.
const MAX_SETTINGS: usize = 100;
/// Bytes of a key at most.
const MAX_KEY: usize = 64;
/// Characters of a value at most.
const MAX_VALUE: usize = 1000;

/// Checked settings, in order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Checks settings as a caller sent them.
    ///
    /// # Errors
    /// A violation of `tenant.settings` for each rule that is broken.
    pub(super) fn parse(sent: HashMap<String, String>) -> Result<Self, Vec<Violation>> {
        const FIELD: &str = "tenant.settings";
        let mut checks = Checks::default();
        checks.require(
            sent.len() <= MAX_SETTINGS,
            FIELD,
            "has more than 100 entries",
        );
        checks.require(
            sent.keys().all(|key| is_key(key)),
            FIELD,
            "has a key that is not 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`",
        );
        checks.require(
            sent.values().all(|value| is_value(value)),
            FIELD,
            "has a value of more than 1,000 characters, or with a NUL in it",
        );
        checks.finish()?;
        Ok(Self(sent.into_iter().collect()))
    }

    /// Reads settings as they are stored.
    ///
    /// # Errors
    /// [`Error::Fault`] if they are not texts by name.
    pub(super) fn stored(value: Value) -> Result<Self, Error> {
        let map = serde_json::from_value(value);
        map.map(Self)
            .map_err(|_| Error::Fault("stored settings are no texts"))
    }

    /// Returns what is stored.
    pub(super) fn to_json(&self) -> Value {
        self.0
            .iter()
            .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
            .collect()
    }

    /// Returns the keys that are not the same here and there, in order.
    pub(super) fn differing(&self, other: &Self) -> Vec<String> {
        let keys: std::collections::BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let differ = |key: &&String| self.0.get(*key) != other.0.get(*key);
        keys.into_iter().filter(differ).cloned().collect()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Settings> for HashMap<String, String> {
    fn from(settings: Settings) -> Self {
        settings.0.into_iter().collect()
    }
}

fn is_key(key: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(allowed)
}

fn is_value(value: &str) -> bool {
    value.chars().count() <= MAX_VALUE && !value.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent<const N: usize>(entries: [(&str, &str); N]) -> HashMap<String, String> {
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        entries.map(own).into()
    }

    #[test]
    fn settings_have_bounds() {
        let many = |n: usize| (0..n).map(|n| (format!("k{n}"), String::new())).collect();
        assert!(Settings::parse(many(100)).is_ok());
        assert_eq!(Settings::parse(many(101)).unwrap_err().len(), 1);
        let (key, value) = ("k".repeat(64), "ä".repeat(1000));
        assert!(Settings::parse(sent([(&key, &value), ("a.b_c-1", "a\nb")])).is_ok());
        let (key, value) = (format!("{key}k"), format!("{value}ä"));
        for wrong in [
            (key.as_str(), ""),
            ("", ""),
            ("Key", ""),
            ("k k", ""),
            ("k", value.as_str()),
            ("k", "\0"),
        ] {
            let faults = Settings::parse(sent([wrong])).unwrap_err();
            assert_eq!(faults.len(), 1, "{wrong:?}");
            assert_eq!(faults[0].field, "tenant.settings");
        }
        assert_eq!(Settings::parse(sent([("", "\0")])).unwrap_err().len(), 2);
    }

    #[test]
    fn what_is_stored_is_what_was_sent() {
        let settings = Settings::parse(sent([("b", "2"), ("a", "1")])).unwrap();
        assert_eq!(Settings::stored(settings.to_json()).unwrap(), settings);
        assert_eq!(settings.to_json().to_string(), r#"{"a":"1","b":"2"}"#);
        assert!(Settings::stored(serde_json::json!({"a": 1})).is_err());
        let none = Settings::stored(serde_json::json!({})).unwrap();
        assert!(none.is_empty());
    }

    #[test]
    fn differing_keys_are_those_added_removed_and_changed() {
        let read = |entries| Settings::parse(entries).unwrap();
        let old = read(sent([("kept", "1"), ("changed", "1"), ("removed", "1")]));
        let new = read(sent([("kept", "1"), ("changed", "2"), ("added", "1")]));
        assert_eq!(old.differing(&new), ["added", "changed", "removed"]);
        assert!(old.differing(&old).is_empty());
    }
}
