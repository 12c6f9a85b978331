//! What an [`Api`](super::Api) is made of.

use crate::{rule::HttpRule, settings::JsonOptions};

/// The descriptors of one upstream.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Name of the upstream, for faults.
    pub name: &'a str,
    /// Encoded `google.protobuf.FileDescriptorSet` with imports.
    pub descriptor_set: &'a [u8],
    /// Full names of the services to expose; `None` for all in the set.
    pub services: Option<&'a [String]>,
    /// How its messages look in JSON.
    pub json: JsonOptions,
    /// Rules by selector; a later one wins over an earlier one, and all win over
    /// the annotation of the method.
    pub rules: &'a [HttpRule],
}
