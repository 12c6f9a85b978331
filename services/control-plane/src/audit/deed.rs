//! What operators do on the machine itself, where no call is made.

use resido_proto::identity::Subject;
use resido_tenancy::db::PublicTx;
use serde_json::json;

use super::record::{Actor, Event, record};
use crate::Error;

/// What an operator did with the keys of access tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Made a key.
    KeyRotated {
        /// Its id.
        kid: String,
        /// Seconds that it is published before it signs.
        publish_first_seconds: u64,
        /// Seconds that the keys before it verify after that.
        overlap_seconds: u64,
    },
    /// Made an access token without a log-in.
    TokenMade {
        /// Its id.
        jti: String,
        /// That of the key it is signed with.
        kid: String,
        /// Whom it names.
        subject: Subject,
        /// Its life, in seconds.
        seconds: u64,
    },
}

/// Writes a row of it.
///
/// # Errors
/// If the database fails.
pub(crate) async fn record_deed(tx: &PublicTx, by: &Subject, deed: Deed) -> Result<(), Error> {
    let (action, resource, after) = match deed {
        Deed::KeyRotated {
            kid,
            publish_first_seconds,
            overlap_seconds,
        } => {
            let after = json!({
                "publish_first_seconds": publish_first_seconds,
                "overlap_seconds": overlap_seconds,
            });
            ("keys.rotate", format!("keys/{kid}"), after)
        }
        Deed::TokenMade {
            jti,
            kid,
            subject,
            seconds,
        } => {
            let after = json!({"jti": jti, "kid": kid, "seconds": seconds});
            ("tokens.create", subject.to_string(), after)
        }
    };
    let event = Event {
        action,
        resource,
        tenant: None,
        before: None,
        after: Some(after),
    };
    record(tx, &Actor::earlier(by.to_string()), event).await
}
