//! Compares the tenants with the schemas and roles that are there.

use resido_migrations as migrations;
use resido_proto::ids::TenantId;
use resido_tenancy::{
    db::{PublicTx, params},
    tenant::State,
};
use uuid::Uuid;

use super::{provision::failure, purge_store, store};
use crate::{
    Error,
    audit::{self, Actor},
    cause::Cause,
    outbox,
    row::column,
};

// A tenant being made has its schema in the transaction that makes it active, so
// one statement sees both or neither.
const ORPHAN_SCHEMAS: &str = "
    select n.nspname::text as name from pg_namespace n
     where n.nspname ~ '^t_[a-z2-7]{26}$'
       and not exists (select from tenants t
                        where t.schema_name = n.nspname and t.state <> 'purged')
     order by 1 limit 100";
const ORPHAN_ROLES: &str = "
    select r.rolname::text as name from pg_roles r
     where r.rolname ~ ('^' || current_database() || '_[ot]_[a-z2-7]{26}$')
       and not exists (select from tenants t
                        where t.schema_name = 't_' || right(r.rolname, 26)
                          and t.state <> 'purged')
     order by 1 limit 100";
const LOST: &str = "
    select id from tenants t
     where state in ('active', 'suspended', 'maintenance')
       and update_time < now() - interval '1 minute'
       and not exists (select from pg_namespace n where n.nspname = t.schema_name)
     order by id limit 16";
// The row of a tenant and its operation are written together: what is older than
// a minute and has none lost it. So did a purged tenant without a proof, whose
// last purge failed at the proof; that one rests for an hour.
const MAKE_OPERATIONS: &str = "
    insert into operations (id, kind, tenant_id, actor, lease_until, from_state)
    select gen_random_uuid(),
           case t.state when 'provisioning' then 'provision' else 'purge' end, t.id, $1, now(),
           case t.state when 'purging' then 'deleting' end
      from tenants t
     where (t.state in ('provisioning', 'purging')
            or (t.state = 'purged' and not t.purge_proof ? 'schema_gone'
                and not exists (select from operations o
                                 where o.tenant_id = t.id and o.kind = 'purge' and o.done
                                   and o.end_time > now() - interval '1 hour')))
       and t.update_time < now() - interval '1 minute'
       and not exists (select from operations o where o.tenant_id = t.id and not o.done)
     order by t.id limit 16
    on conflict do nothing";

/// What does not fit.
pub(super) struct Found {
    /// Schemas of no tenant.
    pub(super) schemas: Vec<String>,
    /// Roles of no tenant.
    pub(super) roles: Vec<String>,
    /// Tenants in service without a schema.
    pub(super) lost: Vec<TenantId>,
}

/// Looks for what does not fit.
pub(super) async fn look(tx: &PublicTx) -> Result<Found, Error> {
    let schemas = tx.query(ORPHAN_SCHEMAS, params![]).await?;
    let roles = tx.query(ORPHAN_ROLES, params![]).await?;
    let lost = tx.query(LOST, params![]).await?;
    Ok(Found {
        schemas: schemas
            .iter()
            .map(|row| column(row, "name"))
            .collect::<Result<_, _>>()?,
        roles: roles
            .iter()
            .map(|row| column(row, "name"))
            .collect::<Result<_, _>>()?,
        lost: lost
            .iter()
            .map(|row| Ok(TenantId::from_uuid(column::<Uuid>(row, "id")?)))
            .collect::<Result<_, Error>>()?,
    })
}

/// Gives tenants that wait to be made, purged or proved to be gone an operation,
/// where they have none, and returns how many.
pub(super) async fn make_operations(tx: &PublicTx) -> Result<usize, Error> {
    let made = tx
        .execute(MAKE_OPERATIONS, params![Actor::system().subject])
        .await?;
    Ok(usize::try_from(made).unwrap_or(usize::MAX))
}

/// Marks a tenant in service as failed, if its schema really is not there.
pub(super) async fn give_up_lost(tx: &PublicTx, tenant: TenantId) -> Result<bool, Error> {
    let seen = store::lock(tx, tenant).await?;
    let serves = matches!(
        seen.state,
        State::Active | State::Suspended | State::Maintenance
    );
    if !serves || migrations::traces(tx, tenant).await?.schema {
        return Ok(false);
    }
    let failed = purge_store::mark(tx, &seen, State::Failed).await?;
    let event = failure(&seen, &failed, Cause::SchemaLost.reason());
    audit::record(tx, &Actor::system(), event).await?;
    outbox::tenant_changed(tx, tenant).await?;
    Ok(true)
}
