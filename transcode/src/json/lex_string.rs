//! Reads the strings of a JSON text.
//!
//! *Source*: RFC 8259, section 7.

use std::borrow::Cow;

use super::lex::{Lexed, Lexer, SyntaxError};

impl<'a> Lexer<'a> {
    /// Reads a string; the next byte is its opening quote.
    pub(crate) fn string(&mut self) -> Lexed<Cow<'a, str>> {
        self.skip_space();
        self.at += 1;
        let start = self.at;
        let mut unescaped: Option<String> = None;
        let mut plain_from = start;
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b'"') => {
                    let plain = &self.text[plain_from..self.at];
                    self.at += 1;
                    return Ok(match unescaped {
                        None => Cow::Borrowed(plain),
                        Some(text) => Cow::Owned(text + plain),
                    });
                }
                Some(b'\\') => {
                    let text = unescaped.get_or_insert_default();
                    text.push_str(&self.text[plain_from..self.at]);
                    let c = self.escape()?;
                    text.push(c);
                    plain_from = self.at;
                }
                Some(0..0x20) => return self.fail("a control character must be escaped"),
                Some(_) => self.at += 1,
                None => return self.fail("the text ends inside a string"),
            }
        }
    }

    /// Reads an escape sequence from its backslash on.
    fn escape(&mut self) -> Lexed<char> {
        let start = self.at;
        let error = |what| Err(SyntaxError { at: start, what });
        let Some(&byte) = self.text.as_bytes().get(self.at + 1) else {
            return error("the text ends inside a string");
        };
        self.at += 2;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let Some(unit) = self.hex4() else {
                    return error("`\\u` must be followed by four hexadecimal digits");
                };
                let mut point = unit;
                if (0xd800..0xdc00).contains(&unit) {
                    let low = self.text[self.at..].starts_with("\\u").then(|| {
                        self.at += 2;
                        self.hex4()
                    });
                    match low.flatten() {
                        Some(low) if (0xdc00..0xe000).contains(&low) => {
                            point = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        }
                        _ => return error("a surrogate without its other half"),
                    }
                }
                match char::from_u32(point) {
                    Some(c) => c,
                    None => return error("a surrogate without its other half"),
                }
            }
            _ => return error("no such escape sequence"),
        })
    }

    /// Reads the digits of `\u`.
    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_unescaped() {
        let read = |text| Lexer::new(text).string().unwrap().into_owned();
        assert_eq!(read(r#""plain ä""#), "plain ä");
        assert_eq!(read(r#""a\u00e4b\ud83d\ude00c\n""#), "aäb😀c\n");
    }
}
