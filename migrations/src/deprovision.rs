//! Removes a tenant's schema and roles, within its caller's transaction, and
//! looks up what is there of them.

use std::fmt;

use resido_proto::ids::TenantId;
use resido_tenancy::{
    db::{PublicTx, params},
    tenant::{RoleNames, SchemaName, quote_identifier},
};

use crate::{
    Error,
    provision::memberships,
    statement::{TENANT_LOCKS, column, lock, script},
};

/// Dependents that an error names at most.
const MAX_NAMED: i64 = 100;

const TRACES: &str = "
    select exists (select from pg_namespace where nspname = $1) as schema,
           exists (select from pg_roles where rolname = $2) as owner,
           exists (select from pg_roles where rolname = $3) as runtime";
const TABLES: &str = "
    select count(*)::int4 as tables
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relkind in ('r', 'p')";
// What DROP SCHEMA CASCADE would take along, and whatever a role of the tenant
// owns elsewhere. A rule, trigger, default, policy or constraint stands for the
// relation that has it. What has no schema counts where it is of use by itself.
const DEPENDENTS: &str = "
    with recursive home as (
        select oid from pg_namespace where nspname = $1
    ), doomed (classid, objid) as (
        select 'pg_namespace'::regclass::oid, oid from home
         union
        select d.classid, d.objid
          from pg_depend d join doomed on d.refclassid = doomed.classid
                                      and d.refobjid = doomed.objid
    ), owned as (
        select s.classid, s.objid
          from pg_shdepend s
          join pg_roles r on s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid
         where s.dbid = (select oid from pg_database where datname = current_database())
           and s.deptype = 'o' and r.rolname in ($2, $3)
    ), holders (classid, objid) as (
        select case when h.relid is null then x.classid else 'pg_class'::regclass::oid end,
               coalesce(h.relid, x.objid)
          from (select * from doomed union select * from owned) x
          left join lateral (
              select ev_class from pg_rewrite
               where x.classid = 'pg_rewrite'::regclass and oid = x.objid
               union all
              select tgrelid from pg_trigger
               where x.classid = 'pg_trigger'::regclass and oid = x.objid
               union all
              select adrelid from pg_attrdef
               where x.classid = 'pg_attrdef'::regclass and oid = x.objid
               union all
              select polrelid from pg_policy
               where x.classid = 'pg_policy'::regclass and oid = x.objid
               union all
              select conrelid from pg_constraint
               where x.classid = 'pg_constraint'::regclass and oid = x.objid and conrelid <> 0
          ) h (relid) on true
    )
    select o.type, o.identity, count(*) over () as total
      from (select distinct i.type, i.identity
              from holders
              -- The row type of a relation, and arrays, go without saying.
              left join pg_type t on holders.classid = 'pg_type'::regclass
                                 and t.oid = holders.objid
             cross join lateral pg_identify_object(holders.classid, holders.objid, 0) i
             where coalesce(t.typrelid = 0 and t.typelem = 0, true)
               and (i.schema not in ($1, 'pg_toast')
                    or (i.schema is null
                        and holders.classid in ('pg_extension'::regclass, 'pg_cast'::regclass,
                                                'pg_event_trigger'::regclass,
                                                'pg_foreign_server'::regclass)))) o
     order by o.type, o.identity
     limit $4";

/// An object outside a tenant's schema that would go with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependent {
    /// What it is, such as `view`.
    pub kind: String,
    /// Its name, with its schema.
    pub name: String,
}

impl fmt::Display for Dependent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// What of a tenant the database knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traces {
    /// Whether its schema is there.
    pub schema: bool,
    /// Whether the role is there that owns the schema.
    pub owner: bool,
    /// Whether the role is there that works in it.
    pub runtime: bool,
}

/// Looks up what of a tenant the database knows.
///
/// # Errors
/// [`Error::Database`].
pub async fn traces(tx: &PublicTx, tenant: TenantId) -> Result<Traces, Error> {
    let roles = RoleNames::of(tx.database(), tenant);
    let schema = SchemaName::of(tenant);
    let row = tx
        .query_one(TRACES, params![schema.as_str(), roles.owner, roles.runtime])
        .await?;
    Ok(Traces {
        schema: column(&row, "schema")?,
        owner: column(&row, "owner")?,
        runtime: column(&row, "runtime")?,
    })
}

/// Removes a tenant's schema with everything in it, and its roles, and returns
/// how many tables there were. What is gone already is passed over.
///
/// # Errors
/// [`Error::Dependents`] if anything outside the schema would go with it,
/// [`Error::Locked`] if another process works on the tenant, [`Error::Database`]
/// for anything else.
pub async fn deprovision(tx: &PublicTx, tenant: TenantId, lock_no: i32) -> Result<i32, Error> {
    lock(tx, TENANT_LOCKS, lock_no).await?;
    refuse_dependents(tx, tenant).await?;
    let found = traces(tx, tenant).await?;
    let schema = SchemaName::of(tenant);
    let roles = RoleNames::of(tx.database(), tenant);
    let row = tx.query_one(TABLES, params![schema.as_str()]).await?;
    let tables = column(&row, "tables")?;
    if found.schema {
        let drop = format!("drop schema {} cascade", schema.quoted());
        script(tx, &drop).await?;
    }
    let control = quote_identifier(&format!("{}_control", tx.database()))?;
    let (full, _) = memberships(tx).await?;
    for (role, known) in [(roles.owner, found.owner), (roles.runtime, found.runtime)] {
        if known {
            let role = quote_identifier(&role)?;
            // Only a member may drop what a role owns and was granted.
            script(
                tx,
                &format!(
                    "grant {role} to {control}{full};
                     drop owned by {role};
                     drop role {role};"
                ),
            )
            .await?;
        }
    }
    Ok(tables)
}

async fn refuse_dependents(tx: &PublicTx, tenant: TenantId) -> Result<(), Error> {
    let roles = RoleNames::of(tx.database(), tenant);
    let schema = SchemaName::of(tenant);
    let rows = tx
        .query(
            DEPENDENTS,
            params![schema.as_str(), roles.owner, roles.runtime, MAX_NAMED],
        )
        .await?;
    let Some(first) = rows.first() else {
        return Ok(());
    };
    let total = column(first, "total")?;
    let named = rows.iter().map(|row| {
        Ok(Dependent {
            kind: column(row, "type")?,
            name: column(row, "identity")?,
        })
    });
    Err(Error::Dependents {
        total,
        named: named.collect::<Result<_, Error>>()?,
    })
}
