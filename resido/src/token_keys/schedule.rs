//! Which key does what at a moment.

use std::time::Duration;

use anyhow::{Context as _, Result};
use resido_control_plane::KeyRing;

use super::KeyFile;

/// A key among the others.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) file: KeyFile,
    /// From when it verifies no more, in seconds since 1970.
    pub(crate) retires: Option<u64>,
}

/// All keys, in the order in which they sign.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schedule(Vec<Kept>);

impl Schedule {
    /// Orders keys. Each retires when any key after it says so.
    pub(crate) fn new(mut files: Vec<KeyFile>) -> Self {
        files.sort_by(|a, b| {
            let key = |file: &KeyFile| (file.sign_from, file.created);
            key(a)
                .cmp(&key(b))
                .then_with(|| a.key.kid().cmp(b.key.kid()))
        });
        let mut retires = None;
        let mut kept: Vec<_> = files
            .into_iter()
            .rev()
            .map(|file| {
                let end = file.sign_from.saturating_add(file.overlap.as_secs());
                let before = retires.map_or(end, |retires: u64| retires.min(end));
                let kept = Kept { file, retires };
                retires = Some(before);
                kept
            })
            .collect();
        kept.reverse();
        Self(kept)
    }

    /// Returns all keys.
    pub(crate) fn keys(&self) -> &[Kept] {
        &self.0
    }

    /// Returns the key that signs at a moment: the last one whose time has come,
    /// or else the first of all.
    pub(crate) fn signing(&self, now: u64) -> Option<&Kept> {
        let begun = |kept: &&Kept| kept.file.sign_from <= now;
        self.0.iter().rfind(begun).or_else(|| self.0.first())
    }

    /// Returns the keys at a moment.
    pub(crate) fn ring(&self, now: u64) -> Result<KeyRing> {
        let signing = self.signing(now).context("there is no key")?;
        let others = self
            .0
            .iter()
            .filter(|kept| kept.file.key.kid() != signing.file.key.kid() && !kept.is_retired(now));
        let others = others.map(|kept| kept.file.key.clone()).collect();
        Ok(KeyRing::new(signing.file.key.clone(), others))
    }
}

impl Kept {
    /// Whether it verifies no more.
    pub(crate) fn is_retired(&self, now: u64) -> bool {
        self.retires.is_some_and(|end| end <= now)
    }
}

/// Returns the seconds since 1970.
pub(crate) fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or(Duration::ZERO).as_secs()
}

#[cfg(test)]
mod tests {
    use resido_tenancy::keys::SigningKey;

    use super::*;

    fn file(created: u64, sign_from: u64, overlap: u64) -> KeyFile {
        KeyFile {
            key: SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap(),
            created,
            sign_from,
            overlap: Duration::from_secs(overlap),
        }
    }

    /// Returns the places of the keys that are published, that which signs first.
    fn at(now: u64, files: &[KeyFile]) -> Vec<usize> {
        let ring = Schedule::new(files.to_vec()).ring(now).unwrap();
        let place = |kid: &str| files.iter().position(|file| file.key.kid() == kid);
        let kids = ring.jwks().keys.into_iter();
        kids.map(|key| place(&key.common.key_id.unwrap()).unwrap())
            .collect()
    }

    #[test]
    fn a_key_signs_until_the_next_one_does_and_verifies_through_the_overlap() {
        let files = [file(0, 0, 0), file(100, 160, 900)];
        // Published first.
        assert_eq!(at(100, &files), [0, 1]);
        assert_eq!(at(159, &files), [0, 1]);
        assert_eq!(at(160, &files), [1, 0]);
        assert_eq!(at(160 + 899, &files), [1, 0]);
        assert_eq!(at(160 + 900, &files), [1]);
    }

    #[test]
    fn a_short_overlap_ends_all_keys_before() {
        let files = [file(0, 0, 0), file(100, 100, 86_400), file(200, 200, 900)];
        // The next one is published before it signs.
        assert_eq!(at(199, &files), [1, 0, 2]);
        assert_eq!(at(200, &files), [2, 0, 1]);
        assert_eq!(at(1100, &files), [2]);
        // Nor does a later rotation lengthen what an earlier one granted.
        let files = [file(0, 0, 0), file(100, 100, 900), file(200, 200, 86_400)];
        assert_eq!(at(1000, &files), [2, 1]);
    }

    #[test]
    fn there_is_always_a_key_that_signs() {
        assert_eq!(at(50, &[file(100, 100, 900)]), [0]);
        assert!(Schedule::default().ring(50).is_err());
    }

    #[test]
    fn the_order_of_files_does_not_matter() {
        let files = [file(0, 0, 0), file(100, 100, 900)];
        let turned = [files[1].clone(), files[0].clone()];
        assert_eq!(at(150, &files), [1, 0]);
        assert_eq!(at(150, &turned), [0, 1]);
    }
}
