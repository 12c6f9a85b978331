//! A strict pull reader of JSON text.
//!
//! No comments, no trailing commas, no BOM, no lone surrogates, no bare `NaN`;
//! at most [`MAX_DEPTH`] containers inside one another.
//!
//! *Source*: RFC 8259.

use std::borrow::Cow;

/// So many objects and arrays may stand inside one another.
pub(crate) const MAX_DEPTH: usize = 64;

/// A text that is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// Offset in bytes.
    pub(crate) at: usize,
    /// What is wrong, for a person.
    pub(crate) what: &'static str,
}

pub(super) type Lexed<T> = Result<T, SyntaxError>;

/// What the next value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peek {
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

impl Peek {
    /// Names the sort of value, with its article.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::True | Self::False => "a boolean",
            Self::Null => "null",
        }
    }
}

/// The state of a reader; a copy of it is a place to come back to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    depth: usize,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of a text.
    pub(crate) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// Returns the offset of the next value.
    pub(crate) fn offset(&mut self) -> usize {
        self.skip_space();
        self.at
    }

    /// Looks at what the next value is.
    pub(crate) fn peek(&mut self) -> Lexed<Peek> {
        match self.next_byte() {
            Some(b'{') => Ok(Peek::Object),
            Some(b'[') => Ok(Peek::Array),
            Some(b'"') => Ok(Peek::String),
            Some(b'-' | b'0'..=b'9') => Ok(Peek::Number),
            Some(b't') => Ok(Peek::True),
            Some(b'f') => Ok(Peek::False),
            Some(b'n') => Ok(Peek::Null),
            Some(b'/') => self.fail("comments are not part of JSON"),
            Some(0xef) if self.text[self.at..].starts_with('\u{feff}') => {
                self.fail("a byte order mark is not part of JSON")
            }
            Some(_) => self.fail("expected a value"),
            None => self.fail("the text ends where a value is expected"),
        }
    }

    /// Steps into an object or an array.
    pub(crate) fn enter(&mut self) -> Lexed<()> {
        if self.depth == MAX_DEPTH {
            return self.fail("more than 64 objects and arrays inside one another");
        }
        self.depth += 1;
        self.skip_space();
        self.at += 1;
        Ok(())
    }

    /// Reads the next key of an object and its colon; `None` after the last.
    pub(crate) fn next_key(&mut self, first: &mut bool) -> Lexed<Option<Cow<'a, str>>> {
        if !self.next_item(first, b'}')? {
            return Ok(None);
        }
        if self.next_byte() != Some(b'"') {
            return self.fail("expected a key in double quotes");
        }
        let key = self.string()?;
        if self.next_byte() != Some(b':') {
            return self.fail("expected `:`");
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Steps to the next element of an array; `false` after the last.
    pub(crate) fn next_element(&mut self, first: &mut bool) -> Lexed<bool> {
        self.next_item(first, b']')
    }

    /// Steps over the comma before an item, or over the closing bracket.
    fn next_item(&mut self, first: &mut bool, close: u8) -> Lexed<bool> {
        match self.next_byte() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(_) if std::mem::take(first) => Ok(true),
            Some(b',') => {
                self.at += 1;
                if self.next_byte() == Some(close) {
                    return self.fail("a comma must be followed by another item");
                }
                Ok(true)
            }
            Some(_) => self.fail("expected `,` or the end of the object or array"),
            None => self.fail("the text ends inside an object or array"),
        }
    }

    /// Reads a number as it is written.
    pub(crate) fn number(&mut self) -> Lexed<&'a str> {
        self.skip_space();
        let start = self.at;
        let length = super::number::grammar(&self.text[start..]);
        let Some(length) = length else {
            return self.fail("not a number of JSON");
        };
        self.at += length;
        Ok(&self.text[start..self.at])
    }

    /// Reads `true`, `false` or `null`.
    pub(crate) fn word(&mut self, word: &'static str) -> Lexed<()> {
        self.skip_space();
        if !self.text[self.at..].starts_with(word) {
            return self.fail("expected a value");
        }
        self.at += word.len();
        if self
            .text
            .as_bytes()
            .get(self.at)
            .is_some_and(u8::is_ascii_alphanumeric)
        {
            return self.fail("expected a value");
        }
        Ok(())
    }

    /// Reads any value and forgets it.
    pub(crate) fn skip_value(&mut self) -> Lexed<()> {
        match self.peek()? {
            Peek::Object => {
                self.enter()?;
                let mut first = true;
                while self.next_key(&mut first)?.is_some() {
                    self.skip_value()?;
                }
            }
            Peek::Array => {
                self.enter()?;
                let mut first = true;
                while self.next_element(&mut first)? {
                    self.skip_value()?;
                }
            }
            Peek::String => drop(self.string()?),
            Peek::Number => drop(self.number()?),
            Peek::True => self.word("true")?,
            Peek::False => self.word("false")?,
            Peek::Null => self.word("null")?,
        }
        Ok(())
    }

    /// Checks that nothing but space follows.
    pub(crate) fn end(&mut self) -> Lexed<()> {
        match self.next_byte() {
            None => Ok(()),
            Some(_) => self.fail("something follows the value"),
        }
    }

    /// Looks at the next byte that is not space.
    fn next_byte(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += rest.iter().take_while(|byte| space(byte)).count();
    }

    pub(super) fn fail<T>(&self, what: &'static str) -> Lexed<T> {
        Err(SyntaxError { at: self.at, what })
    }
}

