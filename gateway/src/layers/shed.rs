//! Refuses calls beyond the gateway's limit, rather than serving all of them
//! late.

use std::sync::{Arc, OnceLock};

use http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::gate::{Gate, noted};
use crate::{call::Trail, catalog::Endpoint, rbac, refusal::Refusal};

/// So many places. A place is held until the end of the answer, which the trail
/// that keeps it lives to see.
#[derive(Debug)]
struct Places(Arc<Semaphore>);

impl Places {
    fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))))
    }

    fn take(&self, kept: &OnceLock<OwnedSemaphorePermit>) -> Result<(), Refusal> {
        let place = Arc::clone(&self.0).try_acquire_owned();
        let place = place.map_err(|_| Refusal::Overloaded)?;
        kept.set(place).map_err(|_| Refusal::Internal)
    }
}

/// Admits so many calls at once.
#[derive(Debug)]
pub(crate) struct Shed(Places);

impl Shed {
    /// Admits `calls` calls at once.
    pub(crate) fn new(calls: usize) -> Self {
        Self(Places::new(calls))
    }
}

impl Gate for Shed {
    async fn pass(&self, head: &mut Parts) -> Result<(), Refusal> {
        let trail: Arc<Trail> = noted(&head.extensions)?;
        self.0.take(&trail.place)
    }
}

/// Admits so many streams of callers without a credential at once: they cost
/// their callers nothing and could take every place.
#[derive(Debug)]
pub(crate) struct ShedStreams(Places);

impl ShedStreams {
    /// Admits `streams` streams at once.
    pub(crate) fn new(streams: usize) -> Self {
        Self(Places::new(streams))
    }
}

impl Gate for ShedStreams {
    async fn pass(&self, head: &mut Parts) -> Result<(), Refusal> {
        let endpoint: Arc<Endpoint> = noted(&head.extensions)?;
        if !endpoint.streams() || rbac::needs_principal(&endpoint.policy) {
            return Ok(());
        }
        let trail: Arc<Trail> = noted(&head.extensions)?;
        self.0.take(&trail.stream_place)
    }
}
