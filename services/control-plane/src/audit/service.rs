//! The call that reads the record.

use resido_proto::{identity::Role, identity_api::v1 as proto};
use resido_tenancy::{
    context::{CallContext, TenantContext},
    db::{Ask, PublicDatabase},
};

use super::store;
use crate::{Error, fence};

const PERMISSION: &str = "audit.read";
const ADMINS: &[Role] = &[Role::OWNER, Role::ADMIN];
const STAFF: &[Role] = &[Role::PLATFORM_ADMIN, Role::PLATFORM_SUPPORT];

/// Serves the record.
#[derive(Clone)]
pub(crate) struct AuditLog {
    db: PublicDatabase,
}

impl AuditLog {
    /// Reads from `db`.
    pub(crate) fn new(db: PublicDatabase) -> Self {
        Self { db }
    }

    /// Lists what was done, latest first: to those of a tenant what concerns it,
    /// whatever they ask for; to staff everything.
    pub(crate) async fn list(
        &self,
        ctx: &CallContext,
        request: proto::ListAuditEventsRequest,
    ) -> Result<proto::ListAuditEventsResponse, Error> {
        let tenant = reader(ctx)?;
        let request = store::ALL.request(Ask {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: "",
        })?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            if let Some(tenant) = &tenant {
                fence::check(&tx, tenant).await?;
            }
            let id = tenant.as_ref().map(TenantContext::id);
            store::list(&tx, id, &request).await
        };
        let listed = work.await;
        let (rows, next_page_token) = tx.finish(listed).await?;
        Ok(proto::ListAuditEventsResponse {
            audit_events: rows.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }
}

/// Makes sure that the caller may read, and returns the tenant whose rows alone
/// it may.
fn reader(ctx: &CallContext) -> Result<Option<TenantContext>, Error> {
    if ctx.principal().tenant.is_some() {
        ctx.require(ADMINS, PERMISSION)?;
        return Ok(Some(ctx.tenant()?));
    }
    ctx.platform()?;
    ctx.require(STAFF, PERMISSION)?;
    Ok(None)
}
