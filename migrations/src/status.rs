//! What is applied and what is missing.

use std::{collections::BTreeMap, time::Duration};

use resido_tenancy::db::{PublicDatabase, params};
use serde::Serialize;

use crate::{Error, Sets, statement::column};

const EXISTS: &str = "select to_regclass('public._migrations') is not null
    and to_regclass('public.tenants') is not null as known";
const PUBLIC: &str = "select coalesce(max(version), 0) as version from _migrations";
const TENANTS: &str = "
    select schema_version, fingerprint, count(*) as tenants from tenants
     where state in ('active', 'suspended', 'maintenance')
     group by schema_version, fingerprint";

/// Where a database stands beside the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Last file of the control plane's that is applied.
    pub public_applied: i64,
    /// Last file of the control plane's that there is.
    pub public_latest: i64,
    /// Last file of the tenants' that there is.
    pub tenant_latest: i64,
    /// How many tenants have which version.
    pub tenants: BTreeMap<i64, i64>,
    /// How many tenants have a file that was edited after it was applied to them;
    /// those that are newer than the files do not count.
    pub changed: i64,
}

impl Status {
    /// Returns how many tenants lack a file.
    #[must_use]
    pub fn tenants_behind(&self) -> i64 {
        self.tenants
            .range(..self.tenant_latest)
            .map(|(_, count)| count)
            .sum()
    }

    /// Whether nothing is missing anywhere, and nothing was edited.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.public_applied >= self.public_latest && self.tenants_behind() == 0 && self.changed == 0
    }
}

/// Looks at a database; changes nothing.
///
/// # Errors
/// [`Error::Database`].
pub async fn status(db: &PublicDatabase, sets: &Sets) -> Result<Status, Error> {
    let tx = db.begin_long(Duration::from_secs(60)).await?;
    let work = async {
        let mut status = Status {
            public_applied: 0,
            public_latest: sets.public.latest(),
            tenant_latest: sets.tenant.latest(),
            tenants: BTreeMap::new(),
            changed: 0,
        };
        if !column::<bool>(&tx.query_one(EXISTS, params![]).await?, "known")? {
            return Ok(status);
        }
        status.public_applied = column(&tx.query_one(PUBLIC, params![]).await?, "version")?;
        for row in tx.query(TENANTS, params![]).await? {
            let version = column::<i64>(&row, "schema_version")?;
            let tenants = column::<i64>(&row, "tenants")?;
            let fingerprint: &str = column(&row, "fingerprint")?;
            *status.tenants.entry(version).or_default() += tenants;
            let is_known = version <= sets.tenant.latest();
            if is_known && fingerprint != sets.tenant.fingerprint(version) {
                status.changed += tenants;
            }
        }
        Ok(status)
    };
    let result = work.await;
    tx.finish(result).await
}
