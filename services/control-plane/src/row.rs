//! Reads columns: a wrong type is a failure of the statement, as any other.

use resido_tenancy::db::{self, Row};
use tokio_postgres::types::FromSql;

use crate::Error;

/// Returns one column of a row.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, Error> {
    row.try_get(name)
        .map_err(|error| db::Error::from(error).into())
}
