//! The form of an API key: `rsk_<prefix>_<secret>`.

use sha2::{Digest as _, Sha256};

/// Characters of the prefix, in base32, and of the secret, in base64url.
const LENGTHS: (usize, usize) = (12, 43);

/// An API key that has the right form; nobody knows yet whose it is.
#[derive(Clone, Copy)]
pub(super) struct ApiKey<'a> {
    /// By which it is found.
    pub(super) prefix: &'a str,
    secret: &'a str,
}

impl<'a> ApiKey<'a> {
    /// Reads a key; none for any other text.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("rsk_")?;
        let (prefix, rest) = rest.split_at_checked(LENGTHS.0)?;
        let secret = rest.strip_prefix('_')?;
        // RFC 4648, sections 5 and 6, without padding.
        let base32 = |byte: u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let fits =
            secret.len() == LENGTHS.1 && prefix.bytes().all(base32) && secret.bytes().all(base64);
        fits.then_some(Self { prefix, secret })
    }

    /// Returns the SHA-256 of the secret, all that leaves this process of it.
    pub(super) fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL_-789";

    #[test]
    fn g6_a_key_is_taken_apart() {
        let text = format!("rsk_abcdefgh2345_{SECRET}");
        let key = ApiKey::parse(&text).unwrap();
        assert_eq!((key.prefix, key.secret), ("abcdefgh2345", SECRET));
        let hash: [u8; 32] = Sha256::digest(SECRET).into();
        assert_eq!(key.secret_hash(), hash);
    }

    #[test]
    fn g6_what_only_looks_like_a_key_is_none() {
        for text in [
            String::new(),
            "rsk_".to_owned(),
            format!("RSK_abcdefgh2345_{SECRET}"),
            format!("rsk_abcdefgh234_{SECRET}"),
            format!("rsk_abcdefgh23456_{SECRET}"),
            format!("rsk_ABCDEFGH2345_{SECRET}"),
            format!("rsk_abcdefgh0189_{SECRET}"),
            format!("rsk_abcdefgh234ä_{SECRET}"),
            format!("rsk_abcdefgh2345-{SECRET}"),
            format!("rsk_abcdefgh2345_{SECRET}a"),
            format!("rsk_abcdefgh2345_{}", &SECRET[1..]),
            format!("rsk_abcdefgh2345_{}=", &SECRET[1..]),
            format!("rsk_abcdefgh2345_{}+", &SECRET[1..]),
        ] {
            assert!(ApiKey::parse(&text).is_none(), "{text}");
        }
    }
}
