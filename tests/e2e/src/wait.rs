//! Waiting for something to become true, with an end.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

/// Asks again and again until the answer is yes, and returns false if the time
/// is over before.
pub async fn until<F: Future<Output = bool>>(limit: Duration, mut ask: impl FnMut() -> F) -> bool {
    let end = Instant::now() + limit;
    loop {
        if ask().await {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
