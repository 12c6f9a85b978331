//! `migrate repair`: takes applied files for what they are now.

use std::process::ExitCode;

use anyhow::Result;
use resido_control_plane::{Deed, record_deed};
use resido_migrations::{Sets, accept};
use resido_proto::{identity::Subject, ids::TenantId};
use resido_tenancy::db::{PublicDatabase, PublicTx, params};
use serde_json::json;

use super::{asked, dispatch::Place, run::Failed};
use crate::{
    cli::Format,
    commands::{confirm::Wrong, control::ACTOR},
    terminal,
};

const LOCK_NO: &str = "select lock_no from tenants where id = $1";

/// Accepts the files as they are for the tenants that were named.
pub(super) async fn repair(
    db: &PublicDatabase,
    place: &Place<'_>,
    format: Format,
) -> Result<ExitCode> {
    let tenants = asked::find(db, &place.settings.migrations.tenants).await?;
    if tenants.is_empty() {
        return Err(Wrong("name the tenants with --tenant".to_owned()).into());
    }
    for tenant in tenants {
        let tx = db.begin(None).await?;
        let accepted = one(&tx, &place.sets, tenant).await;
        let versions = tx.finish(accepted).await.map_err(Failed::into_error)?;
        match format {
            Format::Json => terminal::line(
                &json!({"tenant": tenant.to_string(), "accepted": versions}).to_string(),
            ),
            Format::Text => terminal::line(&told(tenant, &versions)),
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn one(tx: &PublicTx, sets: &Sets, tenant: TenantId) -> Result<Vec<i64>, Failed> {
    let row = tx.query_one(LOCK_NO, params![tenant.as_uuid()]).await?;
    let versions = accept(tx, sets, (tenant, row.try_get("lock_no")?)).await?;
    if !versions.is_empty() {
        let by = Subject::Service(ACTOR.to_owned());
        let versions = versions.clone();
        record_deed(tx, &by, Deed::MigrationsAccepted { tenant, versions }).await?;
    }
    Ok(versions)
}

fn told(tenant: TenantId, versions: &[i64]) -> String {
    if versions.is_empty() {
        return format!("{tenant}  nothing differs");
    }
    let versions: Vec<_> = versions.iter().map(i64::to_string).collect();
    format!("{tenant}  accepted {}", versions.join(", "))
}
