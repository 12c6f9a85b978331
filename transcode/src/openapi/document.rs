//! Puts the document together.

use std::sync::Arc;

use serde_json::Value;

use super::info::{OpenApiInfo, Visibility};
use crate::{binding::Binding, method::Method};

/// Describes bindings.
pub(crate) fn describe(
    _bindings: &[Arc<Binding>],
    _info: &OpenApiInfo,
    _access: &dyn Fn(&Method) -> Visibility,
) -> Value {
    Value::Null
}
