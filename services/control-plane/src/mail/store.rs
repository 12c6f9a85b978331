//! Mails that wait to be sent, in the control plane's tables.

use resido_tenancy::db::{PublicTx, params};
use uuid::Uuid;

use super::model::Kind;
use crate::{Error, email::Email};

const ENQUEUE: &str = "
    insert into mails (id, kind, email, tenant_id, invitation_id) values ($1, $2, $3, $4, $5)";

/// Asks for a mail, which is sent once the transaction has ended. Whether there is
/// anybody with this address is not looked at.
///
/// # Errors
/// If the database fails.
pub(crate) async fn enqueue(tx: &PublicTx, email: &Email, kind: Kind) -> Result<(), Error> {
    let (tenant, invitation) = kind.about();
    let tenant = tenant.map(|tenant| tenant.as_uuid());
    let id = Uuid::now_v7();
    tx.execute(
        ENQUEUE,
        params![id, kind.name(), email.as_str(), tenant, invitation],
    )
    .await?;
    Ok(())
}
