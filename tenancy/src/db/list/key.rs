//! The keys that a list is ordered by.

use resido_proto::filter::{self, Direction, Kind, Term};

use super::{
    ask::Column,
    bind::{Bind, cast},
};

/// A column that a list is ordered by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) column: &'static Column,
    pub(super) direction: Direction,
}

impl Key {
    pub(super) fn all(columns: &'static [Column], terms: &[Term]) -> Vec<Self> {
        let keys = terms.iter().filter_map(|term| {
            Some(Self {
                column: columns.get(term.column)?,
                direction: term.direction,
            })
        });
        keys.collect()
    }

    /// Returns what rows are ordered by.
    pub(super) fn sql(&self) -> String {
        let sql = self.column.sql;
        match self.column.kind {
            Kind::Text | Kind::Word(_) => format!(r#"({sql}) collate "C""#),
            // A token holds a double, so that must be what is compared.
            Kind::Number => format!("({sql})::double precision"),
            _ => format!("({sql})"),
        }
    }

    /// Returns the placeholder of a value that [`sql`](Self::sql) compares with.
    pub(super) fn placeholder(&self, number: usize) -> String {
        let collation = match self.column.kind {
            Kind::Text | Kind::Word(_) => r#" collate "C""#,
            _ => "",
        };
        format!("${number}::{}{collation}", cast(self.column.kind))
    }

    /// Returns the key as text that [`read`] understands, whatever the settings
    /// of the session.
    pub(super) fn text_sql(&self) -> String {
        let sql = self.column.sql;
        let finite =
            |text: String| format!("case when isfinite({sql}) then {text} else ({sql})::text end");
        match self.column.kind {
            Kind::Time => finite(format!(
                r#"to_char(({sql}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#
            )),
            Kind::Date => finite(format!("to_char(({sql})::timestamp, 'YYYY-MM-DD')")),
            Kind::Number => format!("({sql})::double precision::text"),
            _ => format!("({sql})::text"),
        }
    }
}

/// Reads a key out of a page token. What comes out, the database takes.
pub(super) fn read(kind: Kind, text: &str) -> Option<Bind> {
    let endless = matches!(text, "infinity" | "-infinity");
    match kind {
        Kind::Text | Kind::Word(_) => (!text.contains('\0')).then(|| Bind::Text(text.to_owned())),
        Kind::Integer => text.parse().ok().map(Bind::Integer),
        // Doubles of the database have infinities and NaN as well, in order.
        Kind::Number => text.parse().ok().map(Bind::Number),
        Kind::Flag => text.parse().ok().map(Bind::Flag),
        Kind::Time | Kind::Date if endless => Some(Bind::Text(text.to_owned())),
        Kind::Time => filter::time(text).map(Bind::Time),
        Kind::Date => filter::date(text).map(Bind::Text),
        Kind::Id(_) => text.parse().ok().map(Bind::Id),
    }
}
