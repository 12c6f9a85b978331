//! The keys of access tokens: files of the data directory.
//!
//! The first one is `token-key.pem`. Each rotation adds a file to `token-keys/`,
//! `<created>-<kid>.pem`, whose head says from when it signs and how long after
//! that the keys before it verify. So a rotation is one file that appears whole,
//! and nothing that exists is changed. A running control plane looks at the files
//! every other second ([`follow`]).

mod file;
mod folder;
mod follow;
mod schedule;

pub(crate) use file::KeyFile;
pub(crate) use folder::{NONE, first_written, kept, load, rotate};
pub(crate) use follow::follow;
pub(crate) use schedule::{Kept, Schedule, now};
