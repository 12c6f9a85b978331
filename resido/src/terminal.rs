//! What a person sees: the only place that prints.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::cli::Format;

/// Prints a line of the result.
pub(crate) fn line(text: &str) {
    // Whoever stops reading wants no more of it: no reason to fail.
    writeln!(io::stdout(), "{text}").ok();
}

/// Prints a line about what is going on, which is not part of the result.
pub(crate) fn note(text: &str) {
    writeln!(io::stderr(), "{text}").ok();
}

/// Prints why a command failed, with every cause once.
pub(crate) fn failure(error: &anyhow::Error) {
    let mark = if colours() {
        "\x1b[31merror:\x1b[0m"
    } else {
        "error:"
    };
    note(&format!("{mark} {error}"));
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        if text != last {
            note(&format!("  because {text}"));
        }
        last = text;
    }
}

/// Prints a value for programs.
pub(crate) fn json(value: &serde_json::Value) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints labels and their values, one a line, without those that are empty.
pub(crate) fn pairs(pairs: &[(&str, String)]) {
    let shown = || pairs.iter().filter(|(_, value)| !value.is_empty());
    let width = shown().map(|(label, _)| label.chars().count()).max();
    for (label, value) in shown() {
        line(&format!(
            "{label:<width$}  {value}",
            width = width.unwrap_or_default()
        ));
    }
}

/// Prints rows as a table for people, or as JSON for programs.
pub(crate) fn rows<T: Serialize>(
    format: Format,
    rows: &[T],
    head: &[&str],
    cells: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    match format {
        Format::Json => line(&serde_json::to_string_pretty(rows)?),
        Format::Text => {
            let cells: Vec<_> = rows.iter().map(cells).collect();
            for text in table(head, &cells) {
                line(&text);
            }
        }
    }
    Ok(())
}

/// Lays out a table: columns as wide as their longest cell, two blanks between.
fn table(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<_> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let lay = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<_> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![lay(&mut head.iter().copied())];
    lines.extend(
        rows.iter()
            .map(|row| lay(&mut row.iter().map(String::as_str))),
    );
    lines
}

/// Whether messages may be coloured.
///
/// *Source*: no-color.org for `NO_COLOR`.
fn colours() -> bool {
    std::io::stderr().is_terminal() && crate::environment::variable("NO_COLOR").is_none()
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["a".to_owned(), "ä".to_owned()],
            vec!["long".to_owned(), "b".to_owned()],
        ];
        assert_eq!(table(&["X", "Y"], &rows), ["X     Y", "a     ä", "long  b"]);
    }
}
