//! What can be permitted.
//!
//! Services that others add state permissions of their own, which nobody knows here.
//! But the first words of those that the product's methods state are the product's:
//! what begins like one of them must be one, so that a slip of the pen shows.

use std::{collections::BTreeSet, sync::Arc};

use prost::Message;
use resido_proto::{DESCRIPTOR_SET, options::v1::MethodPolicy, validate::Checks};

const MAX_PERMISSION: usize = 64;
/// Characters of a permission that are quoted back.
const MAX_QUOTED: usize = 64;

/// The permissions that the product's methods state; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Permissions {
    stated: Arc<BTreeSet<String>>,
}

impl Permissions {
    /// Reads what the methods state.
    pub(crate) fn stated() -> Self {
        // That it can be read is tested; were it not, none would be known.
        let set = Set::decode(DESCRIPTOR_SET).unwrap_or_default();
        let services = set.file.into_iter().flat_map(|file| file.service);
        let methods = services.flat_map(|service| service.method);
        let policies = methods.filter_map(|method| method.options?.policy);
        let stated = policies.map(|policy| policy.permission);
        Self {
            stated: Arc::new(stated.filter(|text| !text.is_empty()).collect()),
        }
    }

    /// Notes what is wrong with a list of permissions.
    pub(crate) fn check(&self, field: &'static str, list: &[String], checks: &mut Checks) {
        let well = list.iter().all(|text| is_permission(text));
        let fault = "must be permissions such as `properties.read`";
        checks.require(well, field, fault);
        let unknown = list
            .iter()
            .find(|text| is_permission(text) && self.is_slip(text));
        if let Some(unknown) = unknown {
            let shown: String = unknown.chars().take(MAX_QUOTED).collect();
            let fault = format!("names `{shown}`, which no method states");
            checks.require(false, field, fault);
        }
    }

    /// Whether a text begins like a permission that is stated, and is none.
    fn is_slip(&self, text: &str) -> bool {
        let first = |text: &str| text.split('.').next().map(str::to_owned);
        let is_ours = || self.stated.iter().any(|known| first(known) == first(text));
        !self.stated.contains(text) && is_ours()
    }
}

/// Whether a text has the form of a permission, such as `properties.read`.
fn is_permission(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .bytes()
                .all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    text.len() <= MAX_PERMISSION && text.contains('.') && text.split('.').all(is_word)
}

// What matters here of descriptors; `prost` keeps no extensions, so that of the
// options is declared as a field of its number.
// *Source*: `descriptor.proto`.
#[derive(Clone, PartialEq, Message)]
struct Set {
    #[prost(message, repeated, tag = "1")]
    file: Vec<File>,
}

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(message, repeated, tag = "6")]
    service: Vec<Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(message, repeated, tag = "2")]
    method: Vec<Method>,
}

#[derive(Clone, PartialEq, Message)]
struct Method {
    #[prost(message, optional, tag = "4")]
    options: Option<Options>,
}

#[derive(Clone, PartialEq, Message)]
struct Options {
    #[prost(message, optional, tag = "50810")]
    policy: Option<MethodPolicy>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_words_with_dots_between() {
        for text in ["units.read", "work-orders.write", "a.b.c9", "a-1.b"] {
            assert!(is_permission(text), "{text}");
        }
        let long = format!("a.{}", "b".repeat(63));
        for text in [
            "",
            "units",
            "units.",
            ".read",
            "units..read",
            "Units.read",
            "9.read",
            "a.-b",
            "*",
            "units.*",
            "a b.c",
            "a.ü",
            &long,
        ] {
            assert!(!is_permission(text), "{text}");
        }
    }

    #[test]
    fn what_begins_like_one_of_ours_must_be_one() {
        let permissions = Permissions::stated();
        let faults = |list: &[&str]| -> Vec<String> {
            let list: Vec<_> = list.iter().map(ToString::to_string).collect();
            let mut checks = Checks::default();
            permissions.check("list", &list, &mut checks);
            let faults = checks.finish().err().unwrap_or_default();
            faults.iter().map(|f| f.description.to_string()).collect()
        };
        assert!(faults(&["units.read", "users.write", "tenants.read"]).is_empty());
        // Of services that others add.
        assert!(faults(&["tickets.write", "unit.read"]).is_empty());
        for slip in ["units.raed", "users.admin", "properties.read.all"] {
            let expected = format!("names `{slip}`, which no method states");
            assert_eq!(faults(&["units.read", slip]), [expected]);
        }
        assert_eq!(faults(&["units", "units.raed"]).len(), 2);
    }
}
