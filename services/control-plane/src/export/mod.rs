//! A tenant's data as a tar archive, streamed and all of one moment.

mod archive;
mod model;
mod service;
mod store;
mod write;

pub(crate) use service::{ExportStream, Exports};
