//! Makes a tenant's schema, roles and tables, within its caller's transaction.

use resido_proto::ids::TenantId;
use resido_tenancy::{
    db::{PublicTx, params},
    tenant::{RoleNames, SchemaName, quote_identifier},
};

use crate::{
    Error, Form, Migration, Set, Sets,
    alone::within_a_transaction,
    change::{self, Place, Tell},
    history,
    statement::{TENANT_LOCKS, column, lock, script},
};

const VERSION: &str = "select current_setting('server_version_num')::int4 as version";
const KNOWN: &str = "select 1 from pg_roles where rolname = $1";
const FENCE: &str = "insert into _tenant (tenant_id, epoch, mode, schema_version, needs_version)
    values ($1, $2, 'rw', $3, $4)";
const SET_FENCE: &str = "update _tenant set epoch = $1, mode = $2";

/// What `_tenant` is; the same in every schema.
const FENCE_TABLE: &str = "
    create table _tenant (
        one            boolean primary key default true check (one),
        tenant_id      uuid not null,
        epoch          bigint not null,
        mode           text not null check (mode in ('rw', 'ro', 'closed', 'moved')),
        schema_version bigint not null,
        -- The least version that a program must know to serve the schema.
        needs_version  bigint not null default 0
    );";

/// A tenant whose schema is to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewTenant {
    /// The tenant.
    pub id: TenantId,
    /// Its number among advisory locks.
    pub lock_no: i32,
    /// Its epoch, which the fence starts at.
    pub epoch: i64,
}

/// What the fence of a schema lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// Reads and writes.
    ReadWrite,
    /// Reads.
    ReadOnly,
    /// Nothing.
    Closed,
}

/// Makes the roles, the schema and its tables, writes into the tenant's row,
/// which is there already, what it has, and returns its version.
///
/// Everything happens in the caller's transaction, which goes on as the control
/// plane; undone with it, nothing is left.
///
/// # Errors
/// [`Error::Locked`] if another process works on the tenant, [`Error::Failed`] if
/// a migration fails, [`Error::Database`] for anything else.
pub async fn provision(tx: &PublicTx, sets: &Sets, tenant: &NewTenant) -> Result<i64, Error> {
    lock(tx, TENANT_LOCKS, tenant.lock_no).await?;
    let roles = RoleNames::of(tx.database(), tenant.id);
    let schema = SchemaName::of(tenant.id).quoted();
    let (owner, runtime) = (
        quote_identifier(&roles.owner)?,
        quote_identifier(&roles.runtime)?,
    );
    for role in [&roles.owner, &roles.runtime] {
        if tx.query_opt(KNOWN, params![role.as_str()]).await?.is_none() {
            script(
                tx,
                &format!("create role {} nologin", quote_identifier(role)?),
            )
            .await?;
        }
    }
    let control = quote_identifier(&format!("{}_control", tx.database()))?;
    let app = quote_identifier(&format!("{}_app", tx.database()))?;
    let (full, switch) = memberships(tx).await?;
    script(
        tx,
        &format!(
            "grant {owner} to {control}{full};
             grant {runtime} to {app}{switch};
             create schema {schema} authorization {owner};"
        ),
    )
    .await?;
    tx.enter_tenant(tenant.id).await?;
    script(tx, FENCE_TABLE).await?;
    script(tx, history::TABLE).await?;
    let version = sets.tenant.latest();
    let (id, needs) = (tenant.id.as_uuid(), sets.tenant.needs(version));
    tx.execute(FENCE, params![id, tenant.epoch, version, needs])
        .await?;
    // Rights on what migrations make come with it: granting on all tables of a
    // schema costs a walk over the tables of all tenants.
    script(
        tx,
        &format!(
            "grant usage on schema {schema} to {runtime};
             grant select on _tenant to {runtime};
             alter default privileges in schema {schema}
                 grant select, insert, update, delete on tables to {runtime};
             alter default privileges in schema {schema}
                 grant usage, select on sequences to {runtime};"
        ),
    )
    .await?;
    fill(
        tx,
        &sets.tenant,
        &Place::of_tenant(tx.database(), tenant.id),
    )
    .await?;
    tx.leave_tenant().await?;
    change::reach(tx, &sets.tenant, tenant.id, version, Tell::Nobody).await?;
    Ok(version)
}

/// Makes an empty schema what the files say: from the baseline, if there is one,
/// and the files after it.
pub(crate) async fn fill(tx: &PublicTx, set: &Set, place: &Place) -> Result<(), Error> {
    let mut from = 0;
    if let Some(baseline) = &set.baseline {
        from = baseline.version;
        script(tx, &baseline.sql).await?;
        for migration in set.migrations.iter().filter(|m| m.version <= from) {
            change::record(tx, migration, place, (0, None)).await?;
        }
    }
    for migration in set.migrations.iter().filter(|m| m.version > from) {
        apply(tx, migration, place).await?;
    }
    Ok(())
}

/// Applies a file to an empty schema. What otherwise runs on its own need not:
/// nobody waits for these tables.
async fn apply(tx: &PublicTx, migration: &Migration, place: &Place) -> Result<(), Error> {
    if migration.header.form == Form::Transaction {
        return change::apply(tx, migration, place, None).await;
    }
    let inside = Migration {
        sql: within_a_transaction(&migration.sql),
        ..migration.clone()
    };
    change::apply(tx, &inside, place, None).await
}

/// Returns how a role is granted to one that acts as it, and to one that may
/// switch to it. Since 16 a membership says itself whether it is inherited;
/// before, `app` is a role that inherits nothing.
pub(crate) async fn memberships(tx: &PublicTx) -> Result<(&'static str, &'static str), Error> {
    let version: i32 = column(&tx.query_one(VERSION, params![]).await?, "version")?;
    Ok(if version >= 160_000 {
        (
            " with inherit true, set true",
            " with inherit false, set true",
        )
    } else {
        ("", "")
    })
}

/// Sets what the tenant's schema lets through, and the least epoch of contexts.
///
/// # Errors
/// [`Error::Database`], also if the tenant has no schema.
pub async fn set_fence(
    tx: &PublicTx,
    tenant: TenantId,
    epoch: i64,
    fence: Fence,
) -> Result<(), Error> {
    let mode = match fence {
        Fence::ReadWrite => "rw",
        Fence::ReadOnly => "ro",
        Fence::Closed => "closed",
    };
    tx.enter_tenant(tenant).await?;
    tx.execute(SET_FENCE, params![epoch, mode]).await?;
    Ok(tx.leave_tenant().await?)
}
