//! The calls about migrations of tenants.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use resido_migrations::Sets;
use resido_proto::{
    ids::{MigrationRunId, TenantId},
    tenancy::v1 as proto,
};
use resido_tenancy::{
    context::CallContext,
    db::{Ask, PublicDatabase, PublicTx},
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::Status;

use super::{model, run::Plan, store};
use crate::{
    Config, Error,
    audit::{self, Actor, Event},
    staff::{READERS, WRITERS, authorize},
};

/// Messages that wait for a reader at most; all that a request can name, and the
/// beginning and the end.
const QUEUE: usize = 1024;

/// What a call is answered with.
pub(crate) type MigrationStream = ReceiverStream<Result<proto::MigrateTenantsResponse, Status>>;

/// Migrates tenants.
#[derive(Clone)]
pub(crate) struct Fleet {
    pub(super) db: PublicDatabase,
    pub(super) sets: Arc<Sets>,
    pub(super) lease: Duration,
    pub(super) closing: CancellationToken,
    tracker: TaskTracker,
}

impl Fleet {
    /// Applies `sets` until the token is cancelled; the tracker sees the tasks.
    pub(crate) fn new(
        db: PublicDatabase,
        sets: Arc<Sets>,
        config: &Config,
        (tracker, closing): (TaskTracker, CancellationToken),
    ) -> Self {
        Self {
            db,
            sets,
            lease: config.lease(),
            closing,
            tracker,
        }
    }

    /// Begins a run, and streams what comes of it.
    pub(crate) async fn migrate(
        &self,
        ctx: &CallContext,
        request: proto::MigrateTenantsRequest,
    ) -> Result<MigrationStream, Error> {
        authorize(ctx, WRITERS, "tenants.migrate")?;
        let wanted = model::wanted(&request)?;
        if self.closing.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        let (fleet, actor) = (self.clone(), Actor::of(ctx));
        // A task: a run that is written down begins, whether its caller stays or
        // not.
        let begun = self.tracker.spawn(async move {
            let plan = fleet.begin(&actor, &wanted).await?;
            let (out, stream) = mpsc::channel(QUEUE);
            let running = fleet.clone().run(plan, out);
            fleet.tracker.spawn(running);
            Ok(ReceiverStream::new(stream))
        });
        begun
            .await
            .map_err(|_| Error::Fault("a task did not end"))?
    }

    pub(crate) async fn list(
        &self,
        ctx: &CallContext,
        request: proto::ListMigrationRunsRequest,
    ) -> Result<proto::ListMigrationRunsResponse, Error> {
        authorize(ctx, READERS, "tenants.read")?;
        let asked = store::LISTING.request(Ask {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: "",
            order_by: "",
        })?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let listed = store::list(&tx, &asked).await;
        let (runs, next_page_token) = tx.finish(listed).await?;
        Ok(proto::ListMigrationRunsResponse {
            migration_runs: runs.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    pub(crate) async fn get(
        &self,
        ctx: &CallContext,
        request: proto::GetMigrationRunRequest,
    ) -> Result<proto::MigrationRun, Error> {
        authorize(ctx, READERS, "tenants.read")?;
        let id = model::run_name(&request.name)?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let run = store::get(&tx, id).await;
        Ok(tx.finish(run).await?.into())
    }

    async fn begin(&self, actor: &Actor, wanted: &BTreeSet<TenantId>) -> Result<Plan, Error> {
        let tx = self.db.begin(None).await?;
        let plan = self.plan(&tx, actor, wanted).await;
        tx.finish(plan).await
    }

    async fn plan(
        &self,
        tx: &PublicTx,
        actor: &Actor,
        wanted: &BTreeSet<TenantId>,
    ) -> Result<Plan, Error> {
        store::sweep(tx).await?;
        let target = self.sets.tenant.latest();
        let fingerprint = self.sets.tenant.fingerprint(target);
        let found = store::candidates(tx, (target, &fingerprint), wanted).await?;
        let (mut current, missing): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|tenant| tenant.is_current);
        let size = |tenants: &[_]| i32::try_from(tenants.len()).unwrap_or(i32::MAX);
        let done = size(&current);
        let total = done.saturating_add(size(&missing));
        let run = (MigrationRunId::new(), target);
        let run = store::insert(tx, run, (total, done), &actor.subject, self.lease).await?;
        if wanted.is_empty() {
            current.clear();
        }
        let event = Event {
            action: "tenants.migrate",
            resource: run.id.resource_name(),
            tenant: None,
            before: None,
            after: Some(json!({ "targetVersion": target, "total": total })),
        };
        audit::record(tx, actor, event).await?;
        Ok(Plan {
            run,
            missing,
            current,
        })
    }
}
