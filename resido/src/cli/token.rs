//! Flags of `resido token`.

use std::time::Duration;

use clap::Args;

use super::{ControlTarget, time};

/// Flags of `resido token`.
#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(flatten)]
    pub(crate) target: ControlTarget,
    /// How long it lives, at most 15m
    #[arg(long, value_parser = time::span, default_value = "15m", value_name = "TIME")]
    pub(crate) ttl: Duration,
}
