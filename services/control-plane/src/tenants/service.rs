//! The calls about tenants.

use std::time::Duration;

use prost::Message as _;
use resido_migrations::{self as migrations, Fence};
use resido_proto::{
    error::Kind,
    google::{longrunning as lro, rpc},
    identity::Role,
    ids::{OperationId, TenantId},
    page::{Cursor, PageRequest},
    tenancy::v1 as proto,
    validate::Checks,
};
use resido_tenancy::{
    context::CallContext,
    db::{PublicDatabase, PublicTx},
    tenant::State,
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    model::{self, Fields, Operation, Tenant, Transition},
    operations,
    provision::{Provisioned, Provisioner, Work},
    store,
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    authorize::require,
    outbox,
    tokens::Activation,
};

const READERS: &[Role] = &[Role::PLATFORM_ADMIN, Role::PLATFORM_SUPPORT];
const WRITERS: &[Role] = &[Role::PLATFORM_ADMIN];
/// Type of an operation's result, as `google.protobuf.Any` spells it.
const TENANT_TYPE: &str = "type.googleapis.com/resido.tenancy.v1.Tenant";
/// How long a call waits for its tenant where it has no deadline.
const DEFAULT_WAIT: Duration = Duration::from_secs(30);
/// What is left of a deadline for the answer.
const MARGIN: Duration = Duration::from_millis(300);
/// How often a repeated request looks whether the first one is done.
const POLL: Duration = Duration::from_millis(50);

/// Serves the calls about tenants.
#[derive(Clone)]
pub(crate) struct Tenants {
    db: PublicDatabase,
    provisioner: Provisioner,
}

/// What became of a request for a tenant.
enum Reserved {
    /// The row is there, and an operation whose lease is ours.
    New(Box<Tenant>, Operation),
    /// The same request came before.
    Known(Operation),
}

impl Tenants {
    /// Makes tenants with `provisioner`.
    pub(crate) fn new(db: PublicDatabase, provisioner: Provisioner) -> Self {
        Self { db, provisioner }
    }

