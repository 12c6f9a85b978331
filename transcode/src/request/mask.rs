//! The mask of a `PATCH`, from the keys of its body.
//!
//! *Source*: `google/api/http.proto` and AIP-134: an unset mask means the fields
//! that the body names.

use prost_reflect::{DynamicMessage, Kind, Value};

use crate::{
    binding::{Binding, Body},
    json::Present,
};

/// Fills the message's only field mask if it is unset.
///
/// Paths start below the body's field and stop at lists, maps and well-known
/// types. A field that the path binds is the resource's name, not a change.
pub(super) fn fill(binding: &Binding, present: &[Present], message: &mut DynamicMessage) {
    let (Some(mask), Body::Field(body)) = (&binding.update_mask, &binding.body) else {
        return;
    };
    if message.has_field(mask) {
        return;
    }
    let Kind::Message(descriptor) = mask.kind() else {
        return;
    };
    let bound = |path: &str| binding.variables.iter().any(|bound| bound.text == path);
    let paths = present
        .iter()
        .filter(|present| present.leaf && !bound(&present.path))
        .filter_map(|present| present.path.strip_prefix(body.name())?.strip_prefix('.'))
        .map(|path| Value::String(path.to_owned()));
    let mut filled = DynamicMessage::new(descriptor);
    let set = filled.try_set_field_by_number(1, Value::List(paths.collect()));
    if set.is_ok() {
        message.set_field(mask, Value::Message(filled));
    }
}
