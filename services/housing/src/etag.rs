//! Etags: a row's revision, opaque to clients.

use crate::Error;

/// Returns the etag of a revision.
pub(crate) fn of(revision: i64) -> String {
    format!("r{revision}")
}

/// Refuses a call whose etag is not the row's; an empty one asks for nothing.
///
/// # Errors
/// [`Error::EtagMismatch`].
pub(crate) fn check(sent: &str, revision: i64) -> Result<(), Error> {
    if sent.is_empty() || sent == of(revision) {
        Ok(())
    } else {
        Err(Error::EtagMismatch)
    }
}
