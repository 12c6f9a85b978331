//! One command's use of the control plane.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use resido_control_plane::{ControlPlane, Deed};
use resido_migrations::Sets;
use resido_observability::Metrics;
use resido_proto::{
    headers,
    identity::{CONTEXT_ISSUER, ContextClaims, Role, Subject, TenantClaims},
    tenancy::v1::tenant_service_client::TenantServiceClient,
};
use resido_tenancy::{
    context::Signer,
    keys::SigningKey,
    server::{ContextLayer, ContextService},
};
use resido_transcode::Api;
use serde_json::Value;
use tonic::{Request, service::Routes};
use tower::Layer as _;

use super::{Call, wire};
use crate::{
    cli::{ControlTarget, Listed},
    commands::target::{Purpose, Target},
    migrating,
    settings::Settings,
    wiring::CONTROL_PLANE,
};

/// Who the record says did it.
pub(in crate::commands) const ACTOR: &str = "cli";
/// Rows of one call of a list.
const PAGE: usize = 1000;

/// The control plane, on a command's database.
pub(in crate::commands) struct Session {
    target: Target,
    control_plane: Box<ControlPlane>,
    service: ContextService<Routes>,
    signer: Signer,
    api: Api,
}

impl Session {
    /// Reaches the database, which must be there and current.
    pub(in crate::commands) async fn open(
        flags: &ControlTarget,
        settings: &Settings,
    ) -> Result<Self> {
        let login = flags.control_database_url.as_ref();
        let target = Target::open(&flags.database, login, settings, Purpose::Look).await?;
        let sets = migrating::sets(settings)?;
        if let Err(behind) = is_current(&target, &sets).await {
            target.close().await?;
            return Err(behind);
        }
        // Keys that nobody else trusts, and that are gone with the process.
        let key = || -> Result<_> { Ok(SigningKey::from_pem(&SigningKey::generate_pem()?)?) };
        let (config, metrics) = (settings.control_plane.clone(), Metrics::default());
        let control_plane =
            ControlPlane::new(target.db.clone(), sets, key()?, config, metrics.clone());
        let signer = Signer::new(key()?);
        let (_, layer): (_, ContextLayer) = CONTROL_PLANE.layer(&signer.jwks(), &metrics);
        Ok(Self {
            service: layer.layer(control_plane.routes().prepare()),
            target,
            control_plane: Box::new(control_plane),
            signer,
            api: wire::api()?,
        })
    }

    /// Records what was done without a call.
    pub(in crate::commands) async fn record(&self, deed: Deed) -> Result<()> {
        let by = Subject::Service(ACTOR.to_owned());
        Ok(self.control_plane.record(&by, deed).await?)
    }

    /// Calls as an administrator of the platform.
    pub(in crate::commands) async fn call(&self, call: Call) -> Result<Value> {
        self.send(call, Role::PLATFORM_ADMIN, None).await
    }

    /// Calls as an owner of a tenant.
    pub(in crate::commands) async fn call_in(
        &self,
        tenant: &TenantClaims,
        call: Call,
    ) -> Result<Value> {
        self.send(call, Role::OWNER, Some(tenant)).await
    }

    /// Finds a tenant by its slug or id.
    pub(in crate::commands) async fn tenant(&self, selector: &str) -> Result<Value> {
        let id = selector.strip_prefix("tenants/").unwrap_or(selector);
        let call = if resido_proto::ids::parse_uuid(id).is_ok() {
            Call::get(format!("/v1/tenants/{id}"))
        } else {
            Call::get("/v1/tenants:lookup").with("slug", selector)
        };
        let found = self.call(call).await;
        found.with_context(|| format!("tenant `{selector}`"))
    }

    /// Finds a tenant, to call within it.
    pub(in crate::commands) async fn enter(&self, selector: &str) -> Result<TenantClaims> {
        let tenant = self.tenant(selector).await?;
        let slug = text(&tenant, "slug");
        let holder = self.control_plane.holder(slug).await?;
        Ok(holder
            .with_context(|| format!("tenant `{selector}` is gone"))?
            .claims)
    }

    /// Reads a list to its end, or as far as was asked; `field` holds its rows.
    pub(in crate::commands) async fn list(
        &self,
        tenant: Option<&TenantClaims>,
        (path, field): (&str, &str),
        listed: &Listed,
    ) -> Result<Vec<Value>> {
        let (mut rows, mut token) = (Vec::new(), String::new());
        let limit = listed.limit.get();
        while rows.len() < limit {
            let size = PAGE.min(limit - rows.len()).to_string();
            let call = Call::get(path)
                .with("pageSize", &size)
                .with("pageToken", &token)
                .with("filter", &listed.filter)
                .with("orderBy", &listed.order_by);
            let mut page = match tenant {
                Some(tenant) => self.call_in(tenant, call).await?,
                None => self.call(call).await?,
            };
            if let Value::Array(page) = page[field].take() {
                rows.extend(page);
            }
            text(&page, "nextPageToken").clone_into(&mut token);
            if token.is_empty() {
                return Ok(rows);
            }
        }
        crate::terminal::note("there are more; --limit or --filter says which are printed");
        Ok(rows)
    }

    /// Returns a client for calls that are answered by streams, and the context
    /// that they need.
    pub(in crate::commands) fn streams<T>(
        &self,
        message: T,
    ) -> Result<(TenantServiceClient<ContextService<Routes>>, Request<T>)> {
        let mut request = Request::new(message);
        let context = self.context(Role::PLATFORM_ADMIN, None)?.parse()?;
        request.metadata_mut().insert(headers::CONTEXT, context);
        Ok((TenantServiceClient::new(self.service.clone()), request))
    }

    /// Ends the use when all work that was begun has ended; an embedded server that
    /// was started for it stops.
    pub(in crate::commands) async fn close(self) -> Result<()> {
        self.control_plane.end().await;
        drop((self.service, self.control_plane));
        self.target.close().await
    }

    async fn send(&self, call: Call, role: Role, tenant: Option<&TenantClaims>) -> Result<Value> {
        let context = self.context(role, tenant)?;
        wire::send(call, &self.api, self.service.clone(), &context).await
    }

    fn context(&self, role: Role, tenant: Option<&TenantClaims>) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        Ok(self.signer.sign(&ContextClaims {
            iss: CONTEXT_ISSUER.to_owned(),
            aud: CONTROL_PLANE.name.to_owned(),
            iat: now,
            exp: now + Signer::LIFETIME.as_secs(),
            sub: Subject::Service(ACTOR.to_owned()),
            act: None,
            roles: vec![role],
            perm: None,
            grants: Vec::new(),
            tenant: tenant.cloned(),
        })?)
    }
}

/// Returns a text of a JSON object; empty where there is none.
pub(in crate::commands) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Returns the roles in a JSON object, such as a person or an invitation.
pub(in crate::commands) fn roles(value: &Value) -> String {
    let roles = value["roles"].as_array().into_iter().flatten();
    let roles: Vec<_> = roles.filter_map(Value::as_str).collect();
    roles.join(" ")
}

async fn is_current(target: &Target, sets: &Arc<Sets>) -> Result<()> {
    let status = resido_migrations::status(&target.db, sets).await?;
    if status.public_applied == 0 {
        bail!("the database is empty; `resido up` or `resido migrate up` prepares it");
    }
    if status.public_applied < status.public_latest {
        bail!("the control plane's tables are older than this version; run `resido migrate up`");
    }
    Ok(())
}
