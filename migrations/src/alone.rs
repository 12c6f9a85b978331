//! Files that run outside a transaction: written down before they begin, looked
//! at when they end, and mended where a process died between.

use std::time::{Duration, Instant};

use resido_proto::ids::TenantId;
use resido_tenancy::db::{PublicDatabase, PublicTx, Row, Session, params};
use uuid::Uuid;

use crate::{
    Error, Migration, Set,
    change::{self, APP_VERSION},
    history::{self, Order},
    sets::lint::{Token, statements, tokens},
    statement::{TENANT_LOCKS, column},
};

/// Age of a transaction that an index would wait for: nothing is begun while
/// there is an older one in the database.
const OLDEST_SNAPSHOT: Duration = Duration::from_secs(60);
/// Time of the statements that record the end.
const BOOKKEEPING: Duration = Duration::from_secs(60);

const LOCK: &str = "select pg_try_advisory_lock($1, $2) as locked";
/// The transactions that building an index waits for, as far as they can be seen:
/// without `pg_read_all_stats` those of others cannot.
const SNAPSHOTS: &str = "
    select pid, application_name as tag, extract(epoch from now() - xact_start)::int8 as seconds
      from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()
       and backend_type = 'client backend' and backend_xmin is not null
       and xact_start < now() - make_interval(secs => $1)
       and pid not in (select pid from pg_stat_progress_create_index)
     order by xact_start desc";
const BEGIN: &str = "
    insert into _migrations (version, name, checksum, state, ms, app_version, run_id)
    values ($1, $2, $3, 'started', 0, $4, $5)
    on conflict (version) do update
       set name = excluded.name, checksum = excluded.checksum, run_id = excluded.run_id";
const INDEX: &str = "
    select i.indisvalid as valid
      from pg_index i join pg_class c on c.oid = i.indexrelid
     where c.relname = $1 and c.relnamespace = current_schema()::regnamespace";
const DONE: &str = "
    update _migrations set state = 'done', ms = $2, run_id = $3, applied_at = now()
     where version = $1";
const UNLOCK: &str = "select pg_advisory_unlock($1, $2)";
/// A file that runs on its own, and the tenant it is for.
pub(crate) struct Alone<'a> {
    pub(crate) set: &'a Set,
    pub(crate) migration: &'a Migration,
    pub(crate) tenant: (TenantId, i32),
    pub(crate) order: Order,
    pub(crate) run: Option<Uuid>,
    /// The version that the schema has afterwards.
    pub(crate) reached: i64,
}

impl Alone<'_> {
    /// Applies the file, if it is still missing. Done again after a death, it
    /// goes on from what is there.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process works on the tenant,
    /// [`Error::OldSnapshot`], [`Error::InvalidIndex`], [`Error::Failed`].
    pub(crate) async fn apply(&self, db: &PublicDatabase) -> Result<(), Error> {
        let header = &self.migration.header;
        let session = db.session(header.timeout, header.lock_timeout).await?;
        let (id, lock_no) = self.tenant;
        let row = session
            .query_opt(LOCK, params![TENANT_LOCKS, lock_no])
            .await?;
        if !flag(row.as_ref(), "locked")? {
            return Err(Error::Locked);
        }
        let applied = self.locked(db, &session, id).await;
        // Before the connection ends: the next look at the tenant follows at once.
        session.leave_tenant().await?;
        session
            .query_opt(UNLOCK, params![TENANT_LOCKS, lock_no])
            .await?;
        applied
    }

    async fn locked(
        &self,
        db: &PublicDatabase,
        session: &Session,
        id: TenantId,
    ) -> Result<(), Error> {
        if tokens(&self.migration.sql)
            .iter()
            .any(|token| token.is("concurrently"))
        {
            refuse_old_snapshots(session).await?;
        }
        session.enter_tenant(id).await?;
        let started = Instant::now();
        let Some(begun) = self.begin(session).await? else {
            return Ok(());
        };
        self.execute(session, begun).await?;
        let tx = db.begin_long(BOOKKEEPING).await?;
        let ended = self.end(&tx, started).await;
        tx.finish(ended).await
    }

    /// Writes down that the file begins; `None` if it is no longer the next.
    async fn begin(&self, session: &Session) -> Result<Option<Begun>, Error> {
        let applied = history::read(&session.query(history::HISTORY, params![]).await?)?;
        let version = self.migration.version;
        let next = history::standing(self.set, &applied, version, self.order).missing(self.set)?;
        if next.first().is_none_or(|next| next.version != version) {
            return Ok(None);
        }
        let migration = self.migration;
        let values = params![
            version,
            migration.name,
            migration.checksum,
            APP_VERSION,
            self.run
        ];
        session.query_opt(BEGIN, values).await?;
        let again = applied.iter().any(|row| row.version == version);
        Ok(Some(if again { Begun::Again } else { Begun::Now }))
    }

    async fn execute(&self, session: &Session, begun: Begun) -> Result<(), Error> {
        let Some(index) = created_index(&self.migration.sql) else {
            return self.run(session, &self.migration.sql).await;
        };
        if begun == Begun::Again {
            match valid(session, &index).await? {
                Some(true) => return Ok(()),
                // What a builder that died left behind.
                Some(false) => self.run(session, &drop_index(&index)).await?,
                None => {}
            }
        }
        self.run(session, &self.migration.sql).await?;
        if valid(session, &index).await? == Some(true) {
            return Ok(());
        }
        let version = self.migration.version;
        Err(Error::InvalidIndex { version, index })
    }

    async fn run(&self, session: &Session, sql: &str) -> Result<(), Error> {
        let failed = |source| Error::Failed {
            version: self.migration.version,
            name: self.migration.name.clone(),
            source,
        };
        session.run_alone(sql).await.map_err(failed)
    }

    /// Records the end, while the session still keeps others away.
    async fn end(&self, tx: &PublicTx, started: Instant) -> Result<(), Error> {
        let ms = i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX);
        let (version, tenant) = (self.migration.version, self.tenant.0);
        tx.enter_tenant(tenant).await?;
        tx.execute(DONE, params![version, ms, self.run]).await?;
        change::settle(tx, self.set, tenant, self.reached).await?;
        Ok(())
    }
}

