//! Refuses requests whose form was found wrong when they were classified.

use http::request::Parts;

use super::gate::Gate;
use crate::refusal::Refusal;

/// Refuses what an earlier layer found malformed.
#[derive(Debug)]
pub(crate) struct RefuseMalformed;

impl Gate for RefuseMalformed {
    async fn pass(&self, head: &mut Parts) -> Result<(), Refusal> {
        head.extensions.remove::<Refusal>().map_or(Ok(()), Err)
    }
}
