//! Finds every fault of a configuration file.
//!
//! The parser stops at the first one. So that a person need not mend them one by
//! one, the entry with the fault is blanked out, which keeps all line numbers,
//! and the rest is read again.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::Settings;

/// Faults that are reported at most.
const MAX_FAULTS: usize = 50;

/// A fault and the line, from one, that it is in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: Option<usize>,
    pub(super) text: String,
}

/// Reads a configuration.
pub(super) fn read(text: &str) -> Result<Settings, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut rest = text.to_owned();
    let settings = loop {
        let error = match toml::from_str::<Settings>(&rest) {
            Ok(settings) => break Some(settings),
            Err(error) => error,
        };
        let line = error.span().map(|span| line_at(text, span.start));
        faults.push(Fault {
            line,
            text: error.message().trim().to_owned(),
        });
        let blanked = error.span().and_then(|span| blank(&rest, &span));
        match blanked {
            Some(blanked) if blanked != rest && faults.len() < MAX_FAULTS => rest = blanked,
            _ => break None,
        }
    };
    if let Some(settings) = &settings {
        faults.extend(settings.faults().into_iter().map(|fault| {
            let path = fault.split([' ', ':']).next().unwrap_or_default();
            Fault {
                line: line_of(text, path),
                text: fault,
            }
        }));
    }
    faults.sort_by_key(|fault| fault.line);
    match settings {
        Some(settings) if faults.is_empty() => Ok(settings),
        _ => Err(faults),
    }
}

fn line_at(text: &str, position: usize) -> usize {
    text.bytes()
        .take(position)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// Returns the line of a key such as `database.lock_seconds`.
fn line_of(text: &str, path: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    let mut keys = path.split('.').peekable();
    while let Some(key) = keys.next() {
        let (name, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
        if keys.peek().is_none() {
            return Some(line_at(text, name.span().start));
        }
        table = value.get_ref().as_table()?;
    }
    None
}

/// Blanks out the innermost entry that a fault lies in; nothing if the text is
/// no TOML.
fn blank(text: &str, fault: &Range<usize>) -> Option<String> {
    let root = DeTable::parse(text).ok()?;
    let entry = entry_around(root.get_ref(), fault)?;
    let line_start = text[..entry.start].rfind('\n').map_or(0, |at| at + 1);
    let heads_section = text[line_start..].trim_start().starts_with('[');
    let range = if heads_section {
        let next = text[entry.end..]
            .find("\n[")
            .map_or(text.len(), |at| entry.end + at);
        line_start..next
    } else {
        entry
    };
    let mut bytes = text.as_bytes().to_vec();
    for byte in &mut bytes[range] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
    String::from_utf8(bytes).ok()
}

/// Returns the span of key and value of the innermost entry around a fault.
fn entry_around(table: &DeTable<'_>, fault: &Range<usize>) -> Option<Range<usize>> {
    table.iter().find_map(|(key, value)| {
        within(value, fault).or_else(|| {
            let (key, value) = (key.span(), value.span());
            let whole = key.start.min(value.start)..key.end.max(value.end);
            (whole.start <= fault.start && fault.end <= whole.end).then_some(whole)
        })
    })
}

fn within(value: &Spanned<DeValue<'_>>, fault: &Range<usize>) -> Option<Range<usize>> {
    match value.get_ref() {
        DeValue::Table(table) => entry_around(table, fault),
        DeValue::Array(items) => items.iter().find_map(|item| within(item, fault)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Option<usize>> {
        read(text)
            .unwrap_err()
            .into_iter()
            .map(|fault| fault.line)
            .collect()
    }

    #[test]
    fn n3_every_fault_is_found_with_its_line() {
        let text = "\
[gateway]
listen = \"nowhere\"
lisen = 1
[gatway]
a = 1
[database]
lock_seconds = 0
app_connections = \"many\"
[migrations]
run = \"sometimes\"
";
        assert_eq!(
            lines(text),
            [Some(2), Some(3), Some(4), Some(7), Some(8), Some(10)],
            "{:?}",
            read(text)
        );
    }

    #[test]
    fn what_is_no_toml_is_one_fault() {
        assert_eq!(lines("[gateway]\nlisten = \n"), [Some(2)]);
    }

    #[test]
    fn faults_in_lists_of_tables_are_found() {
        let text = "
[[gateway.upstreams]]
name = \"a\"
endpoints = [\"http://h:1\"]
surprise = 1
[[gateway.upstreams]]
endpoints = [\"http://h:1\"]
";
        assert_eq!(lines(text)[0], Some(5), "{:?}", read(text));
        assert_eq!(lines(text).len(), 2, "{:?}", read(text));
    }

    #[test]
    fn nothing_is_a_configuration() {
        assert!(read("").is_ok());
        assert!(read("[database]\nlock_seconds = 3\n").is_ok());
    }
}
