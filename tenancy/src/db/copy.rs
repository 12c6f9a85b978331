//! The rows of a table as PostgreSQL writes them, piece by piece.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio_postgres::CopyOutStream;

use super::{Error, transaction::Transaction};
use crate::tenant::{InvalidIdentifier, quote_identifier};

/// A table that is being read. The server sends no faster than it is read;
/// dropped before its end, it ends the transaction.
pub struct CopyOut<'a> {
    tx: &'a Transaction,
    stream: Pin<Box<CopyOutStream>>,
}

impl<'a> CopyOut<'a> {
    /// Begins to read these columns of a table.
    pub(super) async fn begin(
        tx: &'a Transaction,
        table: &str,
        columns: &[String],
    ) -> Result<Self, Error> {
        let sql = statement(table, columns).map_err(|_| Error::CheckFailed)?;
        let stream = Box::pin(tx.copy_out(&sql).await?);
        Ok(Self { tx, stream })
    }

    /// Returns the next bytes of the text format, usually one row; none at the
    /// end.
    ///
    /// # Errors
    /// If the statement fails; the transaction has ended then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let next = self.tx.bounded(self.stream.next()).await;
        match next {
            Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
            Ok(None) => {
                self.tx.copied();
                Ok(None)
            }
            Ok(Some(Err(error))) => Err(error.into()),
            Err(deadline) => Err(deadline),
        }
    }
}

impl std::fmt::Debug for CopyOut<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyOut").finish_non_exhaustive()
    }
}

fn statement(table: &str, columns: &[String]) -> Result<String, InvalidIdentifier> {
    let columns = columns
        .iter()
        .map(|column| quote_identifier(column))
        .collect::<Result<Vec<_>, _>>()?;
    let table = quote_identifier(table)?;
    Ok(format!("copy {table} ({}) to stdout", columns.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::statement;

    #[test]
    fn names_are_quoted_or_refused() {
        let columns = ["id".to_owned(), "line1".to_owned()];
        assert_eq!(
            statement("units", &columns).unwrap(),
            "copy \"units\" (\"id\", \"line1\") to stdout"
        );
        assert!(statement("units\" to program 'x", &columns).is_err());
        assert!(statement("units", &["id\"".to_owned()]).is_err());
    }
}
