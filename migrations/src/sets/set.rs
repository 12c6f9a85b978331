//! Both sets, checked as wholes.

use std::path::Path;

use include_dir::{Dir, include_dir};
use sha2::{Digest as _, Sha256};

use super::{
    file::{Baseline, Down, File, Migration},
    folder::{self, Texts},
    header::Phase,
    lint,
};
use crate::Error;

static PUBLIC: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/public");
static TENANT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/tenant");

/// Which set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetName {
    /// The control plane's own tables.
    Public,
    /// Every tenant's schema.
    Tenant,
}

impl SetName {
    /// Returns the name of the set's folder.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Tenant => "tenant",
        }
    }
}

/// The files of one set, in order.
#[derive(Debug, Clone)]
pub struct Set {
    /// Which set.
    pub name: SetName,
    /// The files, numbered from one without gaps.
    pub migrations: Vec<Migration>,
    /// The latest file that stands for others.
    pub baseline: Option<Baseline>,
}

/// Both sets.
#[derive(Debug, Clone)]
pub struct Sets {
    /// The control plane's.
    pub public: Set,
    /// The tenants'.
    pub tenant: Set,
}

impl Sets {
    /// Returns the sets built into the program.
    ///
    /// # Errors
    /// [`Error::Files`] with every fault of the files.
    pub fn embedded() -> Result<Self, Error> {
        Self::parse(folder::built_in(&PUBLIC), folder::built_in(&TENANT))
    }

    /// Reads the sets from the folders `public` and `tenant` of `dir`.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Files`] with every fault of the files.
    pub fn from_dir(dir: &Path) -> Result<Self, Error> {
        Self::parse(
            folder::read(&dir.join("public"))?,
            folder::read(&dir.join("tenant"))?,
        )
    }

    fn parse(public: Texts, tenant: Texts) -> Result<Self, Error> {
        let mut faults = Vec::new();
        let public = Set::parse(SetName::Public, public, &mut faults);
        let tenant = Set::parse(SetName::Tenant, tenant, &mut faults);
        if faults.is_empty() {
            Ok(Self { public, tenant })
        } else {
            Err(Error::Files(faults))
        }
    }
}

impl Set {
    /// Returns the number of the last file; zero if there is none.
    #[must_use]
    pub fn latest(&self) -> i64 {
        self.migrations
            .last()
            .map_or(0, |migration| migration.version)
    }

    /// Returns the file of a number.
    #[must_use]
    pub fn find(&self, version: i64) -> Option<&Migration> {
        let index = usize::try_from(version.checked_sub(1)?).ok()?;
        self.migrations.get(index)
    }

    /// Returns the least version that a program must know to serve a schema of
    /// `version`: that of the last file up to it that takes something away.
    #[must_use]
    pub fn needs(&self, version: i64) -> i64 {
        let applied = self.migrations.iter().filter(|m| m.version <= version);
        applied
            .filter(|migration| migration.header.phase == Phase::Contract)
            .map(|migration| migration.version)
            .max()
            .unwrap_or(0)
    }

    /// Returns what stands for the contents of the files up to a version: SHA-256
    /// over their numbers and checksums, in hex.
    #[must_use]
    pub fn fingerprint(&self, version: i64) -> String {
        let applied = self.migrations.iter().filter(|m| m.version <= version);
        let mut hash = Sha256::new();
        for migration in applied {
            hash.update(migration.version.to_be_bytes());
            hash.update(&migration.checksum);
        }
        format!("{:x}", hash.finalize())
    }

    fn parse(name: SetName, files: Texts, faults: &mut Vec<String>) -> Self {
        let mut set = Self {
            name,
            migrations: Vec::new(),
            baseline: None,
        };
        let mut downs = Vec::new();
        for (file, text) in files {
            let Some(parsed) = File::parse(&file, &text) else {
                continue;
            };
            let place = format!("{}/{file}", name.as_str());
            match parsed {
                Err(fault) => faults.push(format!("{place}: {fault}")),
                Ok(parsed) => {
                    let found = lint::check(name, &parsed);
                    faults.extend(found.into_iter().map(|fault| format!("{place}:{fault}")));
                    match parsed {
                        File::Migration(migration) => set.migrations.push(migration),
                        File::Down(version, down) => downs.push((place, version, down)),
                        File::Baseline(baseline) => set.keep_latest(baseline),
                    }
                }
            }
        }
        set.migrations.sort_by_key(|migration| migration.version);
        faults.extend(set.gap());
        faults.extend(downs.into_iter().filter_map(|down| set.attach(down)));
        let latest = set.latest();
        if set.baseline.as_ref().is_some_and(|b| b.version > latest) {
            faults.push(format!(
                "{}: the baseline goes beyond the files",
                name.as_str()
            ));
        }
        set
    }

