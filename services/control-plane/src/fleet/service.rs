//! The calls about migrations of tenants.

use std::sync::Arc;

use resido_migrations::{Begun, RUNS, Request, Runner, Sets};
use resido_proto::tenancy::v1 as proto;
use resido_tenancy::{
    context::CallContext,
    db::{Ask, PublicDatabase, PublicTx},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::Status;

use super::model;
use crate::{
    Config, Error,
    audit::{self, Actor},
    staff::{READERS, WRITERS, authorize},
};

/// Events that wait for a reader; what comes beyond is not told.
const QUEUE: usize = 1024;

/// What a caller who migrates reads.
pub(crate) type MigrationStream = ReceiverStream<Result<proto::MigrateTenantsResponse, Status>>;

/// Notes which runs nobody works on any more, forgets those of last year, and
/// returns how many nobody works on.
pub(crate) async fn sweep(tx: &PublicTx) -> Result<u64, Error> {
    Ok(Runner::sweep(tx).await?)
}

/// Makes runs of migrations and looks them up.
#[derive(Clone)]
pub(crate) struct Fleet {
    pub(super) runner: Runner,
    pub(super) closing: CancellationToken,
    db: PublicDatabase,
    tracker: TaskTracker,
}

impl Fleet {
    pub(crate) fn new(
        db: PublicDatabase,
        sets: Arc<Sets>,
        config: &Config,
        (tracker, closing): (TaskTracker, CancellationToken),
    ) -> Self {
        Self {
            runner: Runner::new(db.clone(), sets).with_lease(config.lease()),
            closing,
            db,
            tracker,
        }
    }

    /// Begins a run and tells what comes of it. It goes on when nobody reads.
    pub(crate) async fn migrate(
        &self,
        ctx: &CallContext,
        request: proto::MigrateTenantsRequest,
    ) -> Result<MigrationStream, Error> {
        authorize(ctx, WRITERS, "tenants.migrate")?;
        let actor = Actor::of(ctx);
        let request = model::request(request, &actor.subject)?;
        if self.closing.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        let fleet = self.clone();
        // A task: a run that is written down begins, whether its caller stays or
        // not.
        let begun = self.tracker.spawn(async move {
            let begun = fleet.begin(&actor, &request).await?;
            let (out, stream) = mpsc::channel(QUEUE);
            let running = fleet.clone().run(begun, out);
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
        let asked = RUNS.request(Ask {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
        })?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let listed = Runner::list(&tx, &asked).await.map_err(Error::from);
        let (runs, next_page_token) = tx.finish(listed).await?;
        Ok(proto::ListMigrationRunsResponse {
            migration_runs: runs.into_iter().map(model::shown).collect(),
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
        let run = Runner::get(&tx, id).await.map_err(Error::from);
        let run = tx.finish(run).await?;
        Ok(model::shown(run.ok_or(Error::NotFound("migration run"))?))
    }

    async fn begin(&self, actor: &Actor, request: &Request) -> Result<Begun, Error> {
        let tx = self.db.begin(None).await?;
        let begun = self.begin_within(&tx, actor, request).await;
        tx.finish(begun).await
    }

    async fn begin_within(
        &self,
        tx: &PublicTx,
        actor: &Actor,
        request: &Request,
    ) -> Result<Begun, Error> {
        let begun = self.runner.begin(tx, request).await?;
        audit::record(tx, actor, audit::of_run(&begun.run)).await?;
        Ok(begun)
    }
}
