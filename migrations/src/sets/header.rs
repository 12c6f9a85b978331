//! What the comments at the head of a file say about how it is applied.
//!
//! ```text
//! -- no-transaction
//! -- phase: contract
//! -- timeout: 60s
//! -- lock-timeout: 2s
//! -- min-app: 1.4.0
//! -- allow: full-scan
//! ```

use std::time::Duration;

/// Time of a migration's statements at most, unless its file says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Time a statement waits for a lock. Others queue behind one that waits, so it
/// is short, and the migration is tried again.
const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// How a file is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// In one transaction with the row that records it.
    #[default]
    Transaction,
    /// On its own, for what PostgreSQL refuses within a transaction.
    NoTransaction,
}

/// Whether programs of before can go on with the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// It adds: programs that know nothing of it go on.
    #[default]
    Expand,
    /// It takes away: programs of before it are refused.
    Contract,
}

/// A rule that a file may set aside for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// A statement may read or rewrite all rows while others wait.
    FullScan,
}

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Default: in a transaction.
    pub form: Form,
    /// Default: it adds.
    pub phase: Phase,
    /// Time of each statement at most, 1 to 86,400 s; default 60 s.
    pub timeout: Duration,
    /// Time a statement waits for a lock, 1 to 3,600 s; default 2 s.
    pub lock_timeout: Duration,
    /// The least version of this program that applies it.
    pub min_app: Option<[u64; 3]>,
    /// Rules that are set aside; default none.
    pub allow: Vec<Allowed>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            form: Form::default(),
            phase: Phase::default(),
            timeout: DEFAULT_TIMEOUT,
            lock_timeout: DEFAULT_LOCK_TIMEOUT,
            min_app: None,
            allow: Vec::new(),
        }
    }
}

impl Header {
    pub(crate) fn allows(&self, rule: Allowed) -> bool {
        self.allow.contains(&rule)
    }

    /// Reads the comments before the first line that is none. A comment that is
    /// no directive is passed over, one that nearly is is refused.
    pub(super) fn parse(sql: &str) -> Result<Self, String> {
        let mut header = Self::default();
        let head = sql
            .lines()
            .take_while(|line| line.is_empty() || line.starts_with("--"));
        for line in head {
            let text = line.trim_start_matches('-').trim();
            if text == "no-transaction" {
                header.form = Form::NoTransaction;
            } else if let Some((key, value)) = text.split_once([':', '=', ' ']) {
                if text.as_bytes().get(key.len()) == Some(&b':') {
                    header.set(key, value.trim())?;
                } else {
                    near(key, value)?;
                }
            } else {
                near(text, "")?;
            }
        }
        Ok(header)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "phase" => {
                self.phase = match value {
                    "expand" => Phase::Expand,
                    "contract" => Phase::Contract,
                    _ => return Err("`phase` takes `expand` or `contract`".to_owned()),
                };
            }
            "timeout" => self.timeout = seconds(key, value, 86_400)?,
            "lock-timeout" => self.lock_timeout = seconds(key, value, 3600)?,
            "min-app" => {
                let version = version(value);
                self.min_app = Some(version.ok_or("`min-app` takes a version, as `1.4.0`")?);
            }
            "allow" => match value {
                "full-scan" => self.allow.push(Allowed::FullScan),
                _ => return Err("`allow` takes `full-scan`".to_owned()),
            },
            _ => return near(key, value),
        }
        Ok(())
    }
}

/// Refuses what is nearly a directive: one that is not followed in silence would
/// be worse. Sentences that begin with the same word are let through.
fn near(key: &str, value: &str) -> Result<(), String> {
    let value = value.trim();
    let written = format!("{key} {value}").trim_end().to_lowercase();
    let no_transaction = [
        "no transaction",
        "no_transaction",
        "notransaction",
        "no-transaction",
    ];
    if no_transaction.contains(&written.as_str()) {
        return Err("the directive is written `-- no-transaction`".to_owned());
    }
    let key = key.to_lowercase().replace('_', "-");
    let known = ["phase", "timeout", "lock-timeout", "min-app", "allow"];
    if known.contains(&key.as_str()) && !value.is_empty() && !value.contains(' ') {
        return Err(format!("the directive is written `-- {key}: {value}`"));
    }
    Ok(())
}

fn seconds(key: &str, value: &str, most: u64) -> Result<Duration, String> {
    let number = value
        .strip_suffix('s')
        .and_then(|number| number.parse().ok());
    let bounded = number.filter(|seconds| (1..=most).contains(seconds));
    bounded
        .map(Duration::from_secs)
        .ok_or_else(|| format!("`{key}` takes seconds from 1 to {most}, as `60s`"))
}

/// Reads `1.4.0`, without what may follow a `-` or `+`.
pub(super) fn version(text: &str) -> Option<[u64; 3]> {
    let core = text.split(['-', '+']).next()?;
    let numbers: Vec<_> = core
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_up_to_the_first_statement() {
        let text = "-- Adds an index.\n-- no-transaction\n\n-- phase: contract\n-- timeout: 5s\n\
                    -- lock-timeout: 1s\n-- min-app: 1.4.0\n-- allow: full-scan\nselect 1;\n-- timeout: 9s\n";
        let expected = Header {
            form: Form::NoTransaction,
            phase: Phase::Contract,
            timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(1),
            min_app: Some([1, 4, 0]),
            allow: vec![Allowed::FullScan],
        };
        assert_eq!(Header::parse(text), Ok(expected));
        assert_eq!(
            Header::parse("-- Why: it is so.\n-- Phase out the old column.\nselect 1;"),
            Ok(Header::default())
        );
    }

    #[test]
    fn a_directive_that_cannot_be_followed_is_refused() {
        for text in [
            "-- timeout: soon",
            "-- timeout: 0s",
            "-- timeout: 5m",
            "-- timeout: 86401s",
            "-- lock-timeout: 3601s",
            "-- phase: maybe",
            "-- min-app: newest",
            "-- min-app: 1.4",
            "-- allow: everything",
            "-- Phase: contract",
            "-- phase contract",
            "-- phase=contract",
            "-- no transaction",
            "-- No-Transaction",
            "-- lock_timeout: 2s",
        ] {
            assert!(Header::parse(text).is_err(), "{text}");
        }
    }
}
