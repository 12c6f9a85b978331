//! One key as a file holds it.
//!
//! ```text
//! Sign-From: 1764028800
//! Overlap: 86400
//! -----BEGIN PRIVATE KEY-----
//! …
//! ```
//! Both lines are in seconds, the first since 1970.
//!
//! *Source*: RFC 7468, section 5.2, for text before the key.

use std::time::Duration;

use anyhow::{Context as _, Result};
use resido_tenancy::keys::SigningKey;

const SIGN_FROM: &str = "Sign-From: ";
const OVERLAP: &str = "Overlap: ";
const BEGIN: &str = "-----BEGIN ";

/// A key, and when it does what.
#[derive(Debug, Clone)]
pub(crate) struct KeyFile {
    pub(crate) key: SigningKey,
    /// When it was made, in seconds since 1970; zero for the first key, whose
    /// file does not say.
    pub(crate) created: u64,
    /// From when it signs.
    pub(crate) sign_from: u64,
    /// How long after that the keys before it verify.
    pub(crate) overlap: Duration,
}

/// Returns the text of a new key's file.
pub(super) fn write(pem: &str, sign_from: u64, overlap: Duration) -> String {
    let overlap = overlap.as_secs();
    format!("{SIGN_FROM}{sign_from}\n{OVERLAP}{overlap}\n{pem}")
}

/// Reads the text of a file that was made at a moment.
pub(super) fn read(text: &str, created: u64) -> Result<KeyFile> {
    let at = text.find(BEGIN).context("it holds no key")?;
    let (head, pem) = text.split_at(at);
    let number = |name: &str| -> Result<Option<u64>> {
        let value = head.lines().find_map(|line| line.strip_prefix(name));
        let number = value.map(|value| value.trim().parse()).transpose();
        number.with_context(|| format!("the number after `{name}` cannot be read"))
    };
    Ok(KeyFile {
        key: SigningKey::from_pem(pem)?,
        created,
        sign_from: number(SIGN_FROM)?.unwrap_or(created),
        overlap: Duration::from_secs(number(OVERLAP)?.unwrap_or_default()),
    })
}

/// Returns the name of a new key's file.
pub(super) fn name(created: u64, kid: &str) -> String {
    format!("{created}-{kid}.pem")
}

/// Reads when the key of a file was made; none if it is no key's file.
pub(super) fn created(name: &str) -> Option<u64> {
    let (created, _kid) = name.strip_suffix(".pem")?.split_once('-')?;
    created.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_back() {
        let pem = SigningKey::generate_pem().unwrap();
        let text = write(&pem, 1000, Duration::from_secs(900));
        let read = read(&text, 990).unwrap();
        let kid = SigningKey::from_pem(&pem).unwrap().kid().to_owned();
        assert_eq!(read.key.kid(), kid);
        assert_eq!((read.created, read.sign_from), (990, 1000));
        assert_eq!(read.overlap, Duration::from_secs(900));
        assert_eq!(created(&name(990, &kid)), Some(990));
    }

    #[test]
    fn a_bare_key_signs_from_the_start() {
        let pem = SigningKey::generate_pem().unwrap();
        let read = read(&pem, 0).unwrap();
        assert_eq!((read.sign_from, read.overlap), (0, Duration::ZERO));
    }

    #[test]
    fn damaged_files_are_told() {
        let pem = SigningKey::generate_pem().unwrap();
        for text in ["", "Sign-From: 1\n", &format!("Overlap: long\n{pem}")] {
            assert!(read(text, 0).is_err(), "{text}");
        }
        for name in ["x.pem", "12.pem", "12-kid", "12-kid.pem.part", "-kid.pem"] {
            assert_eq!(created(name), None, "{name}");
        }
    }
}
