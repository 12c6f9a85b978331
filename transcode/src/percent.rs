//! Percent-decoding that refuses what it cannot decode.

use std::borrow::Cow;

/// Why a text cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// A `%` without two hexadecimal digits.
    Escape,
    /// The decoded bytes are not UTF-8.
    Utf8,
}

impl DecodeError {
    /// Says what is wrong, to follow the name of the text.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Escape => "has a `%` that is not followed by two hexadecimal digits",
            Self::Utf8 => "is not UTF-8 after decoding",
        }
    }
}

/// What a decoder does beside the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Decodes every escape.
    All,
    /// Decodes every escape but `%2F`, which stays as sent.
    KeepSlash,
    /// Decodes every escape, and `+` as a space.
    Form,
}

/// Decodes `%XX` escapes.
pub(crate) fn decode(text: &str, mode: Mode) -> Result<Cow<'_, str>, DecodeError> {
    let plain = |byte: &u8| *byte != b'%' && (*byte != b'+' || mode != Mode::Form);
    if text.as_bytes().iter().all(plain) {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((&byte, rest)) = bytes.split_first() {
        bytes = rest;
        match byte {
            b'+' if mode == Mode::Form => decoded.push(b' '),
            b'%' => {
                let (value, after) = escape(rest).ok_or(DecodeError::Escape)?;
                if value == b'/' && mode == Mode::KeepSlash {
                    decoded.push(b'%');
                    decoded.extend_from_slice(&rest[..2]);
                } else {
                    decoded.push(value);
                }
                bytes = after;
            }
            _ => decoded.push(byte),
        }
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| DecodeError::Utf8)
}

/// Reads the two digits of an escape.
fn escape(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, rest @ ..] = bytes else {
        return None;
    };
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some((digit(high)? * 16 + digit(low)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_by_mode() {
        let check = |text, mode, expected| assert_eq!(decode(text, mode).unwrap(), expected);
        check("plain+text", Mode::All, "plain+text");
        check("a%20b%2fc", Mode::All, "a b/c");
        check("a%20b%2fc%2F", Mode::KeepSlash, "a b%2fc%2F");
        check("a+b%2Bc", Mode::Form, "a b+c");
        check("%C3%A4", Mode::All, "ä");
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for text in ["%", "%2", "%zz", "a%+1", "%é9"] {
            assert_eq!(decode(text, Mode::All), Err(DecodeError::Escape), "{text}");
        }
        for text in ["%ff", "%C3", "%ed%a0%80"] {
            assert_eq!(decode(text, Mode::All), Err(DecodeError::Utf8), "{text}");
        }
    }
}
