//! The calls about API keys.

use std::time::{Duration, SystemTime};

use resido_proto::{
    identity::{Role, Subject},
    identity_api::v1 as proto,
    ids::ApiKeyId,
};
use resido_tenancy::{
    context::{self, CallContext, TenantContext},
    db::{Ask, PublicDatabase, PublicTx},
};
use serde_json::json;

use super::{
    model::{self, ApiKey, Draft, MAX_LIVE},
    secret::{self, HASH_BYTES, Secret},
    store::{self, New, Rotation},
    uses::Uses,
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    fence, outbox,
    roles::{self, Permissions},
};

const KEEPERS: &[Role] = &[Role::OWNER, Role::ADMIN];
const READ: &str = "api-keys.read";
const WRITE: &str = "api-keys.write";

/// Serves the calls about keys.
#[derive(Clone)]
pub(crate) struct ApiKeys {
    db: PublicDatabase,
    uses: Uses,
    permissions: Permissions,
}

impl ApiKeys {
    /// Notes the uses of keys in `uses`, and lets scopes be such permissions.
    pub(crate) fn new(db: PublicDatabase, uses: Uses, permissions: Permissions) -> Self {
        Self {
            db,
            uses,
            permissions,
        }
    }

    /// Makes a key.
    pub(crate) async fn create(
        &self,
        ctx: &CallContext,
        request: proto::CreateApiKeyRequest,
    ) -> Result<proto::CreateApiKeyResponse, Error> {
        let tenant = writer(ctx)?;
        let draft = Draft::parse(request, &self.permissions, SystemTime::now())?;
        let (prefix, secret) = (secret::prefix()?, Secret::generate()?);
        let tx = self.db.begin(ctx.deadline()).await?;
        let created = create_in(&tx, &tenant, &draft, &prefix, &secret.hash()).await;
        Ok(proto::CreateApiKeyResponse {
            api_key: Some(tx.finish(created).await?.into()),
            secret: secret.into_key(&prefix),
        })
    }

    pub(crate) async fn get(
        &self,
        ctx: &CallContext,
        request: proto::GetApiKeyRequest,
    ) -> Result<proto::ApiKey, Error> {
        let tenant = reader(ctx)?;
        let id = model::name(&request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            fence::check(&tx, &tenant).await?;
            store::get(&tx, tenant.id(), id).await
        };
        let found = work.await;
        Ok(tx.finish(found).await?.into())
    }

