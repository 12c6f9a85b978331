//! Tenants and their activation tokens in the control plane's tables.

use resido_proto::{ids::TenantId, page::PageRequest};
use resido_tenancy::{
    db::{self, PublicTx, Row, params},
    tenant::{SchemaName, Slug, State},
};
use uuid::Uuid;

use super::model::{Fields, Tenant};
use crate::{Error, row::column, tokens::Activation};

/// Puts the columns of a tenant into a statement, before or after the rest.
macro_rules! tenant {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, lock_no, slug, display_name, contact_email, contact_phone, plan, state,
              epoch, schema_version, read_only, create_time, update_time, purge_time, revision,
              array(select domain from tenant_domains where tenant_id = tenants.id
                     order by domain) as domains ",
            $after
        )
    };
}

const INSERT: &str = tenant!(
    "insert into tenants (id, schema_name, slug, display_name, contact_email, contact_phone,
                          plan, state)
     values ($1, $2, $3, $4, $5, $6, $7, 'provisioning')
     returning",
    ""
);
const GET: &str = tenant!("select", "from tenants where id = $1");
const LOCK: &str = tenant!("select", "from tenants where id = $1 for no key update");
const BY_SLUG: &str = tenant!(
    "select",
    "from tenants where slug = $1 and state not in ('purged', 'failed')"
);
const BY_DOMAIN: &str = tenant!(
    "select",
    "from tenants
      where id = (select tenant_id from tenant_domains where domain = $1)"
);
const LIST: &str = tenant!(
    "select",
    "from tenants
      where $1::timestamptz is null or (create_time, id) > ($1, $2)
      order by create_time, id
      limit $3"
);
const CHANGE: &str = tenant!(
    "update tenants
        set state = $4, epoch = epoch + 1, revision = revision + 1, update_time = now()
      where id = $1 and epoch = $2 and state = any($3)
     returning",
    ""
);
const SLUGS: &str = "
    select slug from tenants where state not in ('purged', 'failed') order by slug limit 1000";
const INVITE: &str = "
    insert into activation_tokens (token_hash, tenant_id, email, roles, expire_time)
    values ($1, $2, $3, array['owner'], now() + interval '7 days')";
const INVITED_STILL: &str = "
    select 1 as one
     where not exists (select 1 from activation_tokens
                        where tenant_id = $1 and use_time is not null)
       and not exists (select 1 from memberships where tenant_id = $1)";

/// Writes a new tenant, which has no schema yet.
///
/// # Errors
/// [`Error::TenantExists`] if the slug is taken.
pub(super) async fn insert(tx: &PublicTx, id: TenantId, fields: &Fields) -> Result<Tenant, Error> {
    let schema = SchemaName::of(id);
    read(
        &tx.query_one(
            INSERT,
            params![
                id.as_uuid(),
                schema.as_str(),
                fields.slug.as_str(),
                fields.display_name,
                fields.contact_email.as_str(),
                fields.contact_phone,
                fields.plan
            ],
        )
        .await
        .map_err(taken)?,
    )
}

pub(super) async fn get(tx: &PublicTx, id: TenantId) -> Result<Tenant, Error> {
    found(tx.query_opt(GET, params![id.as_uuid()]).await?.as_ref())
}

/// Reads a tenant and keeps others from changing it until the transaction ends.
pub(super) async fn lock(tx: &PublicTx, id: TenantId) -> Result<Tenant, Error> {
    found(tx.query_opt(LOCK, params![id.as_uuid()]).await?.as_ref())
}

/// Finds the tenant that holds a slug at present.
pub(super) async fn by_slug(tx: &PublicTx, slug: &Slug) -> Result<Tenant, Error> {
    found(
        tx.query_opt(BY_SLUG, params![slug.as_str()])
            .await?
            .as_ref(),
    )
}

/// Finds the tenant of a registered domain, in lower case.
pub(super) async fn by_domain(tx: &PublicTx, domain: &str) -> Result<Tenant, Error> {
    found(tx.query_opt(BY_DOMAIN, params![domain]).await?.as_ref())
}

/// Reads a page of tenants in order of creation, and one row more.
pub(super) async fn list(tx: &PublicTx, page: &PageRequest) -> Result<Vec<Tenant>, Error> {
    let created = page.after.map(|cursor| cursor.created());
    let id = page.after.map(|cursor| cursor.id);
    let rows = tx.query(LIST, params![created, id, page.limit()]).await?;
    rows.iter().map(read).collect()
}

/// Changes a tenant's state, unless somebody else has changed it since it was
/// seen; none then.
pub(super) async fn change_state(
    tx: &PublicTx,
    seen: &Tenant,
    to: State,
) -> Result<Option<Tenant>, Error> {
    let row = tx
        .query_opt(
            CHANGE,
            params![
                seen.id.as_uuid(),
                seen.epoch,
                vec![seen.state.to_string()],
                to.as_str()
            ],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

/// Reads the slugs in use, at most a thousand.
pub(super) async fn slugs(tx: &PublicTx) -> Result<Vec<String>, Error> {
    let rows = tx.query(SLUGS, params![]).await?;
    rows.iter().map(|row| column(row, "slug")).collect()
}

/// Keeps the hash of a token with which `email` becomes the tenant's owner.
pub(super) async fn invite(
    tx: &PublicTx,
    tenant: TenantId,
    email: &str,
    token: &Activation,
) -> Result<(), Error> {
    tx.execute(INVITE, params![token.hash(), tenant.as_uuid(), email])
        .await?;
    Ok(())
}

/// Whether nobody has entered the tenant yet.
pub(super) async fn awaits_owner(tx: &PublicTx, tenant: TenantId) -> Result<bool, Error> {
    let row = tx
        .query_opt(INVITED_STILL, params![tenant.as_uuid()])
        .await?;
    Ok(row.is_some())
}

fn found(row: Option<&Row>) -> Result<Tenant, Error> {
    read(row.ok_or(Error::NotFound("tenant"))?)
}

fn read(row: &Row) -> Result<Tenant, Error> {
    let state: &str = column(row, "state")?;
    Ok(Tenant {
        id: TenantId::from_uuid(column::<Uuid>(row, "id")?),
        lock_no: column(row, "lock_no")?,
        slug: column(row, "slug")?,
        display_name: column(row, "display_name")?,
        contact_email: column(row, "contact_email")?,
        contact_phone: column(row, "contact_phone")?,
        plan: column(row, "plan")?,
        state: state
            .parse()
            .map_err(|_| Error::Fault("a stored state is unknown"))?,
        epoch: column(row, "epoch")?,
        schema_version: column(row, "schema_version")?,
        read_only: column(row, "read_only")?,
        created: column(row, "create_time")?,
        updated: column(row, "update_time")?,
        purge: column(row, "purge_time")?,
        revision: column(row, "revision")?,
        domains: column(row, "domains")?,
    })
}

fn taken(error: db::Error) -> Error {
    match error.constraint() {
        Some("tenants_slug_key") => Error::TenantExists,
        _ => error.into(),
    }
}
