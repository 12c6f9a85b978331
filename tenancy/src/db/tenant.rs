//! Transactions in one tenant's schema.

use resido_observability::Metrics;
use resido_proto::identity::Mode;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Config, Error, ListRequest, Listing, Rows, SchemaVersions,
    admission::Admission,
    list,
    pool::{Lease, OPENING_TRIES, Pool},
    transaction::{Kind, Params, Transaction},
};
use crate::{
    context::TenantContext,
    tenant::{RoleNames, SchemaName},
};

/// What every setting of a transaction is, in one statement. All of them end
/// with the transaction.
const SETTINGS: &str = "
    select set_config('search_path', $1, true),
           set_config('role', $2, true),
           set_config('statement_timeout', $3, true),
           set_config('lock_timeout', $4, true),
           set_config('idle_in_transaction_session_timeout', $5, true),
           set_config('application_name', $6, true)";
/// Reads back where the transaction arrived, and the tenant's fence.
const CHECK: &str = "
    select current_schema()::text as schema, current_user::text as role,
           tenant_id, epoch, mode, schema_version, needs_version
      from _tenant";

/// What a transaction is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads alone; the server refuses writes.
    Read,
    /// Reads and writes.
    Write,
}

/// The database as services see it: a way into the schema of the tenant that a
/// verified context names, and no other way. Clones share one pool.
#[derive(Debug, Clone)]
pub struct TenantDatabase {
    pool: Pool,
    admission: Admission,
}

impl TenantDatabase {
    /// Prepares a pool on the services' login; connections are opened when they
    /// are needed.
    ///
    /// # Errors
    /// If the URL cannot be used.
    pub fn new(config: Config, metrics: Metrics) -> Result<Self, Error> {
        let admission = Admission::new(config.tenant_share());
        Ok(Self {
            pool: Pool::new("app", config, metrics)?,
            admission,
        })
    }

    /// Opens a transaction in the schema of the context's tenant.
    ///
    /// # Errors
    /// If the database or a place in the pool is not to be had in time, if the
    /// tenant changed since the context was signed, or if it takes no such calls
    /// at present.
    pub async fn begin(&self, ctx: &TenantContext, access: Access) -> Result<TenantTx, Error> {
        if access == Access::Write && ctx.mode() == Mode::ReadOnly {
            return Err(Error::ReadOnly);
        }
        let deadline = ctx.call().deadline();
        let permit = self.admission.admit(ctx.id(), deadline).await?;
        let mut tries = 1;
        let tx = loop {
            let lease = self.pool.lease(deadline).await?;
            match self.open(lease, ctx, access, deadline).await {
                // The connection was dead already: nothing has been done with it.
                Err(Error::Away(_)) if tries < OPENING_TRIES => tries += 1,
                opened => break opened?,
            }
        };
        self.pool.metrics.transaction(self.pool.name);
        Ok(TenantTx {
            tx,
            _permit: permit,
        })
    }

    async fn open(
        &self,
        mut lease: Lease,
        ctx: &TenantContext,
        access: Access,
        deadline: Option<Instant>,
    ) -> Result<Transaction, Error> {
        let schema = SchemaName::of(ctx.id());
        let role = RoleNames::of(&self.pool.database, ctx.id()).runtime;
        lease.served(ctx.id());
        let kind = match access {
            Access::Read => Kind::Reads,
            Access::Write => Kind::Writes,
        };
        let tx = Transaction::new(lease, kind, deadline, Some(ctx.id().to_string()));
        let limits = &self.pool.config;
        let settings = [
            format!("{}, ext, pg_temp", schema.quoted()),
            role.clone(),
            self.pool
                .statement_timeout(deadline)?
                .as_millis()
                .to_string(),
            limits.lock_timeout.as_millis().to_string(),
            limits.idle_timeout.as_millis().to_string(),
            format!("resido {}", schema.as_str()),
        ];
        let checked = match tx.open(SETTINGS, &settings, CHECK).await {
            Err(Error::Statement(error)) => {
                tx.distrust();
                tracing::error!(
                    tenant.id = %ctx.id(),
                    error = &error as &dyn std::error::Error,
                    "a tenant's schema or role cannot be entered"
                );
                return Err(Error::CheckFailed);
            }
            other => other?,
        };
        let checked = check(checked.as_ref(), ctx, access, (schema.as_str(), &role));
        match checked.and_then(|versions| gate(versions, limits.schema_versions)) {
            Ok(()) => Ok(tx),
            Err(Error::CheckFailed) => {
                tx.distrust();
                tracing::error!(tenant.id = %ctx.id(), "a transaction opened in the wrong place");
                Err(Error::CheckFailed)
            }
            Err(fenced) => {
                tx.rollback().await?;
                Err(fenced)
            }
        }
    }
}

/// Judges what the opening found: the place first, then the fence.
fn check(
    row: Option<&Row>,
    ctx: &TenantContext,
    access: Access,
    expected: (&str, &str),
) -> Result<(i64, i64), Error> {
    let row = row.ok_or(Error::CheckFailed)?;
    let place = (
        row.try_get::<_, &str>("schema")?,
        row.try_get::<_, &str>("role")?,
    );
    let tenant: Uuid = row.try_get("tenant_id")?;
    if place != expected || tenant != ctx.id().as_uuid() {
        return Err(Error::CheckFailed);
    }
    let mode: &str = row.try_get("mode")?;
    let epoch: i64 = row.try_get("epoch")?;
    match mode {
        _ if epoch > ctx.epoch() => Err(Error::TenantChanged),
        "closed" => Err(Error::Maintenance),
        "ro" if access == Access::Write => Err(Error::ReadOnly),
        "rw" | "ro" => Ok((
            row.try_get("schema_version")?,
            row.try_get("needs_version")?,
        )),
        // `moved`, and whatever a later version may add.
        _ => Err(Error::TenantChanged),
    }
}

/// Refuses a schema that this program cannot serve, before it meets a statement.
fn gate((version, needs): (i64, i64), served: SchemaVersions) -> Result<(), Error> {
    if served.serve(version, needs) {
        Ok(())
    } else {
        let found = version;
        Err(Error::Upgrading { found, served })
    }
}

/// An open transaction in one tenant's schema.
///
/// Finish it with [`finish`](Self::finish), [`commit`](Self::commit) or
/// [`rollback`](Self::rollback); dropped unfinished, it undoes everything and
/// costs its connection.
pub struct TenantTx {
    tx: Transaction,
    _permit: OwnedSemaphorePermit,
}

transaction_calls!(TenantTx);