    pub(crate) async fn list(
        &self,
        ctx: &CallContext,
        request: proto::ListApiKeysRequest,
    ) -> Result<proto::ListApiKeysResponse, Error> {
        let tenant = reader(ctx)?;
        let request = store::LISTING.request(Ask {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
        })?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            fence::check(&tx, &tenant).await?;
            store::list(&tx, tenant.id(), &request).await
        };
        let listed = work.await;
        let (keys, next_page_token) = tx.finish(listed).await?;
        Ok(proto::ListApiKeysResponse {
            api_keys: keys.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    /// Revokes a key; one that is revoked already stays as it is. Whoever may
    /// write keys may stop any: a leaked one must not wait for an owner. What it
    /// offers others is withdrawn.
    pub(crate) async fn revoke(
        &self,
        ctx: &CallContext,
        request: proto::RevokeApiKeyRequest,
    ) -> Result<proto::ApiKey, Error> {
        ctx.require(KEEPERS, WRITE)?;
        let tenant = ctx.tenant()?;
        let id = model::name(&request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let revoked = revoke_in(&tx, &tenant, id).await;
        Ok(tx.finish(revoked).await?.into())
    }

    /// Gives a key a new secret.
    pub(crate) async fn rotate(
        &self,
        ctx: &CallContext,
        request: proto::RotateApiKeyRequest,
    ) -> Result<proto::RotateApiKeyResponse, Error> {
        let tenant = writer(ctx)?;
        let (id, overlap) = model::rotation(&request)?;
        let secret = Secret::generate()?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let rotated = rotate_in(&tx, &tenant, id, &secret.hash(), overlap).await;
        let key = tx.finish(rotated).await?;
        Ok(proto::RotateApiKeyResponse {
            secret: secret.into_key(&key.prefix),
            api_key: Some(key.into()),
        })
    }

    /// Tells a gateway whose key a secret is. Whatever is wrong with it, the
    /// answer and the work are the same.
    pub(crate) async fn resolve(
        &self,
        ctx: &CallContext,
        request: proto::ResolveApiKeyRequest,
    ) -> Result<proto::ResolveApiKeyResponse, Error> {
        ctx.internal()?;
        let well = secret::is_prefix(&request.prefix) && request.secret_hash.len() == HASH_BYTES;
        let prefix = if well { request.prefix.as_str() } else { "" };
        let tx = self.db.begin(ctx.deadline()).await?;
        let resolved = resolve_in(&tx, prefix, &request.secret_hash).await;
        let (id, resolved) = tx.finish(resolved).await?;
        self.uses.note(id);
        Ok(resolved)
    }
}

fn reader(ctx: &CallContext) -> Result<TenantContext, Error> {
    ctx.require(KEEPERS, READ)?;
    Ok(ctx.tenant()?)
}

/// Who may learn a secret: people alone, for it would outlive the end of a key, and
/// not those whom an operator impersonates.
fn writer(ctx: &CallContext) -> Result<TenantContext, Error> {
    ctx.require(KEEPERS, WRITE)?;
    roles::refuse_impersonated(ctx)?;
    if !matches!(ctx.principal().subject, Subject::User(_)) {
        return Err(context::Error::NotAllowed.into());
    }
    Ok(ctx.tenant()?)
}

async fn create_in(
    tx: &PublicTx,
    tenant: &TenantContext,
    draft: &Draft,
    prefix: &str,
    hash: &[u8],
) -> Result<ApiKey, Error> {
    fence::lock(tx, tenant).await?;
    let roles = ("api_key.roles", &draft.roles[..]);
    roles::may_give_over(tx, tenant.call(), tenant.id(), roles, &draft.scopes).await?;
    if store::count_live(tx, tenant.id()).await? >= MAX_LIVE {
        return Err(Error::ApiKeyLimit);
    }
    let creator = tenant.call().principal().subject.to_string();
    let new = New {
        tenant: tenant.id(),
        prefix,
        hash,
        creator: &creator,
    };
    let key = store::insert(tx, draft, new).await?;
    let after = json!({
        "prefix": key.prefix,
        "display_name": key.display_name,
        "roles": key.roles,
        "scopes": key.scopes,
        "expires": key.expires.is_some(),
    });
    tell(tx, tenant, "api-keys.create", key.id, after).await?;
    Ok(key)
}

async fn revoke_in(tx: &PublicTx, tenant: &TenantContext, id: ApiKeyId) -> Result<ApiKey, Error> {
    fence::hold(tx, tenant).await?;
    let Some(key) = store::revoke(tx, tenant.id(), id).await? else {
        return store::get(tx, tenant.id(), id).await;
    };
    let after = json!({"state": "revoked"});
    tell(tx, tenant, "api-keys.revoke", id, after).await?;
    roles::withdraw_of_key(tx, tenant, id).await?;
    Ok(key)
}

async fn rotate_in(
    tx: &PublicTx,
    tenant: &TenantContext,
    id: ApiKeyId,
    hash: &[u8],
    overlap: Duration,
) -> Result<ApiKey, Error> {
    let seen = to_rotate(tx, tenant, id).await?;
    let new = Rotation {
        hash,
        issuer: &tenant.call().principal().subject.to_string(),
        overlap,
    };
    let key = store::rotate(tx, tenant.id(), seen.id, new).await?;
    let after = json!({"prefix": key.prefix, "overlap_seconds": overlap.as_secs()});
    tell(tx, tenant, "api-keys.rotate", id, after).await?;
    Ok(key)
}

/// Locks a key that the caller may learn a new secret of.
async fn to_rotate(tx: &PublicTx, tenant: &TenantContext, id: ApiKeyId) -> Result<ApiKey, Error> {
    fence::lock(tx, tenant).await?;
    let key = store::lock(tx, tenant.id(), id).await?;
    let held: Vec<_> = key.roles.iter().map(Role::named).collect();
    let roles = ("name", &held[..]);
    roles::may_give_over(tx, tenant.call(), tenant.id(), roles, &key.scopes).await?;
    match key.state() {
        proto::api_key::State::Active => Ok(key),
        proto::api_key::State::Revoked => Err(Error::ApiKeyState("revoked")),
        _ => Err(Error::ApiKeyState("expired")),
    }
}

/// Records a change of a key, and has gateways hear of it.
async fn tell(
    tx: &PublicTx,
    tenant: &TenantContext,
    action: &'static str,
    key: ApiKeyId,
    after: serde_json::Value,
) -> Result<(), Error> {
    let event = Event {
        action,
        // As the record names a key that acts.
        resource: Subject::ApiKey(key.to_string()).to_string(),
        tenant: Some(tenant.id()),
        before: None,
        after: Some(after),
    };
    audit::record(tx, &Actor::of(tenant.call()), event).await?;
    outbox::api_key_changed(tx, tenant.id(), key).await
}

async fn resolve_in(
    tx: &PublicTx,
    prefix: &str,
    shown: &[u8],
) -> Result<(ApiKeyId, proto::ResolveApiKeyResponse), Error> {
    let key = store::candidate(tx, prefix).await?;
    let expires = key.admits(shown).ok_or(Error::NotFound("API key"))?;
    let held: Vec<_> = key.roles.iter().map(Role::named).collect();
    let granted = roles::granted(tx, key.tenant, &held).await?;
    let scopes = match granted.perm {
        None => key.scopes,
        // Nothing but roles of the tenant's own narrows as well.
        Some(permitted) if key.scopes.is_empty() => permitted,
        Some(permitted) => {
            let both = key.scopes.into_iter();
            let both: Vec<_> = both.filter(|scope| permitted.contains(scope)).collect();
            // None would mean that nothing is narrowed.
            if both.is_empty() {
                return Err(Error::NotFound("API key"));
            }
            both
        }
    };
    let resolved = proto::ResolveApiKeyResponse {
        id: key.id.as_uuid().to_string(),
        tenant_id: key.tenant.to_string(),
        roles: key.roles,
        scopes,
        grants: granted.grants,
        expire_time: expires.map(Into::into),
    };
    Ok((key.id, resolved))
}