/// Returns line and column of an offset, both from 1; columns count bytes.
pub(crate) fn position(text: &[u8], at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n');
    (line, column.count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(text: &str) -> Lexed<()> {
        let mut lexer = Lexer::new(text);
        lexer.skip_value()?;
        lexer.end()
    }

    #[test]
    fn c8_json_is_accepted() {
        for text in [
            "{}",
            " [ 1 , -0.5e+3 , \"a\" , true , false , null ] ",
            r#"{"a":{"b":[{}]},"":[]}"#,
            r#""\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00""#,
        ] {
            assert_eq!(skip(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn c8_what_is_not_json_is_refused() {
        for (text, at, what) in [
            ("", 0, "ends"),
            ("{} {}", 3, "follows"),
            ("{}x", 2, "follows"),
            ("[1,]", 3, "comma"),
            (r#"{"a":1,}"#, 7, "comma"),
            ("[,1]", 1, "expected a value"),
            ("[1 2]", 3, "expected `,`"),
            ("{a:1}", 1, "double quotes"),
            ("{'a':1}", 1, "double quotes"),
            (r#"{"a" 1}"#, 5, "expected `:`"),
            ("// x\n1", 0, "comments"),
            ("[1 /* x */]", 3, "expected `,`"),
            ("\u{feff}{}", 0, "byte order mark"),
            ("NaN", 0, "expected a value"),
            ("-Infinity", 0, "not a number"),
            ("Infinity", 0, "expected a value"),
            ("nul", 0, "expected a value"),
            ("nullx", 4, "expected a value"),
            ("True", 0, "expected a value"),
            (r#""\ud800""#, 1, "surrogate"),
            (r#""\ud800\ud800""#, 1, "surrogate"),
            (r#""\udc00""#, 1, "surrogate"),
            (r#""\u12g4""#, 1, "hexadecimal"),
            (r#""\x""#, 1, "escape"),
            ("\"a\nb\"", 2, "control"),
            ("\"a", 2, "ends"),
            ("\"a\\", 2, "ends"),
            ("[1", 2, "ends"),
            ("+1", 0, "expected a value"),
            ("01", 1, "follows"),
            ("1.", 0, "not a number"),
        ] {
            let error = skip(text).unwrap_err();
            assert!(
                error.at == at && error.what.contains(what),
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn c9_depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(skip(&nested(64)), Ok(()));
        assert_eq!(skip(&nested(65)).unwrap_err().at, 64);
        assert!(skip(&"[".repeat(1_000_000)).is_err());
        // Depth counts what is open, not what there was.
        assert_eq!(skip(&format!("[{}[]]", "[],".repeat(100))), Ok(()));
    }

    #[test]
    fn places_are_lines_and_columns() {
        assert_eq!(position(b"ab\ncd", 4), (2, 2));
        assert_eq!(position(b"ab\ncd", 0), (1, 1));
        assert_eq!(position(b"a", 99), (1, 2));
    }
}
