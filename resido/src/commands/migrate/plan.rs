//! `migrate plan`: what a run would do.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context as _, Result, bail};
use resido_migrations::{Plan, Runner, Status};
use resido_tenancy::db::PublicDatabase;
use serde_json::json;

use super::{asked, dispatch::Place, run::CANNOT};
use crate::{
    cli::{Format, MigratePlan},
    terminal,
};

/// Shows what a run would do.
pub(super) async fn plan(
    db: &PublicDatabase,
    flags: &MigratePlan,
    place: &Place<'_>,
    format: Format,
) -> Result<ExitCode> {
    let public = resido_migrations::status(db, &place.sets).await?;
    if public.public_applied == 0 {
        bail!("the control plane has no tables yet; `migrate up` makes them");
    }
    let selection = asked::selection(db, &flags.selected, &place.settings).await?;
    let rollout = asked::rollout(db, &flags.stages).await?;
    let tx = db.begin(None).await?;
    let runner = Runner::new(db.clone(), Arc::clone(&place.sets));
    let planned = runner.plan(&tx, &selection, &rollout).await;
    let plan = tx.finish(planned).await.context(CANNOT)?;
    show(&public, &plan, format)?;
    Ok(ExitCode::SUCCESS)
}

fn show(public: &Status, plan: &Plan, format: Format) -> Result<()> {
    let missing = public.public_latest.saturating_sub(public.public_applied);
    match format {
        Format::Json => terminal::json(&json!({"publicMissing": missing, "tenants": plan}))?,
        Format::Text => {
            terminal::line(&format!("control plane  {missing} to apply"));
            terminal::line(&format!(
                "tenants        {} current, {} to bring to version {}, {} newer than the files",
                plan.current,
                plan.missing(),
                plan.target,
                plan.ahead.len()
            ));
            for (number, wave) in plan.waves.iter().enumerate() {
                let tenants = wave.tenants.len();
                terminal::line(&format!("wave {:<9} {tenants} tenants", number + 1));
            }
        }
    }
    Ok(())
}
