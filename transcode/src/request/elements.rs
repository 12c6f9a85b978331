//! Cuts a body into the texts of its messages as it arrives.
//!
//! Only the borders are looked for; whether a text is JSON, its reader finds
//! out. A text that is one JSON value ends exactly where its border is found.

use bytes::{Bytes, BytesMut};

/// How messages stand in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One on each line; lines of space alone are skipped.
    Lines,
    /// As the elements of one array.
    Array,
}

/// The text of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) text: Bytes,
    pub(super) start: Position,
}

/// A place in the body: line and column in bytes, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Why a body cannot be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A text has more bytes than the limit.
    TooLarge,
    /// It is no array, or goes on after it.
    Syntax(&'static str, Position),
}

/// Where in the body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the opening bracket.
    Before,
    /// Before the first element of an array, or its end.
    First,
    /// After a comma.
    Next,
    /// Within an element.
    Inside(Nesting),
    /// After the closing bracket.
    After,
}

/// How deep within an element a byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Steps over a byte; `true` if the element ends before it.
    fn step(&mut self, byte: u8) -> bool {
        if self.in_string {
            let escapes = byte == b'\\' && !self.escaped;
            self.in_string = byte != b'"' || self.escaped;
            self.escaped = escapes;
            return false;
        }
        match byte {
            b',' | b']' if self.depth == 0 => return true,
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        false
    }
}

/// The state of cutting one body. It holds one unfinished text, of `limit`
/// bytes at most, and what was pushed last.
#[derive(Debug)]
pub(super) struct Elements {
    form: Form,
    limit: usize,
    buffer: BytesMut,
    /// Bytes of the buffer in which no border stands.
    scanned: usize,
    /// Of the buffer's first byte.
    position: Position,
    state: State,
    complete: bool,
}

impl Elements {
    /// Takes texts of at most `limit` bytes.
    pub(super) fn new(form: Form, limit: usize) -> Self {
        Self {
            form,
            limit,
            buffer: BytesMut::new(),
            scanned: 0,
            position: Position { line: 1, column: 1 },
            state: State::Before,
            complete: false,
        }
    }

    /// Takes the next bytes of the body.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that the body is complete.
    pub(super) fn finish(&mut self) {
        self.complete = true;
    }

    /// Returns the next text, or none before more of the body has come.
    ///
    /// # Errors
    /// If there is none to be found; the body is of no use then.
    pub(super) fn next(&mut self) -> Result<Option<Element>, Flaw> {
        match self.form {
            Form::Lines => self.next_line(),
            Form::Array => self.next_of_array(),
        }
    }

    fn next_line(&mut self) -> Result<Option<Element>, Flaw> {
        loop {
            let unseen = self.buffer.get(self.scanned..).unwrap_or_default();
            let border = unseen.iter().position(|byte| *byte == b'\n');
            let Some(length) = border.map(|at| self.scanned + at) else {
                self.scanned = self.buffer.len();
                self.check_size(self.scanned)?;
                let last = self.complete.then(|| self.take(self.scanned));
                return Ok(last.filter(|line| !line.text.iter().all(is_space)));
            };
            self.check_size(length)?;
            let line = self.take(length);
            self.skip(1);
            if !line.text.iter().all(is_space) {
                return Ok(Some(line));
            }
        }
    }

    fn next_of_array(&mut self) -> Result<Option<Element>, Flaw> {
        loop {
            if let State::Inside(nesting) = self.state {
                return self.inside(nesting);
            }
            self.skip_space();
            let Some(byte) = self.buffer.first().copied() else {
                return self.ended();
            };
            match (self.state, byte) {
                (State::Before, b'[') => {
                    self.skip(1);
                    self.state = State::First;
                }
                (State::Before, _) => return self.fail("expected an array of messages"),
                (State::First, b']') => {
                    self.skip(1);
                    self.state = State::After;
                }
                (State::Next, b']') => {
                    return self.fail("a comma must be followed by another item");
                }
                (State::First | State::Next, b',') => return self.fail("expected a value"),
                (State::First | State::Next, _) => self.state = State::Inside(Nesting::default()),
                (State::Inside(_) | State::After, _) => {
                    return self.fail("something follows the array");
                }
            }
        }
    }

    /// Looks for the end of an element.
    fn inside(&mut self, mut nesting: Nesting) -> Result<Option<Element>, Flaw> {
        let unseen = self.buffer.get(self.scanned..).unwrap_or_default();
        let border = unseen.iter().position(|byte| nesting.step(*byte));
        let Some(length) = border.map(|at| self.scanned + at) else {
            self.scanned = self.buffer.len();
            self.state = State::Inside(nesting);
            self.check_size(self.scanned)?;
            return self.ended();
        };
        self.check_size(length)?;
        let element = self.take(length);
        let closes = self.buffer.first() == Some(&b']');
        self.state = if closes { State::After } else { State::Next };
        self.skip(1);
        Ok(Some(element))
    }

    /// Checks that the body may end here, if it does. A body without a byte is
    /// one without messages.
    fn ended(&self) -> Result<Option<Element>, Flaw> {
        let untouched = self.position == Position { line: 1, column: 1 };
        match self.state {
            _ if !self.complete => Ok(None),
            State::After => Ok(None),
            State::Before if untouched => Ok(None),
            State::Before => self.fail("the text ends where an array is expected"),
            _ => self.fail("the text ends inside the array"),
        }
    }

