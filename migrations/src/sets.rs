//! Sets of migration files: `NNNN_name.sql`, numbered from one without gaps.
//!
//! Comments at the head of a file steer it: `-- timeout: 60s` bounds its
//! statements. `NNNN_name.down.sql` files are kept beside and not applied.

use std::{fs, path::Path, time::Duration};

use include_dir::{Dir, include_dir};
use sha2::{Digest as _, Sha256};

use crate::{Error, lint};

static PUBLIC: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/public");
static TENANT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/tenant");

/// Time of a migration's statements at most, unless its file says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

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

/// One migration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Number of the file, from one.
    pub version: i64,
    /// What the file name says after the number.
    pub name: String,
    /// The SQL, with line feeds alone and without a byte-order mark.
    pub sql: String,
    /// SHA-256 of the SQL.
    pub checksum: Vec<u8>,
    /// Time of its statements at most.
    pub timeout: Duration,
}

/// The files of one set, in order.
#[derive(Debug, Clone)]
pub struct Set {
    /// Which set.
    pub name: SetName,
    /// The files, numbered from one without gaps.
    pub migrations: Vec<Migration>,
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
        let read = |dir: &Dir<'_>| {
            let files = dir.files().map(|file| {
                let name = file.path().to_string_lossy().into_owned();
                (name, String::from_utf8_lossy(file.contents()).into_owned())
            });
            files.collect()
        };
        Self::parse(read(&PUBLIC), read(&TENANT))
    }

    /// Reads the sets from the folders `public` and `tenant` of `dir`.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Files`] with every fault of the files.
    pub fn from_dir(dir: &Path) -> Result<Self, Error> {
        Self::parse(
            read_folder(&dir.join("public"))?,
            read_folder(&dir.join("tenant"))?,
        )
    }

    fn parse(public: Vec<(String, String)>, tenant: Vec<(String, String)>) -> Result<Self, Error> {
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

    fn parse(name: SetName, files: Vec<(String, String)>, faults: &mut Vec<String>) -> Self {
        let mut migrations: Vec<Migration> = Vec::new();
        for (file, text) in files {
            let is_sql = Path::new(&file)
                .extension()
                .is_some_and(|e| e.eq_ignore_ascii_case("sql"));
            if !is_sql || file.ends_with(".down.sql") {
                continue;
            }
            match parse_file(&file, &text) {
                Ok(migration) => {
                    faults.extend(
                        lint::check(name, &migration.sql)
                            .into_iter()
                            .map(|fault| format!("{}/{file}:{fault}", name.as_str())),
                    );
                    migrations.push(migration);
                }
                Err(fault) => faults.push(format!("{}/{file}: {fault}", name.as_str())),
            }
        }
        migrations.sort_by_key(|migration| migration.version);
        for (expected, migration) in (1..).zip(&migrations) {
            if migration.version != expected {
                let set = name.as_str();
                let found = migration.version;
                faults.push(format!("{set}: {found} stands where {expected} should be"));
                break;
            }
        }
        Self { name, migrations }
    }
}

fn parse_file(file: &str, text: &str) -> Result<Migration, String> {
    let stem = file.strip_suffix(".sql").unwrap_or(file);
    let (number, name) = stem
        .split_once('_')
        .ok_or("the name must be `NNNN_name.sql`")?;
    let digits = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !digits || name.is_empty() || !name.bytes().all(named) {
        return Err("the name must be `NNNN_name.sql`, with a-z, 0-9 and _".to_owned());
    }
    let sql = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .replace("\r\n", "\n");
    Ok(Migration {
        version: number.parse().map_err(|_| "the number cannot be read")?,
        name: name.to_owned(),
        checksum: Sha256::digest(sql.as_bytes()).to_vec(),
        timeout: timeout(&sql)?,
        sql,
    })
}

fn timeout(sql: &str) -> Result<Duration, String> {
    let head = sql
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("--"));
    let Some(text) = head
        .filter_map(|line| line.strip_prefix("-- timeout:"))
        .next()
    else {
        return Ok(DEFAULT_TIMEOUT);
    };
    let seconds = text
        .trim()
        .strip_suffix('s')
        .and_then(|number| number.parse().ok());
    let bounded = seconds.filter(|seconds| (1..=86_400).contains(seconds));
    bounded
        .map(Duration::from_secs)
        .ok_or_else(|| "`timeout` takes seconds, as `60s`".to_owned())
}

fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, Error> {
    let failed = |source| Error::Io {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "sql") {
            let text = fs::read_to_string(&path).map_err(|source| Error::Io {
                path: path.clone(),
                source,
            })?;
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.push((name, text));
        }
    }
    Ok(files)
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
        assert!(parse(&[("0001_a.sql", ""), ("0001_a.down.sql", "")]).is_ok());
    }

    #[test]
    fn a_file_may_ask_for_time() {
        let sets = parse(&[("0001_a.sql", "-- timeout: 5s\nselect 1;")]).unwrap();
        assert_eq!(sets.tenant.migrations[0].timeout, Duration::from_secs(5));
        assert!(parse(&[("0001_a.sql", "-- timeout: soon\n")]).is_err());
    }
}
