//! Flags of `resido token`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::time;

/// Flags of `resido token`.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Where the keys of the control plane are kept
    #[arg(
        long,
        env = "RESIDO_DATA_DIR",
        default_value = ".resido",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
    /// How long it lives, at most 1h
    #[arg(long, value_parser = time::span, default_value = "15m", value_name = "TIME")]
    pub(crate) ttl: Duration,
}
