//! Splits SQL into words, marks and literals, without understanding it.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word or a number, or a name in double quotes.
    Word,
    /// One of `; . , ( )`.
    Mark,
    /// A string, in single quotes or between dollar tags.
    Literal,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Line of its begin, from one.
    pub(crate) line: usize,
    /// A word in lower case without its quotes, a literal without its marks.
    pub(crate) text: String,
    /// Bytes of the SQL that it takes.
    pub(crate) place: Range<usize>,
}

impl Token {
    /// Whether it is this word or mark.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.kind != Kind::Literal && self.text == text
    }
}

/// Returns the tokens outside comments.
pub(crate) fn tokens(sql: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(c) = sql[at..].chars().next() {
        let after_word = sql[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let (length, literal) = match escaped(&sql[at..]).filter(|_| !after_word) {
            Some((length, inner)) => (length, Some(inner)),
            None => token(&sql[at..]),
        };
        let raw = &sql[at..at + length];
        let token = if let Some(inner) = literal {
            Some((Kind::Literal, inner.to_owned()))
        } else if c.is_alphanumeric() || c == '_' || c == '"' {
            Some((Kind::Word, raw.trim_matches('"').to_lowercase()))
        } else if ";.,()".contains(c) {
            Some((Kind::Mark, c.to_string()))
        } else {
            None
        };
        if let Some((kind, text)) = token {
            let place = at..at + length;
            found.push(Token {
                kind,
                line,
                text,
                place,
            });
        }
        line += raw.matches('\n').count();
        at += length;
    }
    found
}

/// Splits tokens into statements, without the semicolons between them.
pub(crate) fn statements(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    tokens
        .split(|token| token.is(";"))
        .filter(|statement| !statement.is_empty())
}

/// Returns how many bytes the next token takes, and the inside of a literal.
fn token(rest: &str) -> (usize, Option<&str>) {
    let until = |end: &str, from: usize| {
        let found = rest[from..].find(end).map(|at| from + at);
        let inner = found.unwrap_or(rest.len());
        (found.map_or(rest.len(), |at| at + end.len()), inner)
    };
    if rest.starts_with("--") {
        (until("\n", 2).0, None)
    } else if rest.starts_with("/*") {
        (block_comment(rest), None)
    } else if rest.starts_with('\'') {
        let (length, inner) = until("'", 1);
        (length, Some(&rest[1..inner]))
    } else if rest.starts_with('"') {
        (until("\"", 1).0, None)
    } else if let Some(tag) = dollar_tag(rest) {
        let (length, inner) = until(tag, tag.len());
        (length, Some(&rest[tag.len()..inner]))
    } else {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
        let first = rest.chars().next().map_or(1, char::len_utf8);
        (end.max(first), None)
    }
}

/// Returns the length and the inside of a string with backslashes in it, `E'…'`.
fn escaped(rest: &str) -> Option<(usize, &str)> {
    let inner = rest
        .strip_prefix("e'")
        .or_else(|| rest.strip_prefix("E'"))?;
    let mut backslash = false;
    for (at, c) in inner.char_indices() {
        match c {
            '\\' => backslash = !backslash,
            '\'' if !backslash => return Some((2 + at + 1, &inner[..at])),
            _ => backslash = false,
        }
    }
    Some((rest.len(), inner))
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let tail = &rest[at..];
        if tail.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if tail.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn dollar_tag(rest: &str) -> Option<&str> {
    let inner = rest.strip_prefix('$')?;
    let end = inner.find('$')?;
    let name = |c: char| c.is_alphanumeric() || c == '_';
    let valid = inner[..end].chars().all(name) && !inner.starts_with(|c: char| c.is_ascii_digit());
    valid.then(|| &rest[..end + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<String> {
        tokens(sql).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_marks_and_literals_are_told_apart() {
        let sql = "Select \"Public\".x, 'it' -- ; no\n from /* a /* b */ ; */ y $q$ ; $q$;";
        assert_eq!(
            texts(sql),
            [
                "select", "public", ".", "x", ",", "it", "from", "y", " ; ", ";"
            ]
        );
        let found = tokens(sql);
        assert_eq!(found[6].line, 2);
        assert_eq!(&sql[found[1].place.clone()], "\"Public\"");
        assert_eq!(statements(&found).count(), 1);
    }

    #[test]
    fn a_string_with_backslashes_ends_where_postgresql_ends_it() {
        assert_eq!(
            texts(r"select E'\''; commit; select e'a\\' || 'b';"),
            [
                "select", r"\'", ";", "commit", ";", "select", r"a\\", "b", ";"
            ]
        );
        assert_eq!(texts("type'x'"), ["type", "x"]);
        for sql in ["e'", "E'\\", "E'ä"] {
            let _read = tokens(sql);
        }
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for sql in [
            "'", "\"", "$$", "$a$ $b$", "/*", "/* /* */", "--", "ä$1$ ", "$1", "",
        ] {
            let _read = tokens(sql);
        }
    }

    #[test]
    fn every_byte_belongs_to_one_token_at_most() {
        let sql = "create table ü (a text default 'é''b'); do $$ begin null; end $$;";
        let found = tokens(sql);
        assert!(
            found
                .windows(2)
                .all(|two| two[0].place.end <= two[1].place.start)
        );
    }
}
