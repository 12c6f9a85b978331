//! Values of a built statement.

use std::time::SystemTime;

use resido_proto::filter::Kind;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::db::params::typed;

/// A value that is bound, never written into the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bind {
    /// Text, and what is cast from it.
    Text(String),
    Integer(i64),
    Number(f64),
    Flag(bool),
    Time(SystemTime),
    Id(Uuid),
}

impl Bind {
    pub(super) fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Text(text) => typed(text),
            Self::Integer(number) => typed(number),
            Self::Number(number) => typed(number),
            Self::Flag(flag) => typed(flag),
            Self::Time(time) => typed(time),
            Self::Id(id) => typed(id),
        }
    }
}

impl From<String> for Bind {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Returns the type that values of a kind are cast to.
pub(super) const fn cast(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Word(_) => "text",
        Kind::Integer => "bigint",
        Kind::Number => "double precision",
        Kind::Flag => "boolean",
        Kind::Time => "timestamptz",
        Kind::Date => "date",
        Kind::Id(_) => "uuid",
    }
}
