//! Runs the statement of a page.

use tokio_postgres::Row;

use super::{
    ask::{ListRequest, Listing},
    statement, token,
};
use crate::db::{
    Error,
    transaction::{Params, Transaction},
};

/// A page of a list.
#[derive(Debug)]
pub struct Rows {
    /// Its rows, with the columns of the listing.
    pub rows: Vec<Row>,
    /// Token of the next page; empty on the last one.
    pub next_page_token: String,
}

/// Reads a page.
pub(in crate::db) async fn run(
    tx: &Transaction,
    listing: &Listing,
    scope: Params<'_>,
    request: &ListRequest,
) -> Result<Rows, Error> {
    let (sql, values) = statement::build(listing, scope.len(), request);
    let mut params = scope.to_vec();
    params.extend(values.iter().map(|value| value.typed()));
    let mut rows = tx.query_built(&sql, &params).await?;
    let size = usize::from(request.page.size);
    let more = rows.len() > size;
    rows.truncate(size);
    let next_page_token = match rows.last() {
        Some(row) if more => token_of(row, request)?,
        _ => String::new(),
    };
    Ok(Rows {
        rows,
        next_page_token,
    })
}

fn token_of(row: &Row, request: &ListRequest) -> Result<String, Error> {
    let keys = (0..request.order.len())
        .map(|place| row.try_get(statement::key_name(place).as_str()))
        .collect::<Result<Vec<&str>, _>>()?;
    let id = row.try_get(statement::ID)?;
    token::encode(request.digest, &keys, id).ok_or(Error::KeysTooLong)
}
