//! The demo's properties and units, and who lives there.
//!
//! The service is called within this process, with a context that is signed as the
//! gateway signs one: the gateway's port and its access log are for callers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use resido_observability::Metrics;
use resido_proto::{
    headers,
    housing::v1::{
        CreateWorkOrderRequest, ListPropertiesRequest, ListUnitsRequest, ScheduleWorkOrderRequest,
        housing_service_client::HousingServiceClient, work_order::Priority,
    },
    identity::{CONTEXT_ISSUER, ContextClaims, Role},
};
use resido_tenancy::{
    context::Signer,
    db::TenantDatabase,
    server::{ContextLayer, ContextService},
};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Routes,
};
use tower::Layer as _;

use super::people::Tenant;
use crate::wiring::HOUSING;

/// Time of one call.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Properties or units that are looked at; the demo makes far fewer.
const PAGE: i32 = 1000;

type Client = HousingServiceClient<ContextService<Routes>>;

/// Time until the urgent work is done.
const SOON: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Makes what is missing, as each tenant's owner.
///
/// # Errors
/// If a call fails.
pub(crate) async fn seed_housing(
    tenants: &[Tenant],
    db: &TenantDatabase,
    signer: &Signer,
    metrics: &Metrics,
) -> Result<()> {
    let (_, layer): (_, ContextLayer) = HOUSING.layer(&signer.jwks(), metrics);
    let routes = resido_housing::routes(db.clone()).prepare();
    let housing = HousingServiceClient::new(layer.layer(routes));
    for tenant in tenants {
        let context = signer.sign(&claims(tenant))?.parse()?;
        let mut owner = Owner {
            slug: tenant.of.slug,
            context,
            housing: housing.clone(),
        };
        owner.seed(tenant).await?;
        owner.move_in(tenant).await?;
    }
    Ok(())
}

fn claims(tenant: &Tenant) -> ContextClaims {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    ContextClaims {
        iss: CONTEXT_ISSUER.to_owned(),
        aud: HOUSING.name.to_owned(),
        iat: now,
        exp: now + Signer::LIFETIME.as_secs(),
        sub: tenant.owner(),
        act: None,
        roles: vec![Role::OWNER],
        perm: None,
        grants: Vec::new(),
        tenant: Some(tenant.claims.clone()),
    }
}

/// A tenant's owner at the service's door.
struct Owner {
    slug: &'static str,
    context: MetadataValue<Ascii>,
    housing: Client,
}

impl Owner {
    fn asks<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(CALL_LIMIT);
        let metadata = request.metadata_mut();
        metadata.insert(headers::CONTEXT, self.context.clone());
        request
    }

    async fn seed(&mut self, tenant: &Tenant) -> Result<()> {
        let list = self.asks(ListPropertiesRequest {
            page_size: PAGE,
            ..ListPropertiesRequest::default()
        });
        let known = self.housing.list_properties(list).await;
        let known = known.map_err(|status| self.failed(&status))?.into_inner();
        for (property, units) in tenant.of.requests() {
            let name = format!("properties/{}", property.property_id);
            if !known.properties.iter().any(|known| known.name == name) {
                let request = self.asks(property);
                let made = self.housing.create_property(request).await;
                self.made(made.map(drop))?;
            }
            let list = self.asks(ListUnitsRequest {
                parent: name.clone(),
                page_size: PAGE,
                ..ListUnitsRequest::default()
            });
            let known = self.housing.list_units(list).await;
            let known = known.map_err(|status| self.failed(&status))?.into_inner();
            for unit in units {
                let name = format!("{name}/units/{}", unit.unit_id);
                if !known.units.iter().any(|known| known.name == name) {
                    let request = self.asks(unit);
                    let made = self.housing.create_unit(request).await;
                    self.made(made.map(drop))?;
                }
            }
        }
        Ok(())
    }

    /// Makes residents, their leases and the work. Where people have done otherwise
    /// since, theirs stands.
    async fn move_in(&mut self, tenant: &Tenant) -> Result<()> {
        for resident in tenant.of.residents() {
            let request = self.asks(resident);
            let made = self.housing.create_resident(request).await;
            self.made(made.map(drop))?;
        }
        for lease in tenant.of.leases() {
            let request = self.asks(lease);
            let made = self.housing.create_lease(request).await;
            self.fits(made.map(drop))?;
        }
        for work_order in tenant.of.work_orders() {
            self.order(work_order).await?;
        }
        Ok(())
    }

    async fn order(&mut self, request: CreateWorkOrderRequest) -> Result<()> {
        let request = self.asks(request);
        let made = match self.housing.create_work_order(request).await {
            Ok(made) => made.into_inner(),
            Err(status) => return self.fits(Err(status)),
        };
        if made.priority() != Priority::Urgent {
            return Ok(());
        }
        let request = self.asks(ScheduleWorkOrderRequest {
            name: made.name,
            scheduled_time: Some((SystemTime::now() + SOON).into()),
            etag: made.etag,
        });
        let scheduled = self.housing.schedule_work_order(request).await;
        self.fits(scheduled.map(drop))
    }

    /// What is in the way, or gone, is left as it is.
    fn fits(&self, result: Result<(), Status>) -> Result<()> {
        match result {
            Err(status)
                if matches!(
                    status.code(),
                    Code::FailedPrecondition | Code::NotFound | Code::Aborted
                ) =>
            {
                Ok(())
            }
            other => self.made(other),
        }
    }

    /// What is there already is left as it is.
    fn made(&self, result: Result<(), Status>) -> Result<()> {
        match result {
            Err(status) if status.code() != Code::AlreadyExists => Err(self.failed(&status)),
            _ => Ok(()),
        }
    }

    /// Says in a sentence what a status says in many words.
    fn failed(&self, status: &Status) -> anyhow::Error {
        anyhow!(
            "the demo's data of `{}` cannot be made: {}",
            self.slug,
            status.message()
        )
    }
}

#[cfg(test)]
mod tests {
    use resido_proto::{
        identity::{Mode, TenantClaims},
        ids::{TenantId, UserId},
    };
    use resido_tenancy::keys::SigningKey;

    use super::*;

    #[tokio::test]
    async fn a_failure_is_a_sentence() {
        let pem = SigningKey::generate_pem().unwrap();
        let signer = Signer::new(SigningKey::from_pem(&pem).unwrap());
        let metrics = Metrics::default();
        let nowhere = "postgresql://u:hunter2@127.0.0.1:1/d".into();
        let config = crate::Settings::default().database.app(nowhere);
        let db = TenantDatabase::new(config, metrics.clone()).unwrap();
        let claims = TenantClaims {
            tid: TenantId::new(),
            epoch: 1,
            plan: "free".to_owned(),
            place: "main".to_owned(),
            sv: 1,
            mode: Mode::ReadWrite,
        };
        let [acme, _] = super::super::TENANTS;
        let tenants = [Tenant::new(acme, claims, UserId::new())];
        let error = seed_housing(&tenants, &db, &signer, &metrics).await;
        let error = format!("{:#}", error.unwrap_err());
        let start = "the demo's data of `acme` cannot be made: ";
        assert!(error.starts_with(start), "{error}");
        assert!(!error.contains("metadata"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
