//! The contract of Resido: everything that two parts of the product must agree
//! on, and nothing that only one of them needs.
//!
//! The Rust code of `proto/` and its descriptor set, the ids, the names of
//! headers, who a caller is, and the kinds of errors. Every other crate depends
//! on this one; it does no I/O and keeps no state.

pub mod deadline;
pub mod email;
pub mod error;
pub mod filter;
mod generated;
pub mod headers;
pub mod identity;
pub mod ids;
pub mod mask;
pub mod page;
pub mod validate;

pub use generated::{google, housing, identity as identity_api, options, tenancy};

/// The encoded `FileDescriptorSet` of every proto of the product, with imports,
/// comments and options.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));
