//! Keys in the control plane's tables.

use std::time::Duration;

use resido_proto::{
    filter::Kind,
    ids::{ApiKeyId, TenantId},
};
use resido_tenancy::db::{Column, ListRequest, Listing, PublicTx, Row, params};
use uuid::Uuid;

use super::{
    model::{ApiKey, Candidate, Draft},
    secret::HASH_BYTES,
};
use crate::{Error, row::column};

/// Puts the columns of a key into a statement, before or after the rest.
macro_rules! key {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, prefix, display_name, roles, scopes, creator, create_time, expire_time,
              coalesce(expire_time <= now(), false) as is_expired, last_use_time, revoke_time,
              overlap_end_time ",
            $after
        )
    };
}

/// The keys of a tenant.
pub(super) const LISTING: Listing = Listing {
    select: key!("", ""),
    from: "api_keys",
    scope: "tenant_id = $1",
    columns: &[
        sorted("display_name", "display_name", Kind::Text),
        sorted("prefix", "'rsk_' || prefix", Kind::Text),
        sorted("creator", "creator", Kind::Text),
        sorted("create_time", "create_time", Kind::Time),
        Column {
            field: "expire_time",
            sql: "expire_time",
            kind: Kind::Time,
            sort: false,
        },
    ],
    id: "id",
    order: "create_time",
};
const GET: &str = key!("select", "from api_keys where tenant_id = $1 and id = $2");
const LOCK: &str = key!(
    "select",
    "from api_keys where tenant_id = $1 and id = $2 for no key update"
);
const INSERT: &str = key!(
    "insert into api_keys (id, tenant_id, prefix, display_name, roles, scopes, secret_hash,
                           expire_time, creator)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     returning",
    ""
);
const REVOKE: &str = key!(
    "update api_keys set revoke_time = now()
      where tenant_id = $1 and id = $2 and revoke_time is null
     returning",
    ""
);
const ROTATE: &str = key!(
    "update api_keys
        set old_secret_hash = secret_hash, secret_hash = $3,
            old_issuer = issuer, issuer = $5, overlap_end_time = now() + make_interval(secs => $4)
      where tenant_id = $1 and id = $2
     returning",
    ""
);
const COUNT: &str = "
    select count(*) as live from api_keys
     where tenant_id = $1 and revoke_time is null
       and (expire_time is null or expire_time > now())";
const CANDIDATE: &str = "
    select k.id, k.tenant_id, k.roles, k.scopes, k.secret_hash, k.expire_time,
           coalesce(k.old_secret_hash, ''::bytea) as old_secret_hash, k.overlap_end_time,
           coalesce(k.overlap_end_time > now(), false) as overlaps,
           k.revoke_time is null and coalesce(k.expire_time > now(), true)
               and t.state in ('active', 'suspended', 'maintenance', 'moving') as works
      from api_keys k join tenants t on t.id = k.tenant_id
     where k.prefix = $1";
const USED: &str = "
    update api_keys set last_use_time = now()
     where id in (select id from api_keys
                   where id = any($1)
                     and coalesce(last_use_time < now() - interval '1 minute', true)
                   order by id
                     for update skip locked)";

const fn sorted(field: &'static str, sql: &'static str, kind: Kind) -> Column {
    Column {
        field,
        sql,
        kind,
        sort: true,
    }
}

/// Reads a key of a tenant.
///
/// # Errors
/// [`Error::NotFound`], also for keys of other tenants.
pub(super) async fn get(tx: &PublicTx, tenant: TenantId, id: ApiKeyId) -> Result<ApiKey, Error> {
    let row = tx
        .query_opt(GET, params![tenant.as_uuid(), id.as_uuid()])
        .await?;
    found(row)
}

/// Does as [`get`], and lets nobody change the key until the transaction ends.
pub(super) async fn lock(tx: &PublicTx, tenant: TenantId, id: ApiKeyId) -> Result<ApiKey, Error> {
    let row = tx
        .query_opt(LOCK, params![tenant.as_uuid(), id.as_uuid()])
        .await?;
    found(row)
}

/// Reads a page of a tenant's keys, and the token of the next one.
pub(super) async fn list(
    tx: &PublicTx,
    tenant: TenantId,
    request: &ListRequest,
) -> Result<(Vec<ApiKey>, String), Error> {
    let page = tx
        .list(&LISTING, params![tenant.as_uuid()], request)
        .await?;
    let keys = page.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((keys, page.next_page_token))
}

/// Counts the keys of a tenant that work.
pub(super) async fn count_live(tx: &PublicTx, tenant: TenantId) -> Result<i64, Error> {
    let row = tx.query_one(COUNT, params![tenant.as_uuid()]).await?;
    column(&row, "live")
}

