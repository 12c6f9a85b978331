//! The body of a REST request that is a stream of messages: each goes on as soon
//! as it is there, and no faster than it is taken.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use resido_transcode::RequestStream;
use tokio::{
    runtime::Handle,
    sync::oneshot::{self, error::TryRecvError},
};
use tonic::{Status, body::Body};

use super::{frames::frame, request::refuse};
use crate::{
    messages::drain,
    refusal::{Refusal, Stopped},
};

/// Makes the body of a gRPC request of that of a REST request, whose sender may
/// pause for `idle`.
///
/// What is wrong with a message is told, and the body breaks off. It does so too
/// when [`Told`] is dropped: nobody waits for the call any more.
pub(super) fn stream(body: Body, messages: RequestStream, idle: Duration) -> (Body, Told) {
    let (tell, told) = oneshot::channel();
    let upload = Upload {
        source: Source {
            body: Some(body),
            messages,
            idle,
        },
        tell,
    };
    let frames = stream::unfold(Some(upload), |upload| async { upload?.step().await });
    (Body::new(StreamBody::new(frames)), Told(Some(told)))
}

/// Hears what is wrong with a request whose call is under way.
#[derive(Debug)]
pub(super) struct Told(Option<oneshot::Receiver<Refusal>>);

impl Told {
    /// Hears of nothing: all of the request is known.
    pub(super) const fn nothing() -> Self {
        Self(None)
    }

    /// Does work unless the request turns out to be at fault. The fault comes
    /// first: whatever becomes of the call then is its consequence.
    ///
    /// # Errors
    /// The fault, or those of the work.
    pub(super) async fn unless<T>(
        &mut self,
        work: impl Future<Output = Result<T, Stopped>>,
    ) -> Result<T, Stopped> {
        let mut work = pin!(work);
        if let Some(told) = &mut self.0 {
            tokio::select! {
                biased;
                fault = &mut *told => {
                    // Else the body has come to its end.
                    self.0 = None;
                    if let Ok(refusal) = fault {
                        return Err(refusal.into());
                    }
                }
                done = &mut work => {
                    let fault = told.try_recv();
                    if !matches!(fault, Err(TryRecvError::Empty)) {
                        self.0 = None;
                    }
                    return match fault {
                        Ok(refusal) => Err(refusal.into()),
                        Err(_) => done,
                    };
                }
            }
        }
        work.await
    }
}

struct Upload {
    source: Source,
    tell: oneshot::Sender<Refusal>,
}

type Step = (Result<Frame<Bytes>, Status>, Option<Upload>);

impl Upload {
    async fn step(mut self) -> Option<Step> {
        let message = tokio::select! {
            biased;
            () = self.tell.closed() => {
                return Some((Err(Status::cancelled("nobody waits for the call")), None));
            }
            message = self.source.next() => message,
        };
        match message {
            Ok(Some(message)) => Some((Ok(Frame::data(message)), Some(self))),
            Ok(None) => None,
            Err(refusal) => {
                // Whoever does not hear it has left.
                let _heard = self.tell.send(refusal).is_ok();
                Some((Err(Status::cancelled("the request is at fault")), None))
            }
        }
    }
}

/// What messages are read from.
struct Source {
    /// None when all of it has come.
    body: Option<Body>,
    messages: RequestStream,
    idle: Duration,
}

impl Source {
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            if let Some(message) = self.messages.next_message() {
                return frame(&message.map_err(refuse)?).map(Some);
            }
            let Some(body) = &mut self.body else {
                return Ok(None);
            };
            let next = tokio::time::timeout(self.idle, body.frame());
            match next.await.map_err(|_| Refusal::BodyTimeout)? {
                None => {
                    self.body = None;
                    self.messages.finish();
                }
                Some(Err(_)) => return Err(Refusal::Malformed("its body breaks off")),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.messages.push(&data);
                    }
                }
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let (Some(body), Ok(runtime)) = (self.body.take(), Handle::try_current()) {
            runtime.spawn(drain(body));
        }
    }
}
