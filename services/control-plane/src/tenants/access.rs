//! What is shut when a tenant is deleted.

use resido_proto::ids::TenantId;
use resido_tenancy::db::{PublicTx, params};

use crate::{Error, sessions};

/// Tokens that were used stay: they tell that somebody has entered.
const VOID_ALL: &str = "
    delete from activation_tokens where tenant_id = $1 and use_time is null";
const VOID_ACTIVATIONS: &str = "
    delete from activation_tokens
     where tenant_id = $1 and use_time is null and invitation_id is null";
const REVOKE_INVITATIONS: &str = "
    update invitations set state = 'revoked', end_time = now()
     where tenant_id = $1 and state = 'open'";

/// Voids everything by which people get into a tenant, or stay in it. What is
/// restored later is the tenant, not these. The caller has changed its row.
///
/// # Errors
/// If the database fails.
pub(super) async fn revoke_all(tx: &PublicTx, tenant: TenantId) -> Result<(), Error> {
    tx.execute(VOID_ALL, params![tenant.as_uuid()]).await?;
    tx.execute(REVOKE_INVITATIONS, params![tenant.as_uuid()])
        .await?;
    sessions::revoke_tenant(tx, tenant).await
}

/// Voids the activation tokens that nobody has used; invitations stay as they are.
///
/// # Errors
/// If the database fails.
pub(super) async fn void_activations(tx: &PublicTx, tenant: TenantId) -> Result<(), Error> {
    tx.execute(VOID_ACTIVATIONS, params![tenant.as_uuid()])
        .await?;
    Ok(())
}
