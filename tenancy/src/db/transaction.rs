//! A transaction on a leased connection: the part that tenant and public
//! transactions share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use resido_observability::spans;
use tokio::time::Instant;
use tokio_postgres::{
    CopyOutStream, Row,
    types::{ToSql, Type},
};
use tracing::Instrument as _;

use super::{Error, params::typed, pool::Lease};

/// Bind parameters with their types.
pub(super) type Params<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reads alone; the server refuses writes.
    Reads,
    /// Reads alone, and all of one moment.
    Snapshot,
    /// Reads and writes.
    Writes,
}

impl Kind {
    fn begin(self) -> &'static str {
        match self {
            Self::Reads => "begin read only",
            Self::Snapshot => "begin isolation level repeatable read read only",
            Self::Writes => "begin",
        }
    }
}

/// An open transaction.
///
/// After a failed statement it has ended: the server would refuse everything
/// else anyway, so it is rolled back at once and the connection stays good.
/// Dropped unfinished, it takes its connection with it.
pub(super) struct Transaction {
    lease: Lease,
    deadline: Option<Instant>,
    tenant: Option<String>,
    kind: Kind,
    ended: AtomicBool,
    /// Statements that have begun and not ended. One whose future was dropped
    /// stays here: nobody knows what became of it, so nothing may be committed.
    under_way: AtomicUsize,
}

impl Transaction {
    /// Takes over a connection; `BEGIN` has not been sent yet.
    pub(super) fn new(
        lease: Lease,
        kind: Kind,
        deadline: Option<Instant>,
        tenant: Option<String>,
    ) -> Self {
        lease.set_busy(true);
        Self {
            lease,
            deadline,
            tenant,
            kind,
            ended: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
        }
    }

