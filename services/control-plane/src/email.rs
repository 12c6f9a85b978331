//! E-mail addresses: who logs in, and whom an activation token is for.

pub(crate) use resido_proto::email::{Email, is_label};
