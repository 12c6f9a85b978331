//! Page tokens: the last row shown, and of which list.
//!
//! ```text
//! token  = base64url(digest(16) id(16) { length(2) key })
//! ```
//! Keys are text. The digest of filter, order and table is no signature: it
//! keeps callers from using a token where it means nothing.

use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use resido_proto::filter::Kind;
use uuid::Uuid;

use super::{bind::Bind, key};

/// Bytes of a token at most.
pub(super) const MAX_BYTES: usize = 4096;

/// What a token is good for.
pub(super) type Digest = [u8; 16];

/// The place behind a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// The keys of the row, in the types of their columns.
    pub(super) keys: Vec<Bind>,
    /// Its id.
    pub(super) id: Uuid,
}

/// Returns the digest of what a token is good for.
pub(super) fn digest(parts: [&str; 3]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut digest = Digest::default();
    for (to, from) in digest.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    digest
}

/// Writes the token of a row; none if its keys are too long.
pub(super) fn encode(digest: Digest, keys: &[&str], id: Uuid) -> Option<String> {
    let mut bytes = digest.to_vec();
    bytes.extend(id.as_bytes());
    for key in keys {
        bytes.extend(u16::try_from(key.len()).ok()?.to_be_bytes());
        bytes.extend(key.as_bytes());
    }
    let token = URL_SAFE_NO_PAD.encode(bytes);
    (token.len() <= MAX_BYTES).then_some(token)
}

/// Reads a token with keys of these kinds; none if it is not one of those that
/// the digest stands for.
pub(super) fn decode(token: &str, digest: Digest, kinds: &[Kind]) -> Option<Place> {
    (token.len() <= MAX_BYTES).then_some(())?;
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let rest = bytes.strip_prefix(&digest)?;
    let (id, mut rest) = rest.split_first_chunk()?;
    let mut keys = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let (length, behind) = rest.split_first_chunk()?;
        let (key, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
        keys.push(key::read(*kind, std::str::from_utf8(key).ok()?)?);
        rest = behind;
    }
    let id = Uuid::from_bytes(*id);
    rest.is_empty().then_some(Place { keys, id })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const ID: Uuid = Uuid::from_u128(7);
    const ANY_ID: Kind = Kind::Id(|_| None);

    fn good_for() -> Digest {
        digest(["floor = 1", "create_time", "units"])
    }

    #[test]
    fn a_token_leads_back_to_its_row() {
        for (kind, text, bind) in [
            (Kind::Text, "a'b", Bind::Text("a'b".into())),
            (Kind::Text, "", Bind::Text(String::new())),
            (Kind::Integer, "-9", Bind::Integer(-9)),
            (Kind::Number, "1e+300", Bind::Number(1e300)),
            (Kind::Number, "-Infinity", Bind::Number(f64::NEG_INFINITY)),
            (Kind::Flag, "true", Bind::Flag(true)),
            (
                Kind::Time,
                "1970-01-01T00:00:00.000000Z",
                Bind::Time(UNIX_EPOCH),
            ),
            (Kind::Time, "infinity", Bind::Text("infinity".into())),
            (Kind::Date, "2026-01-31", Bind::Text("2026-01-31".into())),
            (Kind::Date, "-infinity", Bind::Text("-infinity".into())),
            (Kind::Word(&[]), "active", Bind::Text("active".into())),
            (ANY_ID, &ID.to_string(), Bind::Id(ID)),
        ] {
            let token = encode(good_for(), &[text, "last"], ID).unwrap();
            let place = decode(&token, good_for(), &[kind, Kind::Text]).unwrap();
            let keys = vec![bind, Bind::Text("last".into())];
            assert_eq!(place, Place { keys, id: ID }, "{text}");
        }
    }

    #[test]
    fn a_token_is_good_for_one_list_alone() {
        let token = encode(good_for(), &["x"], ID).unwrap();
        assert!(decode(&token, good_for(), &[Kind::Text]).is_some());
        for other in [
            ["floor = 2", "create_time", "units"],
            ["floor = 1", "create_time desc", "units"],
            ["floor = 1", "create_time", "properties"],
            // The borders between the parts count.
            ["floor = 1c", "reate_time", "units"],
        ] {
            assert_eq!(decode(&token, digest(other), &[Kind::Text]), None);
        }
    }

    #[test]
    fn a_forged_key_never_reaches_the_database() {
        for (kind, text) in [
            (Kind::Text, "a\0"),
            (Kind::Word(&[]), "\0"),
            (Kind::Integer, "9223372036854775808"),
            (Kind::Integer, "1; drop table units"),
            (Kind::Integer, ""),
            (Kind::Number, "one"),
            (Kind::Flag, "t"),
            (Kind::Time, "99999-01-01T00:00:00Z"),
            (Kind::Time, "2026-02-30T00:00:00Z"),
            (Kind::Time, "now"),
            (Kind::Time, "1970-01-01"),
            (Kind::Date, "0000-01-01"),
            (Kind::Date, "today"),
            (Kind::Date, "2026-02-30"),
            (ANY_ID, "units/1"),
        ] {
            let token = encode(good_for(), &[text], ID).unwrap();
            assert_eq!(decode(&token, good_for(), &[kind]), None, "{text:?}");
        }
    }

    #[test]
    fn a_token_of_another_shape_is_none() {
        let whole = encode(good_for(), &["abc"], ID).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&whole).unwrap();
        for length in 0..bytes.len() {
            let cut = URL_SAFE_NO_PAD.encode(&bytes[..length]);
            assert_eq!(decode(&cut, good_for(), &[Kind::Text]), None, "{length}");
        }
        let mut wrong_text = bytes.clone();
        wrong_text[bytes.len() - 1] = 0xff;
        let longer = [&bytes[..], b"d"].concat();
        for token in [
            "",
            "x",
            "not a token",
            &"A".repeat(MAX_BYTES + 4),
            &format!("{whole}="),
            &URL_SAFE_NO_PAD.encode(wrong_text),
            &URL_SAFE_NO_PAD.encode(longer),
        ] {
            assert_eq!(decode(token, good_for(), &[Kind::Text]), None, "{token}");
        }
        assert_eq!(decode(&whole, good_for(), &[]), None);
        assert_eq!(decode(&whole, good_for(), &[Kind::Text; 2]), None);
    }

    #[test]
    fn keys_that_no_token_holds_make_none() {
        assert!(encode(good_for(), &["x".repeat(3000).as_str()], ID).is_some());
        assert_eq!(encode(good_for(), &["x".repeat(4000).as_str()], ID), None);
        assert_eq!(encode(good_for(), &["x".repeat(70_000).as_str()], ID), None);
    }
}
