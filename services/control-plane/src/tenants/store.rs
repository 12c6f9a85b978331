//! Tenants and their activation tokens in the control plane's tables.

use std::time::{Duration, SystemTime};

use resido_proto::{email::Email, ids::TenantId};
use resido_tenancy::{
    db::{self, PublicTx, Row, params},
    tenant::{SchemaName, Slug, State},
};
use uuid::Uuid;

use super::{
    change,
    model::{Fields, Tenant},
    settings::Settings,
};
use crate::{Error, row::column, tokens::Activation};

/// Puts the columns of a tenant into a statement, before or after the rest.
macro_rules! tenant {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, lock_no, slug, display_name, contact_email, contact_phone, plan, state,
              epoch, schema_version, read_only, create_time, update_time, purge_time, revision,
              settings, delete_time, previous_state,
              array(select domain from tenant_domains where tenant_id = tenants.id
                     order by domain) as domains,
              array(select a.slug from tenant_aliases a
                     where a.tenant_id = tenants.id and a.expire_time > now()
                     order by a.slug) as aliases ",
            $after
        )
    };
}
pub(super) use tenant;

const INSERT: &str = tenant!(
    "insert into tenants (id, schema_name, slug, display_name, contact_email, contact_phone,
                          plan, settings, state)
     values ($1, $2, $3, $4, $5, $6, $7, $8, 'provisioning')
     returning",
    ""
);
const GET: &str = tenant!("select", "from tenants where id = $1");
const BY_IDS: &str = tenant!("select", "from tenants where id = any($1)");
const LOCK: &str = tenant!("select", "from tenants where id = $1 for no key update");
const BY_SLUG: &str = tenant!(
    "select",
    "from tenants
      where id = (select id from tenants where slug = $1 and state not in ('purged', 'failed')
                   union all
                  select tenant_id from tenant_aliases where slug = $1 and expire_time > now()
                   limit 1)"
);
const BY_DOMAIN: &str = tenant!(
    "select",
    "from tenants
      where id = (select tenant_id from tenant_domains where domain = $1)"
);
const CHANGE: &str = tenant!(
    "update tenants
        set state = $4, epoch = epoch + 1, revision = revision + 1, update_time = now()
      where id = $1 and epoch = $2 and state = any($3)
     returning",
    ""
);
const STEP: &str = tenant!(
    "update tenants
        set state = $4, read_only = $5,
            epoch = epoch + 1, revision = revision + 1, update_time = now(),
            previous_state = case when $6::float8 is null then null else state end,
            delete_time = case when $6 is null then null else now() end,
            purge_time = now() + make_interval(secs => $6)
      where id = $1 and epoch = $2 and revision = $7 and state = any($3)
     returning",
    ""
);
const UPDATE: &str = "
    update tenants
       set slug = coalesce($2, slug), display_name = coalesce($3, display_name),
           contact_email = coalesce($4, contact_email),
           contact_phone = coalesce($5, contact_phone),
           plan = coalesce($6, plan), settings = coalesce($7, settings),
           epoch = epoch + $8, revision = revision + 1, update_time = now()
     where id = $1";
const TOUCH: &str = tenant!(
    "update tenants
        set epoch = epoch + 1, revision = revision + 1, update_time = now()
      where id = $1
     returning",
    ""
);
const RESTORABLE: &str = "
    select 1 as one from tenants where id = $1 and purge_time > now()";
const SLUGS: &str = "
    select slug from tenants where state not in ('purged', 'failed') order by slug limit 1000";
const INVITE: &str = "
    insert into activation_tokens (token_hash, tenant_id, email, roles, expire_time)
    values ($1, $2, $3, array['owner'], now() + interval '7 days')
    returning expire_time";
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
                fields.plan,
                fields.settings.to_json()
            ],
        )
        .await
        .map_err(taken)?,
    )
}

pub(super) async fn get(tx: &PublicTx, id: TenantId) -> Result<Tenant, Error> {
    found(tx.query_opt(GET, params![id.as_uuid()]).await?.as_ref())
}

