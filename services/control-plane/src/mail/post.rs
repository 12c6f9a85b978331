//! Tells the task that sends mails of new ones.

use std::sync::Arc;

use tokio::sync::Notify;

/// Wakes the task; clones wake the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Post {
    new: Arc<Notify>,
}

impl Post {
    /// Says that a transaction with new mails has ended. Without it they are found a
    /// little later.
    pub(crate) fn wake(&self) {
        self.new.notify_one();
    }

    /// Waits for new mails.
    pub(super) async fn woken(&self) {
        self.new.notified().await;
    }
}