    /// Creates a tenant and waits for it, as long as the caller does.
    pub(crate) async fn create(
        &self,
        ctx: &CallContext,
        request: proto::CreateTenantRequest,
    ) -> Result<proto::CreateTenantResponse, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let mut checks = Checks::default();
        let key = checks.take(model::request_id(request.request_id));
        let fields = checks.take(Fields::parse(request.tenant.unwrap_or_default()));
        checks.finish()?;
        let (Some(key), Some(fields)) = (key, fields) else {
            return Err(Error::Fault("a fault was not noted"));
        };
        let actor = Actor::of(ctx);
        let place = self.provisioner.place()?;
        let until = wait_until(ctx.deadline());
        match self.reserve(ctx, &actor, &fields, key.as_deref()).await? {
            Reserved::New(tenant, operation) => {
                let id = operation.id;
                let work = Work {
                    operation,
                    actor,
                    invite: true,
                };
                let task = self.provisioner.start(work, place);
                let Provisioned { tenant, token } = match tokio::time::timeout_at(until, task).await
                {
                    Ok(Ok(Ok(provisioned))) => provisioned,
                    // The operation goes on; the task has said why.
                    _ => Provisioned {
                        tenant: *tenant,
                        token: None,
                    },
                };
                Ok(answer(tenant, token, id))
            }
            Reserved::Known(operation) => {
                drop(place);
                self.repeat(ctx, &actor, &operation, until).await
            }
        }
    }

    pub(crate) async fn get(
        &self,
        ctx: &CallContext,
        request: proto::GetTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, READERS, "tenants.read")?;
        let id = model::tenant_name(&request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let tenant = store::get(&tx, id).await;
        Ok(tx.finish(tenant).await?.into())
    }

    pub(crate) async fn lookup(
        &self,
        ctx: &CallContext,
        request: proto::LookupTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        use proto::lookup_tenant_request::Key;
        authorize(ctx, READERS, "tenants.read")?;
        let mut checks = Checks::default();
        let key = request.key.unwrap_or_else(|| Key::Slug(String::new()));
        let (slug, domain) = match key {
            Key::Slug(text) => (checks.take(model::slug("slug", &text)), String::new()),
            Key::Domain(text) => {
                checks.text("domain", &text, 1, 253);
                (None, text.to_ascii_lowercase())
            }
        };
        checks.finish()?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let found = match slug {
            Some(slug) => store::by_slug(&tx, &slug).await,
            None => store::by_domain(&tx, &domain).await,
        };
        Ok(tx.finish(found).await?.into())
    }

    pub(crate) async fn list(
        &self,
        ctx: &CallContext,
        request: proto::ListTenantsRequest,
    ) -> Result<proto::ListTenantsResponse, Error> {
        authorize(ctx, READERS, "tenants.read")?;
        let page = PageRequest::parse(request.page_size, &request.page_token)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let listed = store::list(&tx, &page).await;
        let mut rows = tx.finish(listed).await?;
        let next_page_token = page.finish(&mut rows, |row: &Tenant| {
            Cursor::behind(row.created, row.id.as_uuid())
        });
        Ok(proto::ListTenantsResponse {
            tenants: rows.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    pub(crate) async fn suspend(
        &self,
        ctx: &CallContext,
        request: proto::SuspendTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let mut checks = Checks::default();
        let id = checks.take(model::tenant_name(&request.name));
        checks.text("reason", &request.reason, 0, 500);
        checks.finish()?;
        let id = id.ok_or(Error::Fault("a fault was not noted"))?;
        self.change(ctx, id, Transition::Suspend, &request.reason)
            .await
    }

    pub(crate) async fn resume(
        &self,
        ctx: &CallContext,
        request: proto::ResumeTenantRequest,
    ) -> Result<proto::Tenant, Error> {
        authorize(ctx, WRITERS, "tenants.write")?;
        let id = model::tenant_name(&request.name)?;
        self.change(ctx, id, Transition::Resume, "").await
    }

    /// Creates a tenant outside any call, or returns the one that has the slug.
    pub(crate) async fn seed(&self, tenant: proto::Tenant) -> Result<TenantId, Error> {
        let fields = Fields::parse(tenant)?;
        let tx = self.db.begin(None).await?;
        let known = store::by_slug(&tx, &fields.slug).await;
        let tenant = match tx.finish(known).await {
            Ok(tenant) if tenant.state == State::Provisioning => {
                return Err(Error::TenantState(tenant.state));
            }
            Ok(tenant) => return Ok(tenant.id),
            Err(Error::NotFound(_)) => TenantId::new(),
            Err(error) => return Err(error),
        };
        let actor = Actor::system();
        let place = self.provisioner.place()?;
        let operation = new_operation(tenant, &actor, &fields);
        let tx = self.db.begin(None).await?;
        let reserved = reserve_in(&tx, &fields, &operation, None).await;
        tx.finish(reserved).await?;
        let work = Work {
            operation,
            actor,
            invite: false,
        };
        let task = self.provisioner.start(work, place).await;
        task.map_err(|_| Error::Fault("a task did not end"))??;
        Ok(tenant)
    }

    /// Returns the slugs in use, at most a thousand.
    pub(crate) async fn slugs(&self) -> Result<Vec<String>, Error> {
        let tx = self.db.begin(None).await?;
        let slugs = store::slugs(&tx).await;
        tx.finish(slugs).await
    }

    /// Writes the tenant's row and its operation, unless this request came
    /// before.
    async fn reserve(
        &self,
        ctx: &CallContext,
        actor: &Actor,
        fields: &Fields,
        key: Option<&str>,
    ) -> Result<Reserved, Error> {
        if let Some(known) = self.known(ctx, actor, fields, key).await? {
            return Ok(Reserved::Known(known));
        }
        let operation = new_operation(TenantId::new(), actor, fields);
        let tx = self.db.begin(ctx.deadline()).await?;
        let reserved = reserve_in(&tx, fields, &operation, key).await;
        match tx.finish(reserved).await {
            Ok(tenant) => Ok(Reserved::New(Box::new(tenant), operation)),
            // The same request may have come twice at once: then the other one
            // has the slug, or the key.
            Err(error @ (Error::TenantExists | Error::KeyReused)) => {
                let known = self.known(ctx, actor, fields, key).await?;
                known.map(Reserved::Known).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Finds the operation of an earlier request with this key.
    async fn known(
        &self,
        ctx: &CallContext,
        actor: &Actor,
        fields: &Fields,
        key: Option<&str>,
    ) -> Result<Option<Operation>, Error> {
        let Some(key) = key else {
            return Ok(None);
        };
        let tx = self.db.begin(ctx.deadline()).await?;
        let found = operations::find(&tx, &actor.subject, key).await;
        match tx.finish(found).await? {
            Some(known) if known.request.as_deref() != Some(fields.digest().as_slice()) => {
                Err(Error::KeyReused)
            }
            known => Ok(known),
        }
    }

    /// Answers a request that came before: the same tenant and, as long as nobody
    /// has entered it, a token. The token is a fresh one, for the first one's text
    /// is kept nowhere; using either makes the other useless.
    async fn repeat(
        &self,
        ctx: &CallContext,
        actor: &Actor,
        operation: &Operation,
        until: Instant,
    ) -> Result<proto::CreateTenantResponse, Error> {
        loop {
            let tx = self.db.begin(ctx.deadline()).await?;
            let answer = repeat_in(&tx, actor, operation).await;
            let (tenant, token) = tx.finish(answer).await?;
            if tenant.state != State::Provisioning || Instant::now() + POLL > until {
                return Ok(self::answer(tenant, token, operation.id));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Changes a tenant's state and, in the same transaction, raises the fence of
    /// its schema: contexts signed before the change open nothing any more.
    async fn change(
        &self,
        ctx: &CallContext,
        id: TenantId,
        transition: Transition,
        reason: &str,
    ) -> Result<proto::Tenant, Error> {
        let tx = self.db.begin(ctx.deadline()).await?;
        let changed = change_in(&tx, &Actor::of(ctx), id, transition, reason).await;
        Ok(tx.finish(changed).await?.into())
    }
}

async fn change_in(
    tx: &PublicTx,
    actor: &Actor,
    id: TenantId,
    transition: Transition,
    reason: &str,
) -> Result<Tenant, Error> {
    let seen = store::get(tx, id).await?;
    if seen.state != transition.from() {
        return Err(Error::TenantState(seen.state));
    }
    let changed = store::change_state(tx, &seen, transition.to()).await?;
    let tenant = changed.ok_or(Error::TenantChanged)?;
    // A suspended tenant's schema still takes what the gateway lets through for
    // suspended tenants; the epoch alone shuts the older contexts out.
    let fence = if tenant.read_only {
        Fence::ReadOnly
    } else {
        Fence::ReadWrite
    };
    migrations::set_fence(tx, id, tenant.epoch, fence).await?;
    let mut after = json!({"state": tenant.state.as_str(), "epoch": tenant.epoch});
    if !reason.is_empty() {
        after["reason"] = reason.into();
    }
    let event = Event {
        action: transition.action(),
        resource: id.resource_name(),
        tenant: Some(id),
        before: Some(json!({"state": seen.state.as_str(), "epoch": seen.epoch})),
        after: Some(after),
    };
    audit::record(tx, actor, event).await?;
    outbox::tenant_changed(tx, id).await?;
    Ok(tenant)
}

async fn reserve_in(
    tx: &PublicTx,
    fields: &Fields,
    operation: &Operation,
    key: Option<&str>,
) -> Result<Tenant, Error> {
    let tenant = store::insert(tx, operation.tenant, fields).await?;
    operations::insert(tx, operation, key).await?;
    Ok(tenant)
}

async fn repeat_in(
    tx: &PublicTx,
    actor: &Actor,
    operation: &Operation,
) -> Result<(Tenant, Option<Activation>), Error> {
    let tenant = store::lock(tx, operation.tenant).await?;
    if tenant.state != State::Active || !store::awaits_owner(tx, tenant.id).await? {
        return Ok((tenant, None));
    }
    let token = Activation::generate()?;
    store::invite(tx, tenant.id, &tenant.contact_email, &token).await?;
    let event = Event {
        action: "tenants.invite",
        resource: tenant.id.resource_name(),
        tenant: Some(tenant.id),
        before: None,
        after: None,
    };
    audit::record(tx, actor, event).await?;
    Ok((tenant, Some(token)))
}

fn authorize(ctx: &CallContext, roles: &[Role], permission: &str) -> Result<(), Error> {
    ctx.platform()?;
    require(ctx, roles, permission)
}

fn new_operation(tenant: TenantId, actor: &Actor, fields: &Fields) -> Operation {
    Operation {
        id: OperationId::new(),
        tenant,
        actor: actor.subject.clone(),
        request: Some(fields.digest()),
        attempt: 1,
    }
}

fn answer(
    tenant: Tenant,
    token: Option<Activation>,
    operation: OperationId,
) -> proto::CreateTenantResponse {
    let tenant = proto::Tenant::from(tenant);
    let result = match tenant.state() {
        proto::tenant::State::Provisioning => None,
        proto::tenant::State::Failed => Some(lro::operation::Result::Error(rpc::Status {
            code: Kind::Internal.code().into(),
            message: "the tenant could not be made".to_owned(),
            details: Vec::new(),
        })),
        _ => Some(lro::operation::Result::Response(prost_types::Any {
            type_url: TENANT_TYPE.to_owned(),
            value: tenant.encode_to_vec(),
        })),
    };
    proto::CreateTenantResponse {
        activation_token: token.map(Activation::into_text).unwrap_or_default(),
        operation: Some(lro::Operation {
            name: operation.resource_name(),
            done: result.is_some(),
            result,
            ..lro::Operation::default()
        }),
        tenant: Some(tenant),
    }
}

/// Returns until when a call waits: a little less long than its caller.
fn wait_until(deadline: Option<Instant>) -> Instant {
    let default = Instant::now() + DEFAULT_WAIT;
    deadline
        .and_then(|deadline| deadline.checked_sub(MARGIN))
        .unwrap_or(default)
}
