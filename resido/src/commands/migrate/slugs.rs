//! The slugs of the tenants of a run: people know tenants by them.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use resido_migrations::{Came, Run};
use resido_proto::ids::{MigrationRunId, TenantId};
use resido_tenancy::db::{PublicDatabase, PublicTx, params};
use serde_json::{Value, json};

use super::run::Failed;

/// Time that they may take to be read.
const LIMIT: Duration = Duration::from_secs(60);
const SLUGS: &str = "
    select id, slug from tenants
     where id in (select tenant_id from migration_items where run_id = $1)";

/// The slugs of some tenants.
#[derive(Debug, Default)]
pub(super) struct Slugs(HashMap<TenantId, String>);

impl Slugs {
    /// Reads those of a run's tenants.
    pub(super) async fn of(db: &PublicDatabase, run: MigrationRunId) -> Result<Self> {
        let tx = db.begin_long(LIMIT).await?;
        let slugs = Self::read(&tx, run).await;
        tx.finish(slugs).await.map_err(Failed::into_error)
    }

    async fn read(tx: &PublicTx, run: MigrationRunId) -> Result<Self, Failed> {
        let mut slugs = HashMap::new();
        for row in tx.query(SLUGS, params![run.as_uuid()]).await? {
            let id = TenantId::from_uuid(row.try_get("id")?);
            slugs.insert(id, row.try_get("slug")?);
        }
        Ok(Self(slugs))
    }

    /// Returns a tenant's slug, or its id where no slug is known.
    pub(super) fn name(&self, tenant: TenantId) -> String {
        self.0
            .get(&tenant)
            .cloned()
            .unwrap_or_else(|| tenant.to_string())
    }

    /// Describes a failed tenant in a line.
    pub(super) fn failure(&self, came: &Came) -> String {
        let text = if came.message.is_empty() {
            came.state.as_str()
        } else {
            came.message.as_str()
        };
        format!("{}  {}  {text}", self.name(came.tenant), came.error)
    }

    /// Describes the failed tenants of a run, each in a line, as far as it names
    /// them.
    pub(super) fn failures(&self, run: &Run) -> Vec<String> {
        let mut lines: Vec<_> = run.failures.iter().map(|came| self.failure(came)).collect();
        let failed = usize::try_from(run.failed).unwrap_or(usize::MAX);
        match failed.saturating_sub(lines.len()) {
            0 => {}
            rest => lines.push(format!("and {rest} more")),
        }
        lines
    }

    /// Describes a run for programs.
    pub(super) fn described(&self, run: &Run) -> Result<Value> {
        let mut value = serde_json::to_value(run)?;
        self.add_to(&mut value);
        add_times(&mut value, run);
        Ok(value)
    }

    /// Adds slugs beside the ids of tenants.
    pub(super) fn add_to(&self, value: &mut Value) {
        let id = value["tenant"].as_str().and_then(|id| id.parse().ok());
        if let Some(slug) = id.and_then(|id: TenantId| self.0.get(&id)) {
            value["slug"] = json!(slug);
        }
        if let Some(failures) = value.get_mut("failures").and_then(Value::as_array_mut) {
            failures.iter_mut().for_each(|failure| self.add_to(failure));
        }
    }
}

/// Adds when a run began and ended.
pub(super) fn add_times(value: &mut Value, run: &Run) {
    value["createTime"] = json!(time(run.created));
    if let Some(ended) = run.ended {
        value["endTime"] = json!(time(ended));
    }
}

/// Writes a moment as RFC 3339.
pub(super) fn time(time: SystemTime) -> String {
    prost_types::Timestamp::from(time).to_string()
}

#[cfg(test)]
impl<const N: usize> From<[(TenantId, &str); N]> for Slugs {
    fn from(slugs: [(TenantId, &str); N]) -> Self {
        Self(slugs.map(|(id, slug)| (id, slug.to_owned())).into())
    }
}
