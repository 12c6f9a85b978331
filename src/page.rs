//! Pages of lists: how many rows, and where the next page begins.
//!
//! A page token holds the creation time and the id of the last row shown, so
//! that rows which appear or vanish meanwhile shift nothing. It is opaque to
//! clients and grants nothing: it only says where to go on in what the caller
//! may see anyway.
//!
//! *Source*: AIP-158.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::error::Violation;

/// Rows of a page when the caller does not say.
pub const DEFAULT_SIZE: u16 = 50;
/// Rows of a page at most.
pub const MAX_SIZE: u16 = 1000;

/// Creation times that a token may hold: the years 1970 to 9999.
const CREATED_MICROS: std::ops::Range<i64> = 0..253_402_300_800_000_000;

/// The place between two rows of a list in order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Creation time of the last row shown, in microseconds since the epoch.
    pub created_micros: i64,
    /// Id of the last row shown.
    pub id: Uuid,
}

impl Cursor {
    /// Returns the place behind a row; the time is cut to microseconds, the
    /// precision of the database.
    #[must_use]
    pub fn behind(created: SystemTime, id: Uuid) -> Self {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        let created_micros = match created.duration_since(UNIX_EPOCH) {
            Ok(after) => micros(after),
            Err(before) => -micros(before.duration()),
        };
        Self { created_micros, id }
    }

    /// Returns the creation time of the last row shown.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        let distance = Duration::from_micros(self.created_micros.unsigned_abs());
        let moment = if self.created_micros < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        moment.unwrap_or(UNIX_EPOCH)
    }

    /// Writes the cursor as a page token.
    #[must_use]
    pub fn to_token(self) -> String {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.created_micros.to_be_bytes());
        bytes[8..].copy_from_slice(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn from_token(token: &str) -> Option<Self> {
        let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let (micros, id) = bytes.split_at(8);
        let created_micros = i64::from_be_bytes(micros.try_into().ok()?);
        // Whatever else the database would refuse.
        CREATED_MICROS.contains(&created_micros).then_some(())?;
        Some(Self {
            created_micros,
            id: Uuid::from_slice(id).ok()?,
        })
    }
}

/// What a caller asked of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows at most, from 1 to [`MAX_SIZE`].
    pub size: u16,
    /// Where the page begins; the start of the list when none.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// Reads `page_size` and `page_token`, and says what is wrong with either.
    ///
    /// # Errors
    /// The violations: a negative size, or a token that no page handed out.
    pub fn parse(page_size: i32, page_token: &str) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let size = match page_size {
            0 => DEFAULT_SIZE,
            size => u16::try_from(size).map_or_else(
                |_| {
                    if size < 0 {
                        violations.push(Violation::new("page_size", "must not be negative"));
                    }
                    MAX_SIZE
                },
                |size| size.min(MAX_SIZE),
            ),
        };
        let after = (!page_token.is_empty()).then(|| Cursor::from_token(page_token));
        if after == Some(None) {
            violations.push(Violation::new("page_token", "is not a token of this list"));
        }
        if violations.is_empty() {
            Ok(Self {
                size,
                after: after.flatten(),
            })
        } else {
            Err(violations)
        }
    }

    /// Returns how many rows to read: one more than shown, which tells whether
    /// there is a next page.
    #[must_use]
    pub const fn limit(&self) -> i64 {
        self.size as i64 + 1
    }

    /// Cuts the rows read to the page and returns the token of the next one,
    /// empty on the last page.
    pub fn finish<T>(&self, rows: &mut Vec<T>, cursor: impl Fn(&T) -> Cursor) -> String {
        let size = usize::from(self.size);
        if rows.len() <= size {
            return String::new();
        }
        rows.truncate(size);
        rows.last()
            .map(|row| cursor(row).to_token())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_rules_of_lists() {
        for (asked, given) in [
            (0, 50),
            (1, 1),
            (1000, 1000),
            (1001, 1000),
            (i32::MAX, 1000),
        ] {
            assert_eq!(
                PageRequest::parse(asked, "").unwrap().size,
                given,
                "{asked}"
            );
        }
        assert_eq!(
            PageRequest::parse(-1, "").unwrap_err()[0].field,
            "page_size"
        );
    }

    #[test]
    fn a_token_leads_back_to_its_cursor() {
        let cursor = Cursor {
            created_micros: 7,
            id: Uuid::now_v7(),
        };
        let page = PageRequest::parse(0, &cursor.to_token()).unwrap();
        assert_eq!(page.after, Some(cursor));
        let never = |created_micros| {
            Cursor {
                created_micros,
                ..cursor
            }
            .to_token()
        };
        let (before, after) = (never(-1), never(i64::MAX));
        for token in [
            "x",
            "AAAA",
            "not a token",
            &"A".repeat(500),
            &before,
            &after,
        ] {
            assert_eq!(
                PageRequest::parse(0, token).unwrap_err()[0].field,
                "page_token"
            );
        }
    }

    #[test]
    fn the_last_page_has_no_token() {
        let page = PageRequest {
            size: 2,
            after: None,
        };
        let cursor = |id: &u128| Cursor {
            created_micros: 0,
            id: Uuid::from_u128(*id),
        };
        let mut rows = vec![1, 2];
        assert_eq!(page.finish(&mut rows, cursor), "");
        let mut rows = vec![1, 2, 3];
        assert_eq!(page.finish(&mut rows, cursor), cursor(&2).to_token());
        assert_eq!(rows, [1, 2]);
    }
}
