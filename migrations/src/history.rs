//! What was applied to one schema, and how it stands beside the files.

use resido_tenancy::db::Row;
use serde::{Deserialize, Serialize};

use crate::{Error, Migration, Set, statement::column};

/// The table that holds the history; the same in every schema. A file that runs
/// outside a transaction is `started` before and `done` after.
pub(crate) const TABLE: &str = "
    create table if not exists _migrations (
        version     bigint primary key,
        name        text not null,
        checksum    bytea not null,
        state       text not null default 'done' check (state in ('started', 'done')),
        applied_at  timestamptz not null default now(),
        ms          integer not null,
        run_id      uuid,
        app_version text not null
    );";
pub(crate) const HISTORY: &str =
    "select version, checksum, state = 'done' as done from _migrations order by version";

/// A row of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) checksum: Vec<u8>,
    /// It came to its end.
    pub(crate) done: bool,
}

/// Whether files may be applied that are older than the last one applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Order {
    /// They may not: somebody renumbered files, or left one out.
    #[default]
    Strict,
    /// They may, where they are missing.
    Any,
}

/// How a schema stands beside the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing<'a> {
    /// These are missing, in order; none if it is current.
    Behind(Vec<&'a Migration>),
    /// A file was applied that is not among the files.
    Ahead(i64),
    /// A file was edited after it was applied.
    Changed(i64),
    /// A file is missing that is older than one that was applied.
    Gap(i64),
}

/// Reads the rows of [`HISTORY`].
pub(crate) fn read(rows: &[Row]) -> Result<Vec<Applied>, Error> {
    let read = |row: &Row| {
        Ok(Applied {
            version: column(row, "version")?,
            checksum: column(row, "checksum")?,
            done: column(row, "done")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Compares a history, in order, with the files up to `to`.
pub(crate) fn standing<'a>(
    set: &'a Set,
    history: &[Applied],
    to: i64,
    order: Order,
) -> Standing<'a> {
    for applied in history {
        match set.find(applied.version) {
            None => return Standing::Ahead(applied.version),
            Some(file) if applied.done && file.checksum != applied.checksum => {
                return Standing::Changed(applied.version);
            }
            Some(_) => {}
        }
    }
    let is_done = |version| {
        let found = history.binary_search_by_key(&version, |applied| applied.version);
        found.is_ok_and(|at| history[at].done)
    };
    let last = history.iter().rev().find(|applied| applied.done);
    let last = last.map_or(0, |applied| applied.version);
    let wanted = set.migrations.iter().filter(|file| file.version <= to);
    let missing: Vec<_> = wanted.filter(|file| !is_done(file.version)).collect();
    match missing.first() {
        Some(first) if first.version < last && order == Order::Strict => {
            Standing::Gap(first.version)
        }
        _ => Standing::Behind(missing),
    }
}

/// Returns the version of a schema: the last file up to which none is missing, with
/// one more that was just applied.
pub(crate) fn reached(history: &[Applied], more: Option<i64>) -> i64 {
    let is_done = |version: i64| {
        let found = history
            .iter()
            .any(|applied| applied.done && applied.version == version);
        found || more == Some(version)
    };
    (1..)
        .take_while(|version| is_done(*version))
        .last()
        .unwrap_or(0)
}

impl<'a> Standing<'a> {
    /// Returns what is missing.
    ///
    /// # Errors
    /// [`Error::Ahead`], [`Error::Changed`] or [`Error::Gap`] if nothing may be
    /// applied.
    pub(crate) fn missing(self, set: &Set) -> Result<Vec<&'a Migration>, Error> {
        let set = set.name.as_str();
        match self {
            Self::Behind(missing) => Ok(missing),
            Self::Ahead(version) => Err(Error::Ahead { set, version }),
            Self::Changed(version) => Err(Error::Changed { set, version }),
            Self::Gap(version) => Err(Error::Gap { set, version }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Header, SetName};

    fn set(latest: i64) -> Set {
        let file = |version: i64| Migration {
            version,
            name: "x".into(),
            sql: String::new(),
            checksum: vec![u8::try_from(version).unwrap()],
            header: Header::default(),
            down: None,
        };
        Set {
            name: SetName::Tenant,
            migrations: (1..=latest).map(file).collect(),
            baseline: None,
        }
    }

    fn history(versions: &[i64]) -> Vec<Applied> {
        let row = |version: &i64| Applied {
            version: *version,
            checksum: vec![u8::try_from(*version).unwrap()],
            done: true,
        };
        versions.iter().map(row).collect()
    }

    fn missing(set: &Set, history: &[Applied], to: i64, order: Order) -> Vec<i64> {
        match standing(set, history, to, order) {
            Standing::Behind(files) => files.iter().map(|file| file.version).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_missing_is_applied_in_order_and_no_further_than_asked() {
        let set = set(4);
        assert_eq!(missing(&set, &[], 4, Order::Strict), [1, 2, 3, 4]);
        assert_eq!(missing(&set, &history(&[1, 2]), 3, Order::Strict), [3]);
        assert!(missing(&set, &history(&[1, 2, 3, 4]), 4, Order::Strict).is_empty());
        assert!(missing(&set, &history(&[1, 2, 3]), 2, Order::Strict).is_empty());
    }

    #[test]
    fn a_gap_is_refused_unless_any_order_will_do() {
        let set = set(4);
        let gap = history(&[1, 3]);
        assert_eq!(standing(&set, &gap, 4, Order::Strict), Standing::Gap(2));
        assert_eq!(missing(&set, &gap, 4, Order::Any), [2, 4]);
    }

    #[test]
    fn what_was_started_is_not_done() {
        let set = set(2);
        let mut begun = history(&[1, 2]);
        begun[1].done = false;
        assert_eq!(missing(&set, &begun, 2, Order::Strict), [2]);
        // Nor is it applied in the form that it had.
        begun[1].checksum = vec![9];
        assert_eq!(missing(&set, &begun, 2, Order::Strict), [2]);
    }

    #[test]
    fn a_version_is_reached_when_nothing_before_it_is_missing() {
        assert_eq!(reached(&[], None), 0);
        assert_eq!(reached(&[], Some(1)), 1);
        assert_eq!(reached(&history(&[1, 2]), Some(3)), 3);
        assert_eq!(reached(&history(&[1, 3, 4]), None), 1);
        assert_eq!(reached(&history(&[1, 3, 4]), Some(2)), 4);
    }

    #[test]
    fn edited_and_newer_schemas_are_left_alone() {
        let set = set(2);
        let mut edited = history(&[1, 2]);
        edited[0].checksum = vec![9];
        let strict = |history: &[Applied]| standing(&set, history, 2, Order::Any);
        assert_eq!(strict(&edited), Standing::Changed(1));
        assert_eq!(strict(&history(&[1, 2, 3])), Standing::Ahead(3));
        assert!(matches!(
            strict(&edited).missing(&set),
            Err(Error::Changed { version: 1, .. })
        ));
    }
}
