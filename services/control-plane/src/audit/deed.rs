//! What operators do on the machine itself, where no call is made.

use resido_migrations::Run;
use resido_proto::{identity::Subject, ids::TenantId};
use resido_tenancy::db::PublicTx;
use serde_json::json;

use super::record::{Actor, Event, record};
use crate::Error;

/// What an operator did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Began a run of migrations.
    MigrationRun(Run),
    /// Took applied migrations of a tenant for what the files are now.
    MigrationsAccepted {
        /// Of which tenant.
        tenant: TenantId,
        /// Which ones.
        versions: Vec<i64>,
    },
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

/// Writes a row of it, in the transaction that does it.
///
/// # Errors
/// If the database fails.
pub async fn record_deed(tx: &PublicTx, by: &Subject, deed: Deed) -> Result<(), Error> {
    let mut of = None;
    let (action, resource, after) = match deed {
        Deed::MigrationRun(run) => {
            let event = of_run(&run);
            return record(tx, &Actor::earlier(by.to_string()), event).await;
        }
        Deed::MigrationsAccepted { tenant, versions } => {
            of = Some(tenant);
            let after = json!({"versions": versions});
            ("tenants.accept_migrations", tenant.resource_name(), after)
        }
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
        tenant: of,
        before: None,
        after: Some(after),
    };
    record(tx, &Actor::earlier(by.to_string()), event).await
}

/// Says what run of migrations began.
pub(crate) fn of_run(run: &Run) -> Event {
    Event {
        action: "tenants.migrate",
        resource: run.id.resource_name(),
        tenant: None,
        before: None,
        after: Some(json!({
            "kind": run.kind,
            "targetVersion": run.target,
            "total": run.total,
            "of": run.of.map(|of| of.resource_name()),
        })),
    }
}
