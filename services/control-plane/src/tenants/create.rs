//! The making of a tenant as its creator sees it: reserved, waited for, and the
//! same answer for the same request.

use std::time::Duration;

use prost::Message as _;
use resido_proto::{
    error::Kind,
    google::{longrunning as lro, rpc},
    ids::{OperationId, TenantId},
    tenancy::v1 as proto,
    validate::Checks,
};
use resido_tenancy::{context::CallContext, db::PublicTx, tenant::State};
use serde_json::json;
use tokio::time::Instant;

use super::{
    access,
    model::{self, Fields, Operation, OperationKind, Tenant},
    operations::{self, Asked},
    provision::{Provisioned, Work},
    service::Tenants,
    store,
};
use crate::{
    Error,
    audit::{self, Actor, Event},
    faults::Step,
    staff::{WRITERS, authorize},
    tokens::Activation,
};

/// Type of an operation's result, as `google.protobuf.Any` spells it.
const TENANT_TYPE: &str = "type.googleapis.com/resido.tenancy.v1.Tenant";
/// How long a call waits for its tenant where it has no deadline.
const DEFAULT_WAIT: Duration = Duration::from_secs(30);
/// What is left of a deadline for the answer.
const MARGIN: Duration = Duration::from_millis(300);
/// How often a repeated request looks whether the first one is done.
pub(super) const POLL: Duration = Duration::from_millis(50);

/// What became of a request for a tenant.
enum Reserved {
    /// The row is there, and an operation whose lease is ours.
    New(Box<Tenant>, Operation),
    /// The same request came before.
    Known(Operation),
}

impl Tenants {
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
                self.provisioner.faults().pass(Step::Reserved).await;
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

    /// Creates a tenant outside any call, or returns the one that has the slug; one
    /// that was left half-way is finished.
    pub(crate) async fn seed(&self, tenant: proto::Tenant) -> Result<TenantId, Error> {
        let fields = Fields::parse(tenant)?;
        let place = self.provisioner.place()?;
        let actor = Actor::system();
        let tx = self.db.begin(None).await?;
        let reserved = seed_in(&tx, &fields, &actor, self.provisioner.lease()).await;
        let (id, operation) = tx.finish(reserved).await?;
        if let Some(operation) = operation {
            let work = Work {
                operation,
                actor,
                invite: false,
            };
            let task = self.provisioner.start(work, place).await;
            task.map_err(|_| Error::Fault("a task did not end"))??;
        }
        Ok(id)
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
        let lease = self.provisioner.lease();
        let reserved = reserve_in(&tx, actor, fields, &operation, key, lease).await;
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
    /// is kept nowhere, and voids the first.
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
}

async fn reserve_in(
    tx: &PublicTx,
    actor: &Actor,
    fields: &Fields,
    operation: &Operation,
    key: Option<&str>,
    lease: Duration,
) -> Result<Tenant, Error> {
    let tenant = store::insert(tx, operation.tenant, fields).await?;
    let asked = Asked { key, from: None };
    operations::insert(tx, operation, asked, lease).await?;
    let event = Event {
        action: "tenants.reserve",
        resource: tenant.id.resource_name(),
        tenant: Some(tenant.id),
        before: None,
        after: Some(json!({"slug": tenant.slug, "state": tenant.state.to_string()})),
    };
    audit::record(tx, actor, event).await?;
    Ok(tenant)
}

/// Finds or reserves the tenant, with the operation that is still to be done.
async fn seed_in(
    tx: &PublicTx,
    fields: &Fields,
    actor: &Actor,
    lease: Duration,
) -> Result<(TenantId, Option<Operation>), Error> {
    match store::by_slug(tx, &fields.slug).await {
        Ok(known) => {
            let open = operations::open_of(tx, known.id, OperationKind::Provision).await?;
            Ok((known.id, open))
        }
        Err(Error::NotFound(_)) => {
            let operation = new_operation(TenantId::new(), actor, fields);
            reserve_in(tx, actor, fields, &operation, None, lease).await?;
            Ok((operation.tenant, Some(operation)))
        }
        Err(error) => Err(error),
    }
}

async fn repeat_in(
    tx: &PublicTx,
    actor: &Actor,
    operation: &Operation,
) -> Result<(Tenant, Option<Activation>), Error> {
    // While the tenant is being made its row is locked: look at it first.
    let seen = store::get(tx, operation.tenant).await?;
    if seen.state != State::Active {
        return Ok((seen, None));
    }
    let tenant = store::lock(tx, operation.tenant).await?;
    if tenant.state != State::Active || !store::awaits_owner(tx, tenant.id).await? {
        return Ok((tenant, None));
    }
    access::void_activations(tx, tenant.id).await?;
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

fn new_operation(tenant: TenantId, actor: &Actor, fields: &Fields) -> Operation {
    Operation {
        id: OperationId::new(),
        kind: OperationKind::Provision,
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
pub(super) fn wait_until(deadline: Option<Instant>) -> Instant {
    let default = Instant::now() + DEFAULT_WAIT;
    deadline
        .and_then(|deadline| deadline.checked_sub(MARGIN))
        .unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_time_has_the_tenant_the_token_and_the_result() {
        let (id, token) = (OperationId::new(), Activation::generate().unwrap());
        let answer = answer(Tenant::sample(State::Active), Some(token), id);
        assert_eq!(answer.activation_token.len(), 43);
        let operation = answer.operation.unwrap();
        assert_eq!(operation.name, id.resource_name());
        assert!(operation.done);
        let Some(lro::operation::Result::Response(any)) = operation.result else {
            panic!("{:?}", operation.result)
        };
        let sent = proto::Tenant::decode(any.value.as_slice()).unwrap();
        assert_eq!(Some(sent), answer.tenant);
        assert!(any.type_url.ends_with("/resido.tenancy.v1.Tenant"));
    }

    #[test]
    fn an_answer_before_the_end_says_that_it_goes_on() {
        let answer = answer(
            Tenant::sample(State::Provisioning),
            None,
            OperationId::new(),
        );
        let operation = answer.operation.unwrap();
        assert!(!operation.done);
        assert_eq!(operation.result, None);
        assert_eq!(answer.activation_token, "");
        let state = answer.tenant.unwrap().state();
        assert_eq!(state, proto::tenant::State::Provisioning);
    }

    #[test]
    fn a_tenant_that_could_not_be_made_is_an_error_of_its_operation() {
        let answer = answer(Tenant::sample(State::Failed), None, OperationId::new());
        let operation = answer.operation.unwrap();
        assert!(operation.done);
        assert!(matches!(
            operation.result,
            Some(lro::operation::Result::Error(_))
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_a_little_less_than_its_caller() {
        let now = Instant::now();
        assert_eq!(wait_until(None), now + DEFAULT_WAIT);
        let deadline = now + Duration::from_secs(60);
        assert_eq!(wait_until(Some(deadline)), deadline - MARGIN);
    }
}