    /// Sends `BEGIN`, the settings and the check together: one round trip.
    /// Returns the row that the check found.
    #[expect(
        clippy::disallowed_methods,
        reason = "BEGIN is safe on a slot that is marked busy"
    )]
    pub(super) async fn open(
        &self,
        settings: &'static str,
        values: &[String],
        check: &'static str,
    ) -> Result<Option<Row>, Error> {
        let client = &self.lease.client;
        let values: Vec<_> = values.iter().map(typed).collect();
        let messages = async {
            // Sent in this order: each is queued when it is first polled.
            tokio::join!(
                client.batch_execute(self.kind.begin()),
                client.query_typed(settings, &values),
                client.query_typed(check, &[]),
            )
        };
        let (begun, set, checked) = self
            .bounded(messages)
            .instrument(self.span("begin"))
            .await?;
        begun?;
        set?;
        Ok(checked?.pop())
    }

    pub(super) async fn query(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, Error> {
        self.query_built(sql, params).await
    }

    /// Runs a statement whose text was built: of parts of the product's own and
    /// placeholders, never of what a caller sent.
    pub(super) async fn query_built(
        &self,
        sql: &str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, Error> {
        let run = self.lease.client.query_typed(sql, params);
        self.run(run, sql).await
    }

    pub(super) async fn query_opt(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, params).await?.pop())
    }

    pub(super) async fn query_one(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Row, Error> {
        self.query_opt(sql, params).await?.ok_or(Error::CheckFailed)
    }

    pub(super) async fn execute(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<u64, Error> {
        let run = self.lease.client.execute_typed(sql, params);
        self.run(run, sql).await
    }

    /// Runs the text of a file, which may hold many statements.
    #[expect(
        clippy::disallowed_methods,
        reason = "only migrations come here, within a transaction"
    )]
    pub(super) async fn script(&self, sql: &str) -> Result<(), Error> {
        self.run(self.lease.client.batch_execute(sql), "script")
            .await
    }

    /// Begins to read what a `copy … to stdout` returns. Until
    /// [`copied`](Self::copied) the statement is under way.
    pub(super) async fn copy_out(&self, sql: &str) -> Result<CopyOutStream, Error> {
        let stream = self.run(self.lease.client.copy_out(sql), sql).await?;
        self.under_way.fetch_add(1, Ordering::AcqRel);
        Ok(stream)
    }

    /// Notes that a copy was read to its end.
    pub(super) fn copied(&self) {
        self.under_way.fetch_sub(1, Ordering::AcqRel);
    }

    /// Commits. An answer that does not come leaves the outcome of a write
    /// unknown; of a read nothing is lost but the answer.
    pub(super) async fn commit(self) -> Result<(), Error> {
        if self.ended.load(Ordering::Acquire) || self.under_way.load(Ordering::Acquire) > 0 {
            return Err(Error::Ended);
        }
        let error = match self.end("COMMIT").instrument(self.span("commit")).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        match error {
            error if self.kind != Kind::Writes => Err(error),
            Error::Away(error) => Err(Error::CommitUnknown(error)),
            Error::Deadline => Err(Error::CommitUnknown(None)),
            // The server answered: it has rolled the transaction back.
            error if error.sqlstate().is_some() => {
                self.lease.set_busy(false);
                Err(error)
            }
            Error::Statement(error) => Err(Error::CommitUnknown(Some(error))),
            error => Err(error),
        }
    }

    /// Gives the transaction up and keeps the connection.
    pub(super) async fn rollback(self) -> Result<(), Error> {
        if self.ended.load(Ordering::Acquire) || self.under_way.load(Ordering::Acquire) > 0 {
            // Over already, or not to be ended in order: dropping it is enough.
            return Ok(());
        }
        self.end("ROLLBACK").instrument(self.span("rollback")).await
    }

    /// Never uses the connection again.
    pub(super) fn distrust(&self) {
        self.lease.set_suspect();
    }

    async fn run<T>(
        &self,
        run: impl Future<Output = Result<T, tokio_postgres::Error>>,
        sql: &str,
    ) -> Result<T, Error> {
        if self.ended.load(Ordering::Acquire) {
            return Err(Error::Ended);
        }
        let span = self.span(&summary(sql));
        self.under_way.fetch_add(1, Ordering::AcqRel);
        let result = match self.bounded(run).instrument(span.clone()).await {
            Ok(result) => result.map_err(Error::from),
            Err(deadline) => Err(deadline),
        };
        self.under_way.fetch_sub(1, Ordering::AcqRel);
        if let Err(error) = &result {
            spans::record_code(&span, 0, Some(error.sqlstate().unwrap_or("client")));
            self.ended.store(true, Ordering::Release);
            if error.sqlstate().is_some() && !matches!(error, Error::Away(_)) {
                // A failure here leaves the slot busy, and it is thrown away.
                let _clean = self.end("ROLLBACK").await.is_ok();
            }
        }
        result
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "COMMIT and ROLLBACK end what open began"
    )]
    async fn end(&self, command: &'static str) -> Result<(), Error> {
        self.bounded(self.lease.client.batch_execute(command))
            .await??;
        self.lease.set_busy(false);
        Ok(())
    }

    pub(super) async fn bounded<T>(&self, run: impl Future<Output = T>) -> Result<T, Error> {
        match self.deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, run)
                .await
                .map_err(|_| Error::Deadline),
            None => Ok(run.await),
        }
    }

    fn span(&self, summary: &str) -> tracing::Span {
        spans::statement(summary, self.tenant.as_deref())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.lease.is_busy() {
            self.lease.cancel();
        }
    }
}

/// Returns the operation and the table of a statement, such as `select units`:
/// never a value, for there is none in the text.
fn summary(sql: &str) -> String {
    let mut words = sql.split_whitespace();
    let operation = words.next().unwrap_or("empty").to_ascii_lowercase();
    let mut words = sql.split_whitespace().skip_while(|word| {
        !["from", "into", "update"]
            .iter()
            .any(|before| word.eq_ignore_ascii_case(before))
    });
    let table = words.nth(1).unwrap_or_default();
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let table: String = table.chars().take_while(|c| name(*c)).collect();
    if table.is_empty() {
        operation
    } else {
        format!("{operation} {table}")
    }
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn a_summary_names_operation_and_table() {
        for (sql, expected) in [
            ("select id\n from units where id = $1", "select units"),
            (
                "  insert into properties (id) values ($1)",
                "insert properties",
            ),
            ("update units set floor = $1", "update units"),
            ("delete from units", "delete units"),
            ("with x as (select 1 from (select 2) y) select 1", "with"),
            ("select 1", "select"),
            ("", "empty"),
        ] {
            assert_eq!(summary(sql), expected, "{sql}");
        }
    }
}
