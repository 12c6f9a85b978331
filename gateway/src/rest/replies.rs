//! The messages of a streamed reply, rendered one after another.

use std::sync::Arc;

use http::response::Parts;
use resido_transcode::{Rendered, Route};
use tower::Service;

use super::{
    frames::Messages,
    request::Rest,
    unary::{started, unrenderable},
    upload::Told,
};
use crate::{
    refusal::Stopped,
    wire::{Reply, Request},
};

/// A streamed reply that has begun.
pub(super) struct Replies {
    messages: Messages,
    route: Arc<Route>,
    told: Told,
}

impl Replies {
    /// Makes the call and waits until it is answered.
    ///
    /// # Errors
    /// Why there is no reply.
    pub(super) async fn open<S>(
        rest: &Rest,
        mut inner: S,
        request: Request,
        route: Arc<Route>,
    ) -> Result<(Parts, Self), Stopped>
    where
        S: Service<Request, Response = Reply, Error = Stopped>,
    {
        let (request, mut told) = rest.bind(request, &route).await?;
        let answer = async { started(inner.call(request).await?) };
        let (head, body) = told.unless(answer).await?;
        let replies = Self {
            messages: Messages::new(body, rest.reply_bytes),
            route,
            told,
        };
        Ok((head, replies))
    }

    /// Returns the next message; none when the call has ended well.
    ///
    /// # Errors
    /// What ended the call.
    pub(super) async fn next(&mut self) -> Result<Option<Rendered>, Stopped> {
        let message = self.told.unless(self.messages.next()).await?;
        let rendered = message.map(|message| self.route.response(&message));
        rendered.transpose().map_err(|error| unrenderable(&error))
    }
}
