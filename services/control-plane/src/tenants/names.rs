//! The names that select a tenant besides its slug, as they are stored: former
//! slugs, and domains.

use resido_proto::ids::TenantId;
use resido_tenancy::db::{PublicTx, params};

use super::domain::Domain;
use crate::{Error, row::column};

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
