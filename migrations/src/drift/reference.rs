//! What the files say, made and undone.

use std::time::Duration;

use resido_proto::ids::TenantId;
use resido_tenancy::{
    db::{PublicDatabase, PublicTx},
    tenant::SchemaName,
};

use super::catalog::{self, Lines};
use crate::{Error, NewTenant, Set, Sets, provision};

/// Time of the statements that make a reference.
const LIMIT: Duration = Duration::from_secs(120);

/// A schema as the files have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) fingerprint: String,
    pub(super) lines: Lines,
}

/// Whether the files alone are applied, or the baseline before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Files,
    Baseline,
}

impl Reference {
    /// Makes a schema of nobody up to a version, describes it, and undoes it.
    pub(super) async fn make(
        db: &PublicDatabase,
        sets: &Sets,
        version: i64,
        from: From,
    ) -> Result<Self, Error> {
        let tx = db.begin_long(LIMIT).await?;
        let made = Self::make_within(&tx, &up_to(sets, version, from)).await;
        tx.rollback().await?;
        made
    }

    async fn make_within(tx: &PublicTx, sets: &Sets) -> Result<Self, Error> {
        let id = TenantId::new();
        // No tenant has such a number: theirs begin at one.
        let [a, b, c, d, ..] = id.as_uuid().as_u128().to_ne_bytes();
        let nobody = NewTenant {
            id,
            lock_no: -i32::from_ne_bytes([a, b, c, d]).saturating_abs(),
            epoch: 1,
        };
        provision(tx, sets, &nobody).await?;
        let schema = SchemaName::of(nobody.id).as_str().to_owned();
        let lines = catalog::lines(tx, &schema).await?;
        let mut found = catalog::fingerprints(tx, vec![schema.clone()]).await?;
        let fingerprint = found.remove(&schema).ok_or(Error::Stored("reference"))?;
        Ok(Self { fingerprint, lines })
    }
}

fn up_to(sets: &Sets, version: i64, from: From) -> Sets {
    let set = &sets.tenant;
    let files = set.migrations.iter().filter(|file| file.version <= version);
    let baseline = set.baseline.clone();
    Sets {
        public: sets.public.clone(),
        tenant: Set {
            name: set.name,
            migrations: files.cloned().collect(),
            baseline: baseline.filter(|b| from == From::Baseline && b.version <= version),
        },
    }
}
