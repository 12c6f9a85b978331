//! A database of its own for each test, with tenants in it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use resido_migrations::{Fence, Logins, NewTenant, Sets};
use resido_observability::Metrics;
use resido_proto::ids::TenantId;
use resido_tenancy::{
    db::{Config, PublicDatabase, TenantDatabase, params},
    tenant::SchemaName,
};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::cluster::{self, Cluster};

const INSERT_TENANT: &str = "
    insert into tenants (id, schema_name, slug, display_name, contact_email, plan, state, epoch)
    values ($1, $2, $3, $3, 'owner@example.com', 'free', 'active', $4)
    returning lock_no";

/// A database that no other test uses.
#[derive(Debug)]
pub struct Database {
    /// Name of the database; role names begin with it.
    pub name: String,
    /// URL of the administrator.
    pub admin_url: String,
    /// URL of the control plane's login.
    pub control_url: String,
    /// URL of the services' login.
    pub app_url: String,
}

impl Database {
    /// Makes a database with both logins and nothing in it.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn empty() -> Result<Self> {
        Self::empty_on(cluster::shared().await?).await
    }

    /// As [`empty`](Self::empty), on a server of the test's own.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn empty_on(cluster: &Cluster) -> Result<Self> {
        let name = create(cluster).await?;
        let admin_url = cluster.admin_url(&name);
        let logins = Logins {
            control_password: Uuid::new_v4().simple().to_string(),
            app_password: Uuid::new_v4().simple().to_string(),
        };
        resido_migrations::bootstrap(&connect(&admin_url).await?, &logins).await?;
        let login =
            |kind: &str, password: &str| cluster.url(&format!("{name}_{kind}"), password, &name);
        Ok(Self {
            control_url: login("control", &logins.control_password),
            app_url: login("app", &logins.app_password),
            admin_url,
            name,
        })
    }

    /// Makes a database with the control plane's tables in it.
    ///
    /// # Errors
    /// If a migration fails.
    pub async fn migrated() -> Result<Self> {
        let database = Self::empty().await?;
        let public = database.control()?;
        resido_migrations::migrate_public(&public, &Sets::embedded()?).await?;
        Ok(database)
    }

    /// Opens a pool on the control plane's login.
    ///
    /// # Errors
    /// If the URL cannot be used.
    pub fn control(&self) -> Result<PublicDatabase> {
        let config = Config {
            max_connections: 4,
            ..Config::new(self.control_url.clone())
        };
        Ok(PublicDatabase::new(config, Metrics::default())?)
    }

    /// Opens a pool of so many connections on the services' login.
    ///
    /// # Errors
    /// If the URL cannot be used.
    pub fn app(&self, connections: u32) -> Result<TenantDatabase> {
        let config = Config {
            max_connections: connections,
            connections_per_tenant: Some(connections),
            acquire_timeout: Duration::from_secs(10),
            ..Config::new(self.app_url.clone())
        };
        Ok(TenantDatabase::new(config, Metrics::default())?)
    }

    /// Connects as the administrator, to look at what the product did.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn admin(&self) -> Result<Client> {
        connect(&self.admin_url).await
    }

    /// Makes an active tenant with the built-in schema.
    ///
    /// # Errors
    /// If provisioning fails.
    pub async fn tenant(&self) -> Result<Tenant> {
        self.tenant_of(&Sets::embedded()?).await
    }

    /// Makes an active tenant with the schema of a set.
    ///
    /// # Errors
    /// If provisioning fails; nothing is left of the tenant then.
    pub async fn tenant_of(&self, sets: &Sets) -> Result<Tenant> {
        let tenant = Tenant {
            id: TenantId::new(),
            epoch: 1,
        };
        let schema = tenant.schema();
        let id = tenant.id.as_uuid();
        let slug = format!("t{}", tenant.id.as_uuid().simple());
        let tx = self.control()?.begin(None).await?;
        let work = async {
            let values = params![id, schema, slug, tenant.epoch];
            let row = tx.query_one(INSERT_TENANT, values).await?;
            let new = NewTenant {
                id: tenant.id,
                lock_no: row.try_get("lock_no").context("no lock number")?,
                epoch: tenant.epoch,
            };
            resido_migrations::provision(&tx, sets, &new).await?;
            anyhow::Ok(tenant)
        };
        let made = work.await;
        tx.finish(made).await
    }

    /// Sets the fence of a tenant's schema, as a change of state does.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn fence(&self, tenant: &Tenant, epoch: i64, fence: Fence) -> Result<()> {
        let tx = self.control()?.begin(None).await?;
        resido_migrations::set_fence(&tx, tenant.id, epoch, fence).await?;
        Ok(tx.commit().await?)
    }
}

/// A tenant of a test's database.
#[derive(Debug, Clone, Copy)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its epoch when it was made.
    pub epoch: i64,
}

impl Tenant {
    /// Returns the name of its schema.
    #[must_use]
    pub fn schema(&self) -> String {
        SchemaName::of(self.id).as_str().to_owned()
    }
}

/// Creates a database and returns its name.
///
/// # Errors
/// If the server refuses.
pub async fn create(cluster: &Cluster) -> Result<String> {
    let name = format!("e2e_{}", &Uuid::new_v4().simple().to_string()[..12]);
    let server = connect(&cluster.admin_url("postgres")).await?;
    let create = format!("create database {name}");
    server.execute(&create, &[]).await?;
    Ok(name)
}

/// Connects to a database.
///
/// # Errors
/// If the server refuses.
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        // Tests end servers and connections on purpose.
        let _ended = connection.await.is_ok();
    });
    Ok(client)
}
