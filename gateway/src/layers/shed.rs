//! Refuses calls beyond the gateway's limit, rather than serving all of them
//! late.

use std::sync::Arc;

use http::request::Parts;
use tokio::sync::Semaphore;

use super::gate::{Gate, noted};
use crate::{call::Trail, catalog::Endpoint, rbac, refusal::Refusal};

/// Admits so many calls at once.
#[derive(Debug)]
pub(crate) struct Shed {
    places: Arc<Semaphore>,
}

impl Shed {
    /// Admits `calls` calls at once.
    pub(crate) fn new(calls: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))),
        }
    }
}

impl Gate for Shed {
    async fn pass(&self, head: &mut Parts) -> Result<(), Refusal> {
        let trail: Arc<Trail> = noted(&head.extensions)?;
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Refusal::Overloaded)?;
        // Held until the end of the answer, which the trail lives to see.
        trail.place.set(place).map_err(|_| Refusal::Internal)
    }
}

/// Admits so many streams of callers without a credential at once: they cost
/// their callers nothing and could take every place.
#[derive(Debug)]
pub(crate) struct ShedStreams {
    places: Arc<Semaphore>,
}

impl ShedStreams {
    /// Admits `streams` streams at once.
    pub(crate) fn new(streams: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(streams.min(Semaphore::MAX_PERMITS))),
        }
    }
}

impl Gate for ShedStreams {
    async fn pass(&self, head: &mut Parts) -> Result<(), Refusal> {
        let endpoint: Arc<Endpoint> = noted(&head.extensions)?;
        let method = &endpoint.method;
        let streams = method.client_streaming || method.server_streaming;
        if !streams || rbac::needs_principal(&endpoint.policy) {
            return Ok(());
        }
        let trail: Arc<Trail> = noted(&head.extensions)?;
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Refusal::Overloaded)?;
        trail.stream_place.set(place).map_err(|_| Refusal::Internal)
    }
}
