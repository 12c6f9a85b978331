//! The way into a tenant that services have: a context signed by the gateway's
//! key, let in by the context layer.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use http::{Request, Response};
use resido_observability::Metrics;
use resido_proto::{
    headers,
    identity::{CONTEXT_ISSUER, ContextClaims, Mode, Role, Subject, TenantClaims},
    ids::UserId,
};
use resido_tenancy::{
    context::{CallContext, Signer, TenantContext, Verifier},
    keys::SigningKey,
    server::ContextLayer,
};
use tonic::body::Body;
use tower::{Layer as _, ServiceExt as _};

use crate::database::Tenant;

/// Name of the service that the contexts are for.
const AUDIENCE: &str = "housing";

/// Signs contexts, and lets them in.
#[derive(Debug, Clone)]
pub struct Door {
    signer: Signer,
    layer: ContextLayer,
}

impl Door {
    /// Makes a key for both sides.
    ///
    /// # Errors
    /// If no key can be made.
    pub fn new() -> Result<Self> {
        let signer = Signer::new(SigningKey::from_pem(&SigningKey::generate_pem()?)?);
        let verifier = Arc::new(Verifier::new(&signer.jwks(), AUDIENCE));
        let layer = ContextLayer::new(verifier, Metrics::default());
        Ok(Self { signer, layer })
    }

    /// Lets a call of a tenant's member in.
    ///
    /// # Errors
    /// If the layer refuses the call.
    pub async fn enter(&self, tenant: &Tenant) -> Result<TenantContext> {
        self.enter_as(tenant, Mode::ReadWrite, None).await
    }

    /// As [`enter`](Self::enter), with a mode and the time that is left.
    ///
    /// # Errors
    /// If the layer refuses the call.
    pub async fn enter_as(
        &self,
        tenant: &Tenant,
        mode: Mode,
        left: Option<Duration>,
    ) -> Result<TenantContext> {
        let token = self.signer.sign(&claims(tenant, mode))?;
        let mut request = Request::builder()
            .uri("/resido.housing.v1.HousingService/ListUnits")
            .header(headers::CONTEXT, token);
        if let Some(left) = left {
            request = request.header(headers::GRPC_TIMEOUT, format!("{}m", left.as_millis()));
        }
        let admitted: Arc<Mutex<Option<CallContext>>> = Arc::default();
        let seen = Arc::clone(&admitted);
        let handler = tower::service_fn(move |request: Request<Body>| {
            let call = request.extensions().get::<CallContext>().cloned();
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = call;
            async { Ok::<_, Infallible>(Response::new(Body::empty())) }
        });
        let service = self.layer.layer(handler);
        service.oneshot(request.body(Body::empty())?).await?;
        let call = admitted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        Ok(call.context("the layer refused the call")?.tenant()?)
    }
}

fn claims(tenant: &Tenant, mode: Mode) -> ContextClaims {
    let iat = jsonwebtoken::get_current_timestamp();
    ContextClaims {
        iss: CONTEXT_ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        iat,
        exp: iat + 60,
        sub: Subject::User(UserId::new()),
        act: None,
        roles: vec![Role::MEMBER],
        perm: None,
        grants: Vec::new(),
        tenant: Some(TenantClaims {
            tid: tenant.id,
            epoch: tenant.epoch,
            plan: "free".to_owned(),
            place: "main".to_owned(),
            sv: 1,
            mode,
        }),
    }
}
