//! Watches the caller of a stream.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use http::Extensions;
use resido_proto::identity::Subject;
use resido_tenancy::directory::Directory;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    auth::{Authenticator, Credentials, Principal},
    catalog::Endpoint,
    rbac,
    refusal::Refusal,
    tenant::{self, Named},
};

/// A stream's caller is looked at no more often than this.
const PAUSE: Duration = Duration::from_millis(100);
/// Streams whose credential is verified again at once, at most: calls come
/// first.
const MAX_VERIFYING: usize = 8;

/// Ends when a stream may not go on, with the reason; clones end together. The
/// caller is not watched any more when all are dropped.
pub(crate) type Lost = Shared<BoxFuture<'static, Refusal>>;

/// Watches the callers of streams.
#[derive(Debug, Clone)]
pub(crate) struct Standings {
    directory: Directory,
    authenticator: Arc<Authenticator>,
    verifying: Arc<Semaphore>,
}

/// A caller of a stream, as the layers noted.
struct Caller {
    endpoint: Arc<Endpoint>,
    principal: Arc<Principal>,
    shown: Credentials,
    named: Named,
}

impl Standings {
    /// Looks tenants and memberships up in `directory`, and credentials with
    /// `authenticator`.
    pub(crate) fn new(directory: Directory, authenticator: Arc<Authenticator>) -> Self {
        Self {
            directory,
            authenticator,
            verifying: Arc::new(Semaphore::new(MAX_VERIFYING)),
        }
    }

    /// Watches the caller of a call, if it is a stream that asked who calls.
    pub(crate) fn watch(&self, notes: &Extensions) -> Option<Lost> {
        let caller = Caller {
            endpoint: notes.get().cloned()?,
            principal: notes.get().cloned()?,
            shown: notes.get().cloned()?,
            named: notes.get().cloned()?,
        };
        if !caller.endpoint.streams() || caller.principal.subject == Subject::Anonymous {
            return None;
        }
        // A task of its own: what the caller sends must end even while it reads
        // nothing of what comes back.
        let watching = AbortOnDropHandle::new(tokio::spawn(self.clone().lost(caller)));
        let lost = watching.map(|lost| lost.unwrap_or(Refusal::Internal));
        Some(lost.boxed().shared())
    }

    /// Returns why a new call would be refused, once it would.
    async fn lost(self, mut caller: Caller) -> Refusal {
        let mut tenants = self.directory.changes();
        let mut keys = self.authenticator.changes();
        loop {
            tenants.mark_unchanged();
            keys.mark_unchanged();
            if let Err(refusal) = self.look(&mut caller).await {
                return refusal;
            }
            // News come in crowds.
            tokio::time::sleep(PAUSE).await;
            tokio::select! {
                () = over(&caller.principal) => return Refusal::CredentialInvalid,
                // Whoever tells lives as long as this.
                _ = tenants.changed() => {}
                _ = keys.changed() => {}
            }
        }
    }

    async fn look(&self, caller: &mut Caller) -> Result<(), Refusal> {
        if self.authenticator.is_void(&caller.principal) {
            caller.principal = self.verify_again(&caller.shown).await?;
        }
        let policy = &caller.endpoint.policy;
        let tenant = tenant::resolve(&caller.principal, &caller.named, policy, &self.directory)?;
        rbac::authorize(policy, &caller.principal, tenant.is_some())
    }

    async fn verify_again(&self, shown: &Credentials) -> Result<Arc<Principal>, Refusal> {
        loop {
            let place = self.verifying.acquire().await;
            let _place = place.map_err(|_| Refusal::Internal)?;
            match self.authenticator.authenticate(shown).await {
                // A call would be refused; a stream has time.
                Err(Refusal::Overloaded) => tokio::time::sleep(PAUSE).await,
                other => return other,
            }
        }
    }
}

/// Waits until the credential's time is over.
async fn over(principal: &Principal) {
    let Some(end) = principal.accepted_until else {
        return std::future::pending().await;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let left = Duration::from_secs(end).saturating_sub(now.unwrap_or_default());
    tokio::time::sleep(left).await;
}
