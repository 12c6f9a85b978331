//! Ids in resource names: hyphenated lower-case UUIDs, one spelling each.

use uuid::Uuid;

use resido_proto::error::Violation;

/// Reads an id in the only spelling that is accepted.
pub(crate) fn parse(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (*id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *text).then_some(id)
}

/// Reads the id a caller wants for a new resource, or makes one.
pub(crate) fn wanted(field: &'static str, text: &str) -> Result<Uuid, Vec<Violation>> {
    if text.is_empty() {
        return Ok(Uuid::now_v7());
    }
    parse(text).ok_or_else(|| vec![Violation::new(field, "must be a lower-case UUID")])
}
