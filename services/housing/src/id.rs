//! Ids that callers choose for new resources, or leave to us.

use resido_proto::{error::Violation, ids::parse_uuid};
use uuid::Uuid;

/// Reads the id a caller wants for a new resource, or makes one.
pub(crate) fn wanted(field: &'static str, text: &str) -> Result<Uuid, Vec<Violation>> {
    if text.is_empty() {
        return Ok(Uuid::now_v7());
    }
    parse_uuid(text).map_err(|_| vec![Violation::new(field, "must be a lower-case UUID")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_in_one_spelling_or_made() {
        let id = Uuid::now_v7();
        assert_eq!(wanted("x_id", &id.to_string()), Ok(id));
        let upper = id.to_string().to_uppercase();
        assert_eq!(wanted("x_id", &upper).unwrap_err()[0].field, "x_id");
        assert_ne!(wanted("x_id", ""), wanted("x_id", ""));
    }
}
