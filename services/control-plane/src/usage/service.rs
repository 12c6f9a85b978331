//! The call that measures a tenant.

use resido_proto::{identity::Role, tenancy::v1 as proto};
use resido_tenancy::{context::CallContext, db::PublicDatabase};

use super::{model, store};
use crate::Error;

const READERS: &[Role] = &[Role::PLATFORM_ADMIN, Role::PLATFORM_SUPPORT];

/// Measures tenants.
#[derive(Clone)]
pub(crate) struct Measures {
    db: PublicDatabase,
}

impl Measures {
    /// Measures in `db`.
    pub(crate) fn new(db: PublicDatabase) -> Self {
        Self { db }
    }

    /// Measures one tenant now.
    pub(crate) async fn get(
        &self,
        ctx: &CallContext,
        request: proto::GetUsageRequest,
    ) -> Result<proto::Usage, Error> {
        ctx.platform()?;
        ctx.require(READERS, "usage.read")?;
        let tenant = model::usage_name(&request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let measured = store::measure(&tx, tenant).await;
        Ok(tx.finish(measured).await?.into())
    }
}
