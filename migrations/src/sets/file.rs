//! One file: its name, its head, its text.

use sha2::{Digest as _, Sha256};

use super::header::{Form, Header, version};

/// Version of this program, which `min-app` is compared with.
const APP_VERSION: &str = env!("CARGO_PKG_VERSION");
/// Ending of files that undo.
const DOWN: &str = ".down.sql";

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
    /// What the file says of itself.
    pub header: Header,
    /// What undoes it, if there is such a file.
    pub down: Option<Down>,
}

/// The file that undoes a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// The SQL, as of a migration.
    pub sql: String,
    /// What the file says of itself.
    pub header: Header,
}

/// One file that says what all up to its number say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// Number of the last file that it stands for.
    pub version: i64,
    /// The SQL, as of a migration.
    pub sql: String,
    /// What the file says of itself.
    pub header: Header,
}

/// What a file of a folder turned out to be.
pub(crate) enum File {
    Migration(Migration),
    Down(i64, Down),
    Baseline(Baseline),
}

impl File {
    /// Reads a file; `None` for what is no SQL.
    pub(crate) fn parse(file: &str, text: &str) -> Option<Result<Self, String>> {
        let is_sql = file
            .get(file.len().saturating_sub(4)..)
            .is_some_and(|ending| ending.eq_ignore_ascii_case(".sql"));
        is_sql.then(|| Self::parse_sql(file, text))
    }

    /// Returns the SQL, and what the file says of itself.
    pub(crate) fn text(&self) -> (&str, &Header) {
        match self {
            Self::Migration(file) => (&file.sql, &file.header),
            Self::Down(_, file) => (&file.sql, &file.header),
            Self::Baseline(file) => (&file.sql, &file.header),
        }
    }

    fn parse_sql(file: &str, text: &str) -> Result<Self, String> {
        let sql = text
            .strip_prefix('\u{feff}')
            .unwrap_or(text)
            .replace("\r\n", "\n");
        let header = Header::parse(&sql)?;
        if let Some(number) = file
            .strip_prefix("baseline_")
            .and_then(|rest| rest.strip_suffix(".sql"))
        {
            return match header.form {
                Form::Transaction => Ok(Self::Baseline(Baseline {
                    version: digits(number).ok_or("the name must be `baseline_NNNN.sql`")?,
                    sql,
                    header,
                })),
                Form::NoTransaction => Err("a baseline runs in a transaction".to_owned()),
            };
        }
        let down = file.strip_suffix(DOWN);
        let (version, name) = named(down.or_else(|| file.strip_suffix(".sql")))?;
        if down.is_some() {
            if header.form == Form::NoTransaction {
                return Err("what undoes a migration runs in a transaction".to_owned());
            }
            return Ok(Self::Down(version, Down { sql, header }));
        }
        needs(&header)?;
        Ok(Self::Migration(Migration {
            version,
            name,
            checksum: Sha256::digest(sql.as_bytes()).to_vec(),
            sql,
            header,
            down: None,
        }))
    }
}

/// Splits `NNNN_name`.
fn named(stem: Option<&str>) -> Result<(i64, String), String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let parts = stem.and_then(|stem| stem.split_once('_'));
    let parts = parts.and_then(|(number, name)| Some((digits(number)?, name)));
    match parts {
        Some((version, name)) if !name.is_empty() && name.bytes().all(allowed) => {
            Ok((version, name.to_owned()))
        }
        _ => Err("the name must be `NNNN_name.sql`, with a-z, 0-9 and _".to_owned()),
    }
}

fn digits(text: &str) -> Option<i64> {
    let are_four = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| are_four)
}

/// Refuses a file that asks for a later program than this one.
fn needs(header: &Header) -> Result<(), String> {
    match header.min_app {
        Some(least) if version(APP_VERSION).is_none_or(|own| own < least) => {
            let [major, minor, patch] = least;
            Err(format!(
                "it needs version {major}.{minor}.{patch} of the program; this is {APP_VERSION}"
            ))
        }
        _ => Ok(()),
    }
}
