//! What stops a call that is under way, before its service has ended it.

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::time::Instant;

use super::End;
use crate::{refusal::Refusal, wire::Reply};

/// Ends when a call must stop, with the reason; clones end together.
pub(crate) type Stop = Shared<BoxFuture<'static, Refusal>>;

/// Waits for an answer, unless the call must stop: whatever the service says of a
/// request that broke off is the consequence.
pub(crate) async fn unless(
    stop: Option<Stop>,
    answer: impl Future<Output = Result<Reply, Refusal>>,
) -> Result<Reply, Refusal> {
    let Some(stop) = stop else {
        return answer.await;
    };
    let answer = tokio::select! {
        biased;
        refusal = stop.clone() => return Err(refusal),
        answer = answer => answer,
    };
    match stop.now_or_never() {
        Some(refusal) => Err(refusal),
        None => answer,
    }
}

/// What comes first of two that may stop a call.
pub(crate) fn first(one: Option<Stop>, other: Option<Stop>) -> Option<Stop> {
    let (one, other) = match (one, other) {
        (Some(one), Some(other)) => (one, other),
        (one, other) => return one.or(other),
    };
    let first = async {
        tokio::select! { refusal = one => refusal, refusal = other => refusal }
    };
    Some(first.boxed().shared())
}

/// What ends a call that is not over: its deadline, or what stops it
/// before.
pub(crate) fn end(deadline: Option<Instant>, stop: Option<Stop>) -> Option<End> {
    let late =
        deadline.map(|until| tokio::time::sleep_until(until).map(|()| Refusal::DeadlineExceeded));
    match (late, stop) {
        (None, None) => None,
        (Some(late), None) => Some(late.boxed()),
        (None, Some(stop)) => Some(stop.boxed()),
        (Some(late), Some(stop)) => {
            let first = async {
                tokio::select! { refusal = stop => refusal, refusal = late => refusal }
            };
            Some(first.boxed())
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tonic::body::Body;

    use super::*;

    fn stop(refusal: Refusal) -> Stop {
        std::future::ready(refusal).boxed().shared()
    }

    fn never() -> Stop {
        std::future::pending().boxed().shared()
    }

    #[tokio::test]
    async fn an_answer_that_is_the_consequence_does_not_hide_the_reason() {
        let (tell, told) = oneshot::channel();
        let stop = async { told.await.unwrap_or(Refusal::Internal) };
        let stop = Some(stop.boxed().shared());
        let answer = async {
            tell.send(Refusal::BodyTooLarge).unwrap();
            Ok(Reply::new(Body::empty()))
        };
        let stopped = unless(stop, answer).await;
        assert!(matches!(stopped, Err(Refusal::BodyTooLarge)));
        let answer = async { Ok(Reply::new(Body::empty())) };
        assert!(unless(Some(never()), answer).await.is_ok());
    }

    #[tokio::test]
    async fn whichever_comes_first_stops_a_call() {
        for (one, other) in [
            (Some(stop(Refusal::BodyTooLarge)), Some(never())),
            (Some(never()), Some(stop(Refusal::BodyTooLarge))),
            (None, Some(stop(Refusal::BodyTooLarge))),
        ] {
            let first = first(one, other).unwrap().await;
            assert!(matches!(first, Refusal::BodyTooLarge));
        }
        assert!(first(None, None).is_none());
    }
}
