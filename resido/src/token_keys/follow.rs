//! Gives a running control plane the keys as they change.

use std::time::Duration;

use anyhow::Result;
use resido_control_plane::{ControlPlane, KeyRing};
use tokio_util::sync::CancellationToken;

use super::load;
use crate::data_dir::DataDir;

/// Time between two looks at the files.
const EVERY: Duration = Duration::from_secs(2);

/// Swaps the keys when a file, or the time, says so, until the end. What cannot
/// be read changes nothing.
pub(crate) async fn follow(
    dir: DataDir,
    mut known: KeyRing,
    control_plane: ControlPlane,
    end: CancellationToken,
) {
    let mut failed = String::new();
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        match look(&dir).await {
            Ok(keys) => {
                failed.clear();
                if !keys.is_same_as(&known) {
                    let count = keys.jwks().keys.len();
                    let kid = keys.signing().kid();
                    tracing::info!(kid, keys = count, "the keys of access tokens have changed");
                    control_plane.set_keys(keys.clone());
                    known = keys;
                }
            }
            Err(error) => {
                let error = format!("{error:#}");
                // Said once, not at every look.
                if error != failed {
                    tracing::error!(error, "the keys of access tokens cannot be read");
                    failed = error;
                }
            }
        }
    }
}

async fn look(dir: &DataDir) -> Result<KeyRing> {
    let dir = dir.clone();
    tokio::task::spawn_blocking(move || load(&dir)).await?
}
