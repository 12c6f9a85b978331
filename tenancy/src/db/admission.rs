//! Each tenant's share of the pool: one busy tenant cannot starve the rest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;
use resido_proto::ids::TenantId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::Error;

/// Tenants whose shares are remembered at most; idle ones are forgotten.
const MAX_TENANTS: u64 = 20_000;
/// A share that nobody used for so long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(60);
/// Calls of one tenant that wait at most; further ones are refused at once.
const MAX_WAITING: usize = 32;
/// Longest wait for a share.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// Admits calls to the pool, first come first served within a tenant.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    gates: Cache<TenantId, Arc<Gate>>,
    share: usize,
}

#[derive(Debug)]
struct Gate {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Admission {
    /// Gives each tenant `share` places.
    pub(super) fn new(share: usize) -> Self {
        let gates = Cache::builder()
            .max_capacity(MAX_TENANTS)
            .time_to_idle(FORGET_AFTER)
            .build();
        Self { gates, share }
    }

    /// Waits for a place, not beyond the deadline.
    pub(super) async fn admit(
        &self,
        tenant: TenantId,
        deadline: Option<Instant>,
    ) -> Result<OwnedSemaphorePermit, Error> {
        let gate = self.gates.get_with(tenant, || {
            let permits = Arc::new(Semaphore::new(self.share));
            Arc::new(Gate {
                permits,
                waiting: AtomicUsize::new(0),
            })
        });
        if let Ok(permit) = Arc::clone(&gate.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _queued = Queued::enter(&gate)?;
        let until = Instant::now() + MAX_WAIT;
        let (until, late) = match deadline {
            Some(deadline) if deadline < until => (deadline, Error::Deadline),
            _ => (until, Error::TenantBusy),
        };
        match tokio::time::timeout_at(until, Arc::clone(&gate.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(late),
        }
    }
}

/// A place in a tenant's queue.
struct Queued<'a>(&'a Gate);

impl<'a> Queued<'a> {
    fn enter(gate: &'a Gate) -> Result<Self, Error> {
        if gate.waiting.fetch_add(1, Ordering::AcqRel) < MAX_WAITING {
            Ok(Self(gate))
        } else {
            gate.waiting.fetch_sub(1, Ordering::AcqRel);
            Err(Error::TenantBusy)
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_tenant_cannot_take_anothers_share() {
        let admission = Admission::new(2);
        let (busy, quiet) = (TenantId::new(), TenantId::new());
        let first = admission.admit(busy, None).await.unwrap();
        let _second = admission.admit(busy, None).await.unwrap();
        assert!(matches!(
            admission.admit(busy, None).await,
            Err(Error::TenantBusy)
        ));
        assert!(admission.admit(quiet, None).await.is_ok());
        let soon = Some(Instant::now() + Duration::from_millis(10));
        assert!(matches!(
            admission.admit(busy, soon).await,
            Err(Error::Deadline)
        ));
        drop(first);
        assert!(admission.admit(busy, None).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded_and_forgets_who_left() {
        let admission = Admission::new(1);
        let tenant = TenantId::new();
        let held = admission.admit(tenant, None).await.unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                let admission = admission.clone();
                tokio::spawn(async move { admission.admit(tenant, None).await.is_ok() })
            })
            .collect();
        tokio::task::yield_now().await;
        let started = Instant::now();
        assert!(matches!(
            admission.admit(tenant, None).await,
            Err(Error::TenantBusy)
        ));
        assert_eq!(Instant::now(), started, "refused at once");
        for task in waiting {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        drop(held);
        assert!(admission.admit(tenant, None).await.is_ok());
    }
}
