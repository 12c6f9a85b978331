//! `google.rpc.Status` as JSON: the body of every error.

use prost_reflect::DescriptorPool;
use prost_types::Any;

use crate::{
    json::{UnknownTypes, Writer},
    settings::JsonOptions,
};

/// Encoded descriptors of google.rpc's error details.
pub(crate) const RPC_TYPES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rpc.binpb"));

/// Details of this type are for those who run a service, not for its clients.
const DEBUG_INFO: &str = "google.rpc.DebugInfo";

/// Renders a status. Details of types that no pool knows, and such as cannot be
/// decoded, keep their bytes as base64.
pub(crate) fn render(
    pools: &[DescriptorPool],
    code: i32,
    message: &str,
    details: &[Any],
) -> Vec<u8> {
    let mut writer = Writer::new(JsonOptions::default(), pools, UnknownTypes::Base64);
    writer.raw(&format!("{{\"code\":{code},\"message\":"));
    writer.string(message);
    writer.raw(",\"details\":[");
    let is_debug = |detail: &&Any| type_name(&detail.type_url) == DEBUG_INFO;
    let shown = details.iter().filter(|detail| !is_debug(detail));
    for (index, detail) in shown.enumerate() {
        if index > 0 {
            writer.raw(",");
        }
        // With base64 to fall back on, packing cannot fail.
        let _written = writer.packed(&detail.type_url, &detail.value).is_ok();
    }
    writer.raw("]}");
    writer.finish()
}

/// Returns what follows the last slash.
fn type_name(type_url: &str) -> &str {
    type_url.rsplit_once('/').map_or(type_url, |(_, name)| name)
}
