//! The names that select a tenant besides its slug, as they are stored: former
//! slugs, and domains.

use resido_proto::ids::TenantId;
use resido_tenancy::db::{PublicTx, params};

use super::domain::Domain;
use crate::{Error, outbox, row::column};

/// Former slugs of one tenant at a time.
const MAX_ALIASES: i64 = 20;
/// Domains of one tenant.
const MAX_DOMAINS: i64 = 20;

const COUNT_ALIASES: &str = "
    select count(*) as held from tenant_aliases where tenant_id = $1 and expire_time > now()";
/// A row is in the way only where an alias ran out: a live one is this tenant's, or
/// the slug could not have been.
const KEEP_ALIAS: &str = "
    insert into tenant_aliases (slug, tenant_id, expire_time)
    values ($1, $2, now() + interval '90 days')
    on conflict (slug) do update
       set tenant_id = excluded.tenant_id, expire_time = excluded.expire_time";
/// Tenants before their aliases, as a rename locks them; one that is being changed
/// has its turn later.
const OUT_OF_DATE: &str = "
    select t.id from tenants t
     where exists (select from tenant_aliases a
                    where a.tenant_id = t.id and a.expire_time <= now())
     limit 100
       for no key update skip locked";
const DROP_ALIASES: &str = "
    delete from tenant_aliases where tenant_id = $1 and expire_time <= now()";
const COUNT_DOMAINS: &str = "
    select count(*) as held from tenant_domains where tenant_id = $1";
const HOLDER: &str = "
    select tenant_id from tenant_domains where domain = $1";
const ADD_DOMAIN: &str = "
    insert into tenant_domains (domain, tenant_id) values ($1, $2)
    on conflict (domain) do nothing";
const REMOVE_DOMAIN: &str = "
    delete from tenant_domains where domain = $1 and tenant_id = $2";

/// Keeps a slug that the tenant gives up, so that it selects the tenant still. The
/// caller has locked the tenant.
///
/// # Errors
/// [`Error::Limit`] if the tenant has too many of them.
pub(super) async fn keep_alias(tx: &PublicTx, tenant: TenantId, slug: &str) -> Result<(), Error> {
    if count(tx, COUNT_ALIASES, tenant).await? >= MAX_ALIASES {
        return Err(Error::Limit("former slugs"));
    }
    tx.execute(KEEP_ALIAS, params![slug, tenant.as_uuid()])
        .await?;
    Ok(())
}

/// Drops former slugs that have run out, of a hundred tenants at most, and tells
/// gateways, which keep what they were told.
///
/// # Errors
/// If the database fails.
pub(super) async fn prune(tx: &PublicTx) -> Result<(), Error> {
    let mut tenants = Vec::new();
    for row in tx.query(OUT_OF_DATE, params![]).await? {
        let tenant = TenantId::from_uuid(column(&row, "id")?);
        tx.execute(DROP_ALIASES, params![tenant.as_uuid()]).await?;
        tenants.push(tenant);
    }
    for tenant in tenants {
        outbox::tenant_changed(tx, tenant).await?;
    }
    Ok(())
}

/// Gives a domain to a tenant; false if it is the tenant's already. The caller has
/// locked the tenant.
///
/// # Errors
/// [`Error::DomainExists`] if it is another's, [`Error::Limit`].
pub(super) async fn add_domain(
    tx: &PublicTx,
    tenant: TenantId,
    domain: &Domain,
) -> Result<bool, Error> {
    let (name, id) = (domain.as_str(), tenant.as_uuid());
    if tx.execute(ADD_DOMAIN, params![name, id]).await? == 1 {
        // Counted afterwards: what is too much is undone with the transaction.
        return if count(tx, COUNT_DOMAINS, tenant).await? > MAX_DOMAINS {
            Err(Error::Limit("domains"))
        } else {
            Ok(true)
        };
    }
    let holder = tx.query_opt(HOLDER, params![name]).await?;
    let holder = holder.ok_or(Error::Raced)?;
    if column::<uuid::Uuid>(&holder, "tenant_id")? == id {
        Ok(false)
    } else {
        Err(Error::DomainExists)
    }
}

/// Takes a domain from a tenant; false if it is not the tenant's.
pub(super) async fn remove_domain(
    tx: &PublicTx,
    tenant: TenantId,
    domain: &Domain,
) -> Result<bool, Error> {
    let (name, id) = (domain.as_str(), tenant.as_uuid());
    Ok(tx.execute(REMOVE_DOMAIN, params![name, id]).await? == 1)
}

async fn count(tx: &PublicTx, sql: &'static str, tenant: TenantId) -> Result<i64, Error> {
    column(&tx.query_one(sql, params![tenant.as_uuid()]).await?, "held")
}
