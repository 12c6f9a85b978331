//! What is counted under: hashes, for addresses do not rest here in clear.

use sha2::{Digest as _, Sha256};

/// Returns the key of something of a kind.
pub(super) fn key(kind: &str, name: &str) -> Vec<u8> {
    let hash = Sha256::new().chain_update(kind).chain_update([0]);
    hash.chain_update(name).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn keys_of_different_kinds_never_meet() {
        assert_ne!(key("account", "x"), key("origin", "x"));
        assert_ne!(key("a", "bc"), key("ab", "c"));
        assert_eq!(key("a", "b").len(), 32);
    }
}
