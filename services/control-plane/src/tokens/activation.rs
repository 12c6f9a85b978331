//! Activation tokens: 256 random bits, of which only the SHA-256 is kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// Random bytes of a token.
const BYTES: usize = 32;

/// A token that was just made: the only moment at which its text is known.
pub(crate) struct Activation {
    text: String,
}

impl Activation {
    /// Makes a token.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub(crate) fn generate() -> Result<Self, Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|_| Error::Fault("no randomness"))?;
        Ok(Self {
            text: URL_SAFE_NO_PAD.encode(bytes),
        })
    }

    /// Returns what is kept of the token.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.text).to_vec()
    }

    /// Gives the text away.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// Returns what would have been kept of a token with this text; nothing if the
/// text is no token at all.
pub(crate) fn hash_of(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    (bytes.len() == BYTES).then(|| Sha256::digest(text).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_random_and_fit_into_a_url() {
        let (first, second) = (
            Activation::generate().unwrap().into_text(),
            Activation::generate().unwrap().into_text(),
        );
        assert_ne!(first, second);
        assert_eq!(first.len(), 43);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(first.chars().all(plain), "{first}");
    }

    #[test]
    fn a_token_is_found_by_its_hash_alone() {
        let token = Activation::generate().unwrap();
        let kept = token.hash();
        let text = token.into_text();
        assert_eq!(hash_of(&text), Some(kept.clone()));
        assert_eq!(kept.len(), 32);
        assert_ne!(URL_SAFE_NO_PAD.encode(kept), text);
    }

    #[test]
    fn texts_that_are_no_tokens_have_no_hash() {
        for text in ["", "x", &"A".repeat(42), &"A".repeat(44), &"+".repeat(43)] {
            assert_eq!(hash_of(text), None, "{text}");
        }
    }
}
