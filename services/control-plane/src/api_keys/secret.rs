//! The parts of a key: a prefix to find it by, and a secret.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// What every key begins with, so that scanners find keys that leaked.
pub(super) const MARK: &str = "rsk_";
/// Characters of a prefix.
const PREFIX_LENGTH: usize = 12;
/// *Source*: RFC 4648, section 6, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;
/// Bytes of a hash.
pub(super) const HASH_BYTES: usize = 32;

/// A secret that was just made: the only moment at which its text is known.
pub(super) struct Secret(String);

impl Secret {
    /// Makes a secret.
    pub(super) fn generate() -> Result<Self, Error> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random::<SECRET_BYTES>()?)))
    }

    /// Returns what is kept of it.
    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }

    /// Returns the key as programs send it.
    pub(super) fn into_key(self, prefix: &str) -> String {
        format!("{MARK}{prefix}_{}", self.0)
    }
}

/// Makes a prefix.
pub(super) fn prefix() -> Result<String, Error> {
    let bytes = random::<PREFIX_LENGTH>()?;
    let letter = |byte: u8| char::from(BASE32[usize::from(byte % 32)]);
    Ok(bytes.into_iter().map(letter).collect())
}

/// Whether a text can be a prefix.
pub(super) fn is_prefix(text: &str) -> bool {
    text.len() == PREFIX_LENGTH && text.bytes().all(|byte| BASE32.contains(&byte))
}

/// Whether two texts are the same hash; the time it takes does not tell where they
/// differ.
pub(super) fn same(kept: &[u8], shown: &[u8]) -> bool {
    shown.len() == HASH_BYTES && verify_slices_are_equal(kept, shown).is_ok()
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Error::Fault("no randomness"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_three_parts_of_fixed_length() {
        let (prefix, secret) = (prefix().unwrap(), Secret::generate().unwrap());
        assert!(is_prefix(&prefix), "{prefix}");
        let kept = secret.hash();
        let key = secret.into_key(&prefix);
        assert_eq!(key.len(), 4 + 12 + 1 + 43);
        assert_eq!(&key[..17], format!("rsk_{prefix}_"));
        assert_eq!(Sha256::digest(&key[17..]).to_vec(), kept);
        assert_eq!(kept.len(), HASH_BYTES);
    }

    #[test]
    fn keys_are_random() {
        assert_ne!(prefix().unwrap(), prefix().unwrap());
        let hash = || Secret::generate().unwrap().hash();
        assert_ne!(hash(), hash());
    }

    #[test]
    fn prefixes_are_told_from_other_texts() {
        assert!(is_prefix("abcdefghij27"));
        for text in [
            "",
            "abcdefghij2",
            "abcdefghij271",
            "ABCDEFGHIJ27",
            "abcdefghij21",
            "abcdefghij2\0",
        ] {
            assert!(!is_prefix(text), "{text:?}");
        }
    }

    #[test]
    fn hashes_are_the_same_or_not() {
        assert!(same(&[1; 32], &[1; 32]));
        assert!(!same(&[1; 32], &[2; 32]));
        assert!(!same(&[1; 32], &[1; 31]));
        assert!(!same(&[], &[]), "nothing is no hash");
    }
}
