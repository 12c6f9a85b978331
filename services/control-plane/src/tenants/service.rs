//! Finds tenants, and what all calls about tenants share.

use std::sync::Arc;

use resido_migrations::Sets;
use resido_proto::{tenancy::v1 as proto, validate::Checks};
use resido_tenancy::{context::CallContext, db::PublicDatabase};

use super::{
    model::{self, Tenant},
    provision::Provisioner,
    purge::Purger,
    store,
};
use crate::{
    Error,
    staff::{READERS, authorize},
};

/// Serves the calls about tenants.
#[derive(Clone)]
pub(crate) struct Tenants {
    pub(super) db: PublicDatabase,
    pub(super) provisioner: Provisioner,
    pub(super) purger: Purger,
    pub(super) sets: Arc<Sets>,
}

impl Tenants {
    /// Makes tenants and removes their data with these, and migrates those that
    /// come back.
    pub(crate) fn new(
        db: PublicDatabase,
        (provisioner, purger): (Provisioner, Purger),
        sets: Arc<Sets>,
    ) -> Self {
        Self {
            db,
            provisioner,
            purger,
            sets,
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

    /// Returns the slugs in use, at most a thousand.
    pub(crate) async fn slugs(&self) -> Result<Vec<String>, Error> {
        let tx = self.db.begin(None).await?;
        let slugs = store::slugs(&tx).await;
        tx.finish(slugs).await
    }

    /// Finds the tenant that holds a slug at present, outside any call.
    pub(crate) async fn holder(&self, slug: &str) -> Result<Option<Tenant>, Error> {
        let slug = model::slug("slug", slug).map_err(Error::Invalid)?;
        let tx = self.db.begin(None).await?;
        let found = store::by_slug(&tx, &slug).await;
        match tx.finish(found).await {
            Ok(tenant) => Ok(Some(tenant)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
