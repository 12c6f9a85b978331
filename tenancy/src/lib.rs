//! Which tenant a call belongs to, and SQL that sees only that tenant's schema.
