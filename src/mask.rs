//! Update masks: which fields of a resource a caller means to change.
//!
//! *Source*: AIP-134 and AIP-161.

use prost_types::FieldMask;

use crate::{error::Violation, validate::Checks};

/// A checked update mask.
#[derive(Debug)]
pub struct Mask(Vec<String>);

impl Mask {
    /// Checks a mask against the fields that may change, and notes a missing or
    /// empty mask and each unknown path. The path of a message covers the fields
    /// in it, and `*` covers all.
    pub fn parse(mask: Option<FieldMask>, known: &[&str], checks: &mut Checks) -> Self {
        let paths = mask.map(|mask| mask.paths).unwrap_or_default();
        checks.require(!paths.is_empty(), "update_mask", "is required");
        for path in &paths {
            let covered = path == "*" || known.iter().any(|leaf| covers(path, leaf));
            let shown: String = path.chars().take(60).collect();
            checks.require(
                covered,
                "update_mask",
                format!("names `{shown}`, which cannot be changed"),
            );
        }
        Self(paths)
    }

    /// Whether the mask names the field, or a message around it.
    #[must_use]
    pub fn has(&self, leaf: &str) -> bool {
        self.0.iter().any(|path| path == "*" || covers(path, leaf))
    }

    /// Returns the new value where the mask names the field, else the old one.
    #[must_use]
    pub fn pick<T>(&self, leaf: &str, new: T, old: T) -> T {
        if self.has(leaf) { new } else { old }
    }

    /// Leaves of the faults of a resource those of fields that the mask names;
    /// the paths of the faults begin with `resource` and a dot.
    ///
    /// # Errors
    /// The faults that are left.
    pub fn only(
        &self,
        resource: &str,
        checked: Result<(), Vec<Violation>>,
    ) -> Result<(), Vec<Violation>> {
        let mut faults = checked.err().unwrap_or_default();
        faults.retain(|fault| {
            let leaf = fault.field.strip_prefix(resource);
            let leaf = leaf.and_then(|rest| rest.strip_prefix('.'));
            leaf.is_some_and(|leaf| self.has(leaf))
        });
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
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

    fn mask(paths: &[&str]) -> (Mask, usize) {
        let paths = paths.iter().map(ToString::to_string).collect();
        let mut checks = Checks::default();
        let mask = Mask::parse(Some(FieldMask { paths }), KNOWN, &mut checks);
        (mask, checks.finish().err().unwrap_or_default().len())
    }

    #[test]
    fn a_message_covers_its_fields() {
        let (mask, faults) = mask(&["address"]);
        assert_eq!(faults, 0);
        assert_eq!(mask.pick("address.city", "new", "old"), "new");
        assert_eq!(mask.pick("display_name", "new", "old"), "old");
    }

    #[test]
    fn unknown_and_missing_paths_are_refused() {
        assert_eq!(mask(&["name", "display", "address.city"]).1, 2);
        assert_eq!(mask(&[]).1, 1);
        assert_eq!(mask(&[""]).1, 1);
        let mut checks = Checks::default();
        Mask::parse(None, KNOWN, &mut checks);
        assert_eq!(checks.finish().unwrap_err()[0].field, "update_mask");
        let (all, faults) = mask(&["*"]);
        assert!(all.has("address.line1") && faults == 0);
    }

    #[test]
    fn faults_of_fields_that_stay_as_they_are_do_not_count() {
        let faults = || {
            let fields = ["thing.display_name", "thing.address.city", "things.x"];
            Err(fields.map(|field| Violation::new(field, "is wrong")).into())
        };
        let left = |paths: &[&str]| {
            let left = mask(paths).0.only("thing", faults()).err();
            let left = left.unwrap_or_default().into_iter();
            left.map(|fault| fault.field).collect::<Vec<_>>()
        };
        assert_eq!(left(&["address"]), ["thing.address.city"]);
        assert_eq!(left(&["*"]), ["thing.display_name", "thing.address.city"]);
        assert!(left(&["address.line1"]).is_empty());
        assert_eq!(mask(&["*"]).0.only("thing", Ok(())), Ok(()));
    }
}