/// Whether somebody began before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    Now,
    Again,
}

/// Takes what keeps a file out of a transaction from its text.
pub(crate) fn within_a_transaction(sql: &str) -> String {
    let tokens = tokens(sql);
    if tokens
        .first()
        .is_some_and(|first| first.is("vacuum") || first.is("reindex"))
    {
        // There is nothing yet that it could tidy.
        return String::new();
    }
    let mut inside = sql.to_owned();
    for token in tokens.iter().rev().filter(|token| token.is("concurrently")) {
        inside.replace_range(token.place.clone(), "");
    }
    inside
}

/// Returns the name of the index that a file makes, as it was written there.
fn created_index(sql: &str) -> Option<String> {
    let tokens = tokens(sql);
    let statement: Vec<&Token> = statements(&tokens).next()?.iter().collect();
    let at = statement
        .iter()
        .position(|token| token.is("concurrently"))?;
    if !statement.first()?.is("create") {
        return None;
    }
    let passed = ["if", "not", "exists"];
    let name = statement[at + 1..]
        .iter()
        .find(|token| !passed.iter().any(|word| token.is(word)))?;
    let written = &sql[name.place.clone()];
    // PostgreSQL folds what is not quoted.
    Some(match written.strip_prefix('"') {
        Some(quoted) => quoted.trim_end_matches('"').to_owned(),
        None => written.to_lowercase(),
    })
}

fn drop_index(index: &str) -> String {
    format!(
        "drop index concurrently if exists \"{}\"",
        index.replace('"', "\"\"")
    )
}

async fn valid(session: &Session, index: &str) -> Result<Option<bool>, Error> {
    let row = session.query_opt(INDEX, params![index]).await?;
    row.map(|row| column(&row, "valid")).transpose()
}

async fn refuse_old_snapshots(session: &Session) -> Result<(), Error> {
    let seconds = OLDEST_SNAPSHOT.as_secs_f64();
    match session.query_opt(SNAPSHOTS, params![seconds]).await? {
        None => Ok(()),
        Some(row) => Err(Error::OldSnapshot {
            pid: column(&row, "pid")?,
            tag: column::<Option<String>>(&row, "tag")?.unwrap_or_default(),
            seconds: column(&row, "seconds")?,
        }),
    }
}

fn flag(row: Option<&Row>, name: &str) -> Result<bool, Error> {
    row.map_or(Ok(false), |row| column(row, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_found_by_the_name_it_will_have() {
        for (sql, name) in [
            (
                "create index concurrently Units_Floor on units (floor);",
                Some("units_floor"),
            ),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"My\" on units (id)",
                Some("My"),
            ),
            ("drop index concurrently if exists i;", None),
            ("reindex index concurrently i;", None),
            ("analyze units;", None),
        ] {
            assert_eq!(created_index(sql).as_deref(), name, "{sql}");
        }
    }

    #[test]
    fn a_new_schema_gets_the_same_within_a_transaction() {
        for (sql, inside) in [
            (
                "create index concurrently i on u (id);",
                "create index  i on u (id);",
            ),
            (
                "-- concurrently\ndrop index concurrently if exists i;",
                "-- concurrently\ndrop index  if exists i;",
            ),
            ("vacuum units;", ""),
            ("reindex index concurrently i;", ""),
            ("analyze units;", "analyze units;"),
        ] {
            assert_eq!(within_a_transaction(sql), inside, "{sql}");
        }
    }
}