/// Reads tenants, in no order.
pub(super) async fn by_ids(tx: &PublicTx, ids: Vec<Uuid>) -> Result<Vec<Tenant>, Error> {
    let rows = tx.query(BY_IDS, params![ids]).await?;
    rows.iter().map(read).collect()
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

/// A change of state as it is written.
pub(super) struct Step {
    /// The states it may start from.
    pub(super) from: &'static [State],
    /// The state it leads to.
    pub(super) to: State,
    /// Whether the tenant is read-only then.
    pub(super) read_only: bool,
    /// How long the tenant can be restored, if the change is its deletion.
    pub(super) grace: Option<Duration>,
}

/// Takes a step, unless somebody else has changed the tenant since it was seen;
/// none then.
pub(super) async fn step(
    tx: &PublicTx,
    seen: &Tenant,
    step: &Step,
) -> Result<Option<Tenant>, Error> {
    let from: Vec<_> = step.from.iter().map(ToString::to_string).collect();
    let row = tx
        .query_opt(
            STEP,
            params![
                seen.id.as_uuid(),
                seen.epoch,
                from,
                step.to.as_str(),
                step.read_only,
                step.grace.map(|grace| grace.as_secs_f64()),
                seen.revision
            ],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

/// Changes fields of a tenant that the caller has locked, and returns it.
///
/// # Errors
/// [`Error::TenantExists`] if the slug is taken, or another tenant's alias.
pub(super) async fn update(
    tx: &PublicTx,
    id: TenantId,
    fields: &change::Fields,
) -> Result<Tenant, Error> {
    tx.execute(
        UPDATE,
        params![
            id.as_uuid(),
            fields.slug.as_ref().map(Slug::as_str),
            fields.display_name,
            fields.contact_email.as_ref().map(Email::as_str),
            fields.contact_phone,
            fields.plan,
            fields.settings.as_ref().map(Settings::to_json),
            i64::from(fields.is_told())
        ],
    )
    .await
    .map_err(taken)?;
    // A new slug may have ended an alias: what the statement returned would not
    // know of it.
    get(tx, id).await
}

/// Notes that what gateways know of a tenant has changed, and returns it.
pub(super) async fn touch(tx: &PublicTx, id: TenantId) -> Result<Tenant, Error> {
    found(tx.query_opt(TOUCH, params![id.as_uuid()]).await?.as_ref())
}

/// Whether a deleted tenant can be restored still.
pub(super) async fn is_restorable(tx: &PublicTx, id: TenantId) -> Result<bool, Error> {
    let row = tx.query_opt(RESTORABLE, params![id.as_uuid()]).await?;
    Ok(row.is_some())
}

/// Reads the slugs in use, at most a thousand.
pub(super) async fn slugs(tx: &PublicTx) -> Result<Vec<String>, Error> {
    let rows = tx.query(SLUGS, params![]).await?;
    rows.iter().map(|row| column(row, "slug")).collect()
}

/// Keeps the hash of a token with which `email` becomes the tenant's owner, and
/// returns when it stops working.
pub(super) async fn invite(
    tx: &PublicTx,
    tenant: TenantId,
    email: &str,
    token: &Activation,
) -> Result<SystemTime, Error> {
    let row = tx
        .query_one(INVITE, params![token.hash(), tenant.as_uuid(), email])
        .await?;
    column(&row, "expire_time")
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

/// Reads a row with the columns of a tenant.
pub(super) fn read(row: &Row) -> Result<Tenant, Error> {
    let previous: Option<&str> = column(row, "previous_state")?;
    Ok(Tenant {
        id: TenantId::from_uuid(column::<Uuid>(row, "id")?),
        lock_no: column(row, "lock_no")?,
        slug: column(row, "slug")?,
        display_name: column(row, "display_name")?,
        contact_email: column(row, "contact_email")?,
        contact_phone: column(row, "contact_phone")?,
        plan: column(row, "plan")?,
        state: state(column(row, "state")?)?,
        epoch: column(row, "epoch")?,
        schema_version: column(row, "schema_version")?,
        read_only: column(row, "read_only")?,
        created: column(row, "create_time")?,
        updated: column(row, "update_time")?,
        purge: column(row, "purge_time")?,
        revision: column(row, "revision")?,
        domains: column(row, "domains")?,
        settings: Settings::stored(column(row, "settings")?)?,
        aliases: column(row, "aliases")?,
        deleted: column(row, "delete_time")?,
        previous: previous.map(state).transpose()?,
    })
}

fn state(text: &str) -> Result<State, Error> {
    text.parse()
        .map_err(|_| Error::Fault("a stored state is unknown"))
}

fn taken(error: db::Error) -> Error {
    match error.constraint() {
        Some("tenants_slug_key" | "tenant_aliases_slug") => Error::TenantExists,
        _ => error.into(),
    }
}
