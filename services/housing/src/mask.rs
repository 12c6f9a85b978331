//! Update masks: which fields of a resource a caller means to change.
//!
//! *Source*: AIP-134 and AIP-161.

use prost_types::FieldMask;
use resido_proto::error::Violation;

/// A checked update mask.
#[derive(Debug)]
pub(crate) struct Mask(Vec<String>);

impl Mask {
    /// Checks a mask against the fields that may change; the path of a message
    /// covers the fields in it, and `*` covers all.
    ///
    /// # Errors
    /// A violation for a missing or empty mask and for each unknown path.
    pub(crate) fn parse(mask: Option<FieldMask>, known: &[&str]) -> Result<Self, Vec<Violation>> {
        let paths = mask.map(|mask| mask.paths).unwrap_or_default();
        if paths.is_empty() {
            return Err(vec![Violation::new("update_mask", "is required")]);
        }
        let covered = |path: &String| path == "*" || known.iter().any(|leaf| covers(path, leaf));
        let violations: Vec<_> = paths
            .iter()
            .filter(|path| !covered(path))
            .map(|path| {
                let shown: String = path.chars().take(60).collect();
                Violation::new(
                    "update_mask",
                    format!("names `{shown}`, which cannot be changed"),
                )
            })
            .collect();
        if violations.is_empty() {
            Ok(Self(paths))
        } else {
            Err(violations)
        }
    }

    /// Whether the mask names the field, or a message around it.
    pub(crate) fn has(&self, leaf: &str) -> bool {
        self.0.iter().any(|path| path == "*" || covers(path, leaf))
    }
}

fn covers(path: &str, leaf: &str) -> bool {
    leaf.strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["display_name", "address.city", "address.line1"];

    fn mask(paths: &[&str]) -> Result<Mask, Vec<Violation>> {
        let paths = paths.iter().map(ToString::to_string).collect();
        Mask::parse(Some(FieldMask { paths }), KNOWN)
    }

    #[test]
    fn a_message_covers_its_fields() {
        let mask = mask(&["address"]).unwrap();
        assert!(mask.has("address.city"));
        assert!(!mask.has("display_name"));
    }

    #[test]
    fn unknown_and_missing_paths_are_refused() {
        assert_eq!(
            mask(&["name", "display", "address.city"])
                .unwrap_err()
                .len(),
            2
        );
        assert_eq!(mask(&[]).unwrap_err().len(), 1);
        assert_eq!(Mask::parse(None, KNOWN).unwrap_err().len(), 1);
        assert!(mask(&["*"]).unwrap().has("address.line1"));
    }
}
