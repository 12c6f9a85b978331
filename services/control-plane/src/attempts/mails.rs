//! How many mails somebody gets, and has sent.

use std::{net::IpAddr, time::Duration};

use resido_proto::{email::Email, ids::TenantId};
use resido_tenancy::db::PublicTx;

use super::{
    key::key,
    limits::{Limits, counted},
    store,
};
use crate::{Error, origin::Origin};

/// The kind of those mails that tenants have sent.
const INVITATION: &str = "invitation";

/// A wish for a mail to an address, by somebody who is not logged in.
#[derive(Debug)]
pub(crate) struct Asked {
    recipient: Vec<u8>,
    origin: Option<Vec<u8>>,
}

impl Asked {
    /// A wish for a mail of a kind.
    pub(crate) fn of(kind: &'static str, email: &Email, client: Option<IpAddr>) -> Self {
        let origin = client.map(Origin::from);
        Self {
            recipient: key(kind, email.as_str()),
            origin: origin.map(|origin| key("mails", &origin.to_string())),
        }
    }

    /// Counts the wish, and tells whether the recipient may get another mail.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if its origin asks too often.
    pub(crate) async fn admit(&self, tx: &PublicTx, limits: &Limits) -> Result<bool, Error> {
        let mails = store::count(tx, &self.recipient).await?;
        if let Some(origin) = &self.origin {
            let most = limits.mails_from_address;
            within(tx, origin, most, "mails asked for from this address").await?;
        }
        Ok(mails.number <= counted(limits.mails_to_recipient))
    }
}

/// An invitation that somebody has sent, or sent again.
#[derive(Debug)]
pub(crate) struct Invited {
    tenant: Vec<u8>,
    inviter: Vec<u8>,
    recipient: Vec<u8>,
}

impl Invited {
    /// An invitation by somebody, as the record names them.
    pub(crate) fn by(tenant: TenantId, inviter: &str, email: &Email) -> Self {
        Self {
            tenant: key("inviting tenant", &tenant.to_string()),
            inviter: key("inviter", inviter),
            recipient: key(INVITATION, email.as_str()),
        }
    }

    /// Counts the mail. One that is refused counts for nothing, if the transaction
    /// ends with the error.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if the tenant or the inviter has sent too many, or the
    /// recipient got too many of all tenants.
    pub(crate) async fn admit(&self, tx: &PublicTx, limits: &Limits) -> Result<(), Error> {
        // Always in this order: two of them cannot wait for each other.
        for (key, most, what) in [
            (
                &self.tenant,
                limits.invitations_of_tenant,
                "invitations of this tenant",
            ),
            (
                &self.inviter,
                limits.invitations_of_inviter,
                "invitations of this inviter",
            ),
            (
                &self.recipient,
                limits.mails_to_recipient,
                "invitations to this recipient",
            ),
        ] {
            within(tx, key, most, what).await?;
        }
        Ok(())
    }
}

async fn within(tx: &PublicTx, key: &[u8], most: u32, what: &'static str) -> Result<(), Error> {
    let found = store::count(tx, key).await?;
    if found.number <= counted(most) {
        return Ok(());
    }
    let seconds = u64::try_from(found.left_seconds).unwrap_or_default().max(1);
    Err(Error::RateLimited(what, Duration::from_secs(seconds)))
}
