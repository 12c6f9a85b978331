//! Fields that lists are filtered and ordered by.

use resido_proto::filter::Kind;
use resido_tenancy::db::Column;

/// Names a field and the column that holds it, which is never null.
pub(crate) const fn column(field: &'static str, sql: &'static str, kind: Kind) -> Column {
    Column {
        field,
        sql,
        kind,
        sort: true,
    }
}

/// As [`column`], for one that a list may be filtered by alone.
pub(crate) const fn condition(field: &'static str, sql: &'static str, kind: Kind) -> Column {
    Column {
        sort: false,
        ..column(field, sql, kind)
    }
}
