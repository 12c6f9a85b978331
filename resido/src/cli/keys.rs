//! The commands on keys of access tokens.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{ControlTarget, time};

/// Flags of `resido keys`.
#[derive(Debug, Args)]
pub(crate) struct KeyCommands {
    #[command(flatten)]
    pub(crate) target: ControlTarget,
    #[command(subcommand)]
    pub(crate) command: Keys,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// List the keys: when each was made, signs, and retires
    List,
    /// Make a key that signs from now on; a running control plane takes it within
    /// seconds
    Rotate {
        /// How long the keys before it still verify: at least 15m, for which an
        /// access token may live, at most 30d
        #[arg(long, value_parser = time::span, default_value = "24h", value_name = "TIME")]
        overlap: Duration,
        /// How long it is published before it signs, for callers that keep copies
        /// of the keys
        #[arg(long, value_parser = time::span, default_value = "0s", value_name = "TIME")]
        publish_first: Duration,
        /// Do it without being asked
        #[arg(long)]
        yes: bool,
    },
}