    fn check_size(&self, length: usize) -> Result<(), Flaw> {
        if length > self.limit {
            return Err(Flaw::TooLarge);
        }
        Ok(())
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, Flaw> {
        Err(Flaw::Syntax(what, self.position))
    }

    fn take(&mut self, length: usize) -> Element {
        let start = self.position;
        let text = self.buffer.split_to(length).freeze();
        self.pass(&text);
        Element { text, start }
    }

    fn skip(&mut self, length: usize) {
        let skipped = self.buffer.split_to(length.min(self.buffer.len()));
        self.pass(&skipped);
    }

    fn skip_space(&mut self) {
        let length = self.buffer.iter().take_while(|byte| is_space(byte)).count();
        self.skip(length);
    }

    /// Moves the position over bytes that have left the buffer.
    fn pass(&mut self, bytes: &[u8]) {
        self.scanned = 0;
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        self.position.line += lines;
        let last = bytes.iter().rev().take_while(|byte| **byte != b'\n');
        let before = if lines == 0 { self.position.column } else { 1 };
        self.position.column = before + last.count();
    }
}

fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts a body that comes in pieces of `piece` bytes.
    fn cut(form: Form, body: &str, piece: usize) -> Result<Vec<Element>, Flaw> {
        let mut elements = Elements::new(form, 10);
        let mut found = Vec::new();
        for bytes in body.as_bytes().chunks(piece) {
            elements.push(bytes);
            while let Some(element) = elements.next()? {
                found.push(element);
            }
            assert!(elements.buffer.len() <= 10, "{body}: too much is held");
        }
        elements.finish();
        while let Some(element) = elements.next()? {
            found.push(element);
        }
        Ok(found)
    }

    /// Checks texts with their lines and columns, however the body is cut.
    fn check(form: Form, body: &str, expected: &[(&str, usize, usize)]) {
        for piece in 1..=body.len().max(1) {
            let found = cut(form, body, piece).unwrap();
            let found: Vec<_> = found
                .iter()
                .map(|element| {
                    let text = std::str::from_utf8(&element.text).unwrap();
                    (text, element.start.line, element.start.column)
                })
                .collect();
            assert_eq!(found, expected, "{body:?} in pieces of {piece}");
        }
    }

    #[test]
    fn c11_lines_are_messages_but_for_blank_ones() {
        let lines = Form::Lines;
        check(lines, "", &[]);
        check(lines, "\n \t\r\n\n", &[]);
        check(lines, "{}", &[("{}", 1, 1)]);
        check(
            lines,
            "1\n\n [2] \r\n3\n",
            &[("1", 1, 1), (" [2] \r", 3, 1), ("3", 4, 1)],
        );
    }

    #[test]
    fn c11_the_elements_of_an_array_are_messages() {
        let array = Form::Array;
        check(array, "", &[]);
        check(array, " [ ] ", &[]);
        check(
            array,
            "[1,\n {\"a\":[]} ,\"]\\\\\",\"\\\",[\"]\n",
            &[
                ("1", 1, 2),
                ("{\"a\":[]} ", 2, 2),
                ("\"]\\\\\"", 2, 12),
                ("\"\\\",[\"", 2, 18),
            ],
        );
        // No value, which its reader will say.
        check(array, "[}]", &[("}", 1, 2)]);
        check(array, "[1 2]", &[("1 2", 1, 2)]);
    }

    #[test]
    fn c8_what_is_no_array_is_refused_where_it_is() {
        for (body, what, column) in [
            (" ", "ends where an array", 2),
            ("{}", "expected an array", 1),
            ("\u{feff}[]", "expected an array", 1),
            ("[,1]", "expected a value", 2),
            ("[1,,2]", "expected a value", 4),
            ("[1, ]", "followed by another", 5),
            ("[1]]", "something follows", 4),
            ("[1][", "something follows", 4),
            ("[", "ends inside", 2),
            ("[1", "ends inside", 2),
            ("[1,", "ends inside", 4),
            ("[\"]", "ends inside", 2),
            ("[[1]", "ends inside", 2),
        ] {
            for piece in 1..=body.len() {
                let Err(Flaw::Syntax(found, at)) = cut(Form::Array, body, piece) else {
                    panic!("{body} is taken");
                };
                assert!(found.contains(what), "{body}: {found}");
                assert_eq!((at.line, at.column), (1, column), "{body}");
            }
        }
    }

    #[test]
    fn c9_one_text_is_bounded_and_the_body_is_not() {
        for (form, fits, over) in [
            (Form::Lines, "0123456789\n", "0123456789a"),
            (Form::Array, "0123456789,", "0123456789a"),
        ] {
            let body = match form {
                Form::Lines => fits.repeat(1000),
                Form::Array => format!("[{}1]", fits.repeat(1000)),
            };
            assert!(cut(form, &body, 1).unwrap().len() >= 1000);
            let over = body.replacen("0123456789", over, 1);
            assert_eq!(cut(form, &over, 1), Err(Flaw::TooLarge));
        }
        let spaces = format!("[{}1]", " ".repeat(1000));
        assert_eq!(cut(Form::Array, &spaces, 7).unwrap().len(), 1);
    }
}
