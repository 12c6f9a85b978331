//! Words and quoted texts of a filter.

use super::field::piece;

/// A value as a caller wrote it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Literal {
    /// The text, escapes resolved.
    pub(super) text: String,
    /// Which ends of the text are open.
    pub(super) open: Open,
    /// How it stands in the filter.
    pub(super) written: String,
}

/// At which ends a `*` stands for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    Neither,
    Start,
    End,
    Both,
}

impl Literal {
    /// Returns the text without the stars that stand for anything.
    pub(super) fn core(&self) -> &str {
        let text = &self.text;
        match self.open {
            Open::Neither => text,
            Open::Start => &text[1..],
            Open::End => &text[..text.len() - 1],
            // A single star is both ends.
            Open::Both => text.get(1..text.len() - 1).unwrap_or_default(),
        }
    }
}

/// Reads a filter from left to right.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes these characters if they are next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Takes a keyword if it is the next word.
    pub(super) fn keyword(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let found = self
            .rest()
            .strip_prefix(word)
            .is_some_and(|rest| rest.chars().next().is_none_or(ends_name));
        if found {
            self.at += word.len();
        }
        found
    }

    /// Takes the name of a field; empty if something else stands there.
    pub(super) fn name(&mut self) -> &'a str {
        self.take_until(ends_name)
    }

    /// Takes a word as a value, in which colons are nothing special: moments
    /// have them.
    pub(super) fn word(&mut self) -> Literal {
        let word = self.take_until(|c| c != ':' && ends_name(c));
        let chars = word.chars().map(|c| (c, c == '*')).collect();
        literal(chars, word)
    }

    /// Takes a quoted text.
    ///
    /// # Errors
    /// If it does not end, or escapes what needs no escape.
    pub(super) fn quoted(&mut self) -> Result<Literal, String> {
        let start = self.rest();
        let mut chars = start.char_indices();
        let quote = chars.next().map(|(_, quote)| quote);
        let mut text = Vec::new();
        while let Some((at, c)) = chars.next() {
            if Some(c) == quote {
                let end = at + c.len_utf8();
                self.at += end;
                return Ok(literal(text, &start[..end]));
            }
            if c != '\\' {
                text.push((c, c == '*'));
                continue;
            }
            let escaped = match chars.next().map(|(_, escaped)| escaped) {
                Some(same @ ('"' | '\'' | '\\' | '*')) => same,
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                _ => return Err(format!("has an unknown escape at {}", piece(&start[at..]))),
            };
            text.push((escaped, false));
        }
        Err(format!("has no closing quote for {}", piece(start)))
    }

    fn take_until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(ends).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }
}

fn ends_name(c: char) -> bool {
    c.is_whitespace() || "\"'()<>=!:,".contains(c)
}

/// Makes a value of characters and whether each is a star that was not escaped.
fn literal(chars: Vec<(char, bool)>, written: &str) -> Literal {
    let star = |end: Option<&(char, bool)>| end.is_some_and(|(_, star)| *star);
    let open = match (star(chars.first()), star(chars.last())) {
        (true, true) => Open::Both,
        (true, false) => Open::Start,
        (false, true) => Open::End,
        (false, false) => Open::Neither,
    };
    Literal {
        text: chars.into_iter().map(|(c, _)| c).collect(),
        open,
        written: written.to_owned(),
    }
}