/// What is stored of a new key, besides what its maker asks for.
pub(super) struct New<'a> {
    pub(super) tenant: TenantId,
    pub(super) prefix: &'a str,
    pub(super) hash: &'a [u8],
    pub(super) creator: &'a str,
}

/// Writes a new key.
///
/// # Errors
/// A conflict if the prefix is another key's, which chance all but rules out.
pub(super) async fn insert(tx: &PublicTx, draft: &Draft, new: New<'_>) -> Result<ApiKey, Error> {
    let roles: Vec<_> = draft.roles.iter().map(ToString::to_string).collect();
    let row = tx
        .query_one(
            INSERT,
            params![
                ApiKeyId::new().as_uuid(),
                new.tenant.as_uuid(),
                new.prefix,
                draft.display_name,
                roles,
                draft.scopes,
                new.hash,
                draft.expires,
                new.creator
            ],
        )
        .await;
    match row {
        Err(error) if error.constraint() == Some("api_keys_prefix_key") => Err(Error::Raced),
        row => read(&row?),
    }
}

/// Revokes a key; none if it is revoked already.
pub(super) async fn revoke(
    tx: &PublicTx,
    tenant: TenantId,
    id: ApiKeyId,
) -> Result<Option<ApiKey>, Error> {
    let row = tx
        .query_opt(REVOKE, params![tenant.as_uuid(), id.as_uuid()])
        .await?;
    row.as_ref().map(read).transpose()
}

/// A secret that replaces another.
pub(super) struct Rotation<'a> {
    pub(super) hash: &'a [u8],
    /// Who gets it, as the record names them.
    pub(super) issuer: &'a str,
    /// How long the old one works still.
    pub(super) overlap: Duration,
}

/// Gives a key a new secret. The one it had works for the time of the overlap,
/// and the one before that no more.
pub(super) async fn rotate(
    tx: &PublicTx,
    tenant: TenantId,
    id: ApiKeyId,
    new: Rotation<'_>,
) -> Result<ApiKey, Error> {
    let overlap = new.overlap.as_secs_f64();
    let row = tx
        .query_opt(
            ROTATE,
            params![
                tenant.as_uuid(),
                id.as_uuid(),
                new.hash,
                overlap,
                new.issuer
            ],
        )
        .await?;
    found(row)
}

/// Finds what is kept of a key. Where there is none, stands in what no secret
/// fits, so that the rest takes as long.
pub(super) async fn candidate(tx: &PublicTx, prefix: &str) -> Result<Candidate, Error> {
    let row = tx.query_opt(CANDIDATE, params![prefix]).await?;
    let Some(row) = row else {
        return Ok(Candidate {
            id: ApiKeyId::from_uuid(Uuid::nil()),
            tenant: TenantId::from_uuid(Uuid::nil()),
            roles: Vec::new(),
            scopes: Vec::new(),
            works: false,
            hash: vec![0; HASH_BYTES],
            old_hash: vec![0; HASH_BYTES],
            overlap_end: None,
            overlaps: false,
            expires: None,
        });
    };
    Ok(Candidate {
        id: ApiKeyId::from_uuid(column::<Uuid>(&row, "id")?),
        tenant: TenantId::from_uuid(column::<Uuid>(&row, "tenant_id")?),
        roles: column(&row, "roles")?,
        scopes: column(&row, "scopes")?,
        works: column(&row, "works")?,
        hash: column(&row, "secret_hash")?,
        old_hash: column(&row, "old_secret_hash")?,
        overlap_end: column(&row, "overlap_end_time")?,
        overlaps: column(&row, "overlaps")?,
        expires: column(&row, "expire_time")?,
    })
}

/// Notes that keys were used just now, where the last note is a minute old.
pub(super) async fn used(tx: &PublicTx, keys: &[ApiKeyId]) -> Result<(), Error> {
    let keys: Vec<_> = keys.iter().map(ApiKeyId::as_uuid).collect();
    tx.execute(USED, params![keys]).await?;
    Ok(())
}

fn found(row: Option<Row>) -> Result<ApiKey, Error> {
    read(&row.ok_or(Error::NotFound("API key"))?)
}

fn read(row: &Row) -> Result<ApiKey, Error> {
    Ok(ApiKey {
        id: ApiKeyId::from_uuid(column::<Uuid>(row, "id")?),
        prefix: column(row, "prefix")?,
        display_name: column(row, "display_name")?,
        roles: column(row, "roles")?,
        scopes: column(row, "scopes")?,
        creator: column(row, "creator")?,
        created: column(row, "create_time")?,
        expires: column(row, "expire_time")?,
        is_expired: column(row, "is_expired")?,
        last_use: column(row, "last_use_time")?,
        revoked: column(row, "revoke_time")?,
        overlap_end: column(row, "overlap_end_time")?,
    })
}
