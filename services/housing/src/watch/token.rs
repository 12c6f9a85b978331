//! Resume tokens: a place in the stream of a tenant's events, and when it was
//! known.
//!
//! ```text
//! token = base64url(event(8) seconds(8))
//! ```
//! Opaque to clients. A token grants nothing: whoever makes one up reads what they
//! may read anyway.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use resido_proto::error::Violation;

use crate::Error;

/// How long one can go on from a place. Events are kept for an hour more.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// A place behind an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The last event seen; 0 before the first.
    pub(super) event: i64,
    /// A time at which no event behind it had happened yet, or the event's own.
    pub(super) at: SystemTime,
}

impl Place {
    /// Writes the place as a token.
    pub(super) fn to_token(self) -> String {
        let since = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let bytes = [self.event.to_be_bytes(), since.as_secs().to_be_bytes()];
        URL_SAFE_NO_PAD.encode(bytes.concat())
    }

    /// Reads a token that can be gone on from.
    ///
    /// # Errors
    /// One violation of `resume_token`, or [`Error::ResumeTokenExpired`].
    pub(super) fn parse(token: &str, now: SystemTime) -> Result<Self, Error> {
        let place = Self::from_token(token).ok_or_else(|| {
            let fault = "is not a token of this stream";
            vec![Violation::new("resume_token", fault)]
        })?;
        if place.at + KEPT < now {
            return Err(Error::ResumeTokenExpired);
        }
        Ok(place)
    }

    fn from_token(token: &str) -> Option<Self> {
        // Longer ones are none, and not worth decoding.
        (token.len() < 32).then_some(())?;
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let (event, seconds) = bytes.split_at(8);
        let event = i64::from_be_bytes(event.try_into().ok()?);
        let seconds = u64::from_be_bytes(seconds.try_into().ok()?);
        let known = u32::try_from(seconds).ok().filter(|_| event >= 0)?;
        Some(Self {
            event,
            at: UNIX_EPOCH + Duration::from_secs(known.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use resido_proto::error::Failure as _;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn place(event: i64) -> Place {
        Place {
            event,
            at: UNIX_EPOCH + DAY,
        }
    }

    #[test]
    fn a_token_leads_back_to_its_place_for_a_day() {
        for event in [0, 7, i64::MAX] {
            let token = place(event).to_token();
            let read = Place::parse(&token, UNIX_EPOCH + DAY * 2);
            assert_eq!(read.unwrap(), place(event));
            let late = Place::parse(&token, UNIX_EPOCH + DAY * 2 + Duration::from_secs(1));
            assert_eq!(late.unwrap_err().reason(), "RESUME_TOKEN_EXPIRED");
        }
    }

    #[test]
    fn what_no_stream_handed_out_is_refused() {
        let good = place(7).to_token();
        let negative = place(-7).to_token();
        let never = URL_SAFE_NO_PAD.encode([0xff; 16]);
        for token in [
            "x",
            "not a token",
            &good[1..],
            &format!("{good}AA"),
            &"A".repeat(5000),
            &negative,
            &never,
        ] {
            let error = Place::parse(token, UNIX_EPOCH).unwrap_err();
            assert_eq!(error.violations()[0].field, "resume_token", "{token}");
        }
    }
}