    fn keep_latest(&mut self, baseline: Baseline) {
        if self
            .baseline
            .as_ref()
            .is_none_or(|b| b.version < baseline.version)
        {
            self.baseline = Some(baseline);
        }
    }

    /// Gives a migration the file that undoes it.
    fn attach(&mut self, (place, version, down): (String, i64, Down)) -> Option<String> {
        let found = self.migrations.iter_mut().find(|m| m.version == version);
        match found {
            Some(migration) => migration.down = Some(down),
            None => return Some(format!("{place}: there is no migration that it undoes")),
        }
        None
    }

    fn gap(&self) -> Option<String> {
        let set = self.name.as_str();
        let wrong = (1..)
            .zip(&self.migrations)
            .find(|(expected, migration)| migration.version != *expected)?;
        let (expected, found) = (wrong.0, wrong.1.version);
        Some(format!("{set}: {found} stands where {expected} should be"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(files: &[(&str, &str)]) -> Result<Sets, Vec<String>> {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        Sets::parse(Vec::new(), files.iter().map(own).collect()).map_err(|error| match error {
            Error::Files(faults) => faults,
            other => vec![other.to_string()],
        })
    }

    #[test]
    fn the_embedded_sets_are_sound() {
        let sets = Sets::embedded().unwrap();
        assert!(sets.public.latest() >= 1 && sets.tenant.latest() >= 1);
    }

    #[test]
    fn line_ends_and_marks_do_not_change_a_checksum() {
        let plain = parse(&[("0001_a.sql", "select 1;\nselect 2;\n")]).unwrap();
        let other = parse(&[("0001_a.sql", "\u{feff}select 1;\r\nselect 2;\r\n")]).unwrap();
        assert_eq!(
            plain.tenant.migrations[0].checksum,
            other.tenant.migrations[0].checksum
        );
    }

    #[test]
    fn a_fingerprint_stands_for_the_files_up_to_a_version() {
        let set = |second: &str| {
            let files = [("0001_a.sql", "select 1;"), ("0002_b.sql", second)];
            parse(&files).unwrap().tenant
        };
        let (one, other) = (set("select 2;"), set("select 3;"));
        assert_eq!(one.fingerprint(1), other.fingerprint(1));
        assert_ne!(one.fingerprint(2), other.fingerprint(2));
        assert_ne!(one.fingerprint(1), one.fingerprint(2));
        assert_eq!(one.fingerprint(2), one.fingerprint(9));
        assert_eq!(one.fingerprint(2).len(), 64);
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let files = [
            ("0001_a.sql", ""),
            ("0003_b.sql", ""),
            ("4_c.sql", ""),
            ("x.sql", ""),
        ];
        assert_eq!(parse(&files).unwrap_err().len(), 3);
        assert!(parse(&[("0001_a.sql", ""), ("0001_b.sql", "")]).is_err());
        assert!(parse(&[("0002_a.down.sql", "")]).is_err());
        assert!(parse(&[("0001_a.sql", ""), ("baseline_0002.sql", "")]).is_err());
        assert!(parse(&[("0001_a.sql", "-- min-app: 999.0.0\n")]).is_err());
    }

    #[test]
    fn files_beside_a_migration_are_not_migrations() {
        let files = [
            ("0001_a.sql", "create table a (id int);"),
            ("0001_a.down.sql", "drop table a;"),
            (
                "0002_b.sql",
                "-- phase: contract\nalter table a drop column id;",
            ),
            ("0003_c.sql", "create table c (id int);"),
            ("baseline_0001.sql", "create table a (id int);"),
            ("baseline_0002.sql", "create table a ();"),
            ("README.md", ""),
        ];
        let set = parse(&files).unwrap().tenant;
        assert_eq!(set.latest(), 3);
        assert_eq!(
            set.find(1).unwrap().down.as_ref().unwrap().sql,
            "drop table a;"
        );
        assert_eq!(set.baseline.as_ref().unwrap().version, 2);
        assert_eq!([1, 2, 3].map(|version| set.needs(version)), [0, 2, 2]);
        assert!(set.find(0).is_none() && set.find(4).is_none());
    }
}
