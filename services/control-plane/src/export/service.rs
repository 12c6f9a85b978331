//! The call that exports a tenant.

use std::{sync::Arc, time::Duration};

use resido_migrations as migrations;
use resido_proto::{google::api::HttpBody, identity::Role, tenancy::v1 as proto};
use resido_tenancy::{
    context::CallContext,
    db::{PublicDatabase, PublicTx},
    server::into_status,
};
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::Status;

use super::{
    model::{self, Exported},
    store,
    write::{self, End},
};
use crate::{
    Error,
    audit::{self, Actor, Event},
};

const WRITERS: &[Role] = &[Role::PLATFORM_ADMIN];
/// Exports at once: each holds a connection, and the database keeps old rows for
/// it.
const AT_ONCE: usize = 2;
/// Time that an export may take, readers included.
const LIMIT: Duration = Duration::from_secs(3600);
/// Files that wait for a reader at most.
const QUEUE: usize = 2;
/// How long the word of why a stream ends waits for a reader.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What a call is answered with.
pub(crate) type ExportStream = ReceiverStream<Result<HttpBody, Status>>;

/// Exports tenants; clones share their number.
#[derive(Clone)]
pub(crate) struct Exports {
    db: PublicDatabase,
    places: Arc<Semaphore>,
    tracker: TaskTracker,
    closing: CancellationToken,
}

impl Exports {
    /// Exports from `db` until the token is cancelled; the tracker sees the tasks.
    pub(crate) fn new(
        db: PublicDatabase,
        (tracker, closing): (TaskTracker, CancellationToken),
    ) -> Self {
        Self {
            db,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            tracker,
            closing,
        }
    }

    /// Opens a stream with everything of a tenant as it is now.
    pub(crate) async fn open(
        &self,
        ctx: &CallContext,
        request: proto::ExportTenantRequest,
    ) -> Result<ExportStream, Error> {
        ctx.platform()?;
        ctx.require(WRITERS, "tenants.export")?;
        let id = model::tenant_name(&request.name)?;
        if self.closing.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Error::ExportBusy)?;
        let tx = self.db.begin_snapshot(LIMIT).await?;
        let tenant = match self.begin(&tx, &Actor::of(ctx), id).await {
            Ok(tenant) => tenant,
            Err(error) => return tx.finish(Err(error)).await,
        };
        let (out, stream) = mpsc::channel(QUEUE);
        let exports = self.clone();
        let task = async move {
            let end = exports.serve(tx, &tenant, &out).await;
            if let Err(End::Failed(error)) = end {
                tracing::warn!(
                    tenant.id = %tenant.id,
                    error = &error as &dyn std::error::Error,
                    "an export did not end"
                );
                let status = into_status(&error);
                let _read = out.send_timeout(Err(status), LAST_WORD).await.is_ok();
            }
            drop(place);
        };
        self.tracker.spawn(task);
        Ok(ReceiverStream::new(stream))
    }

    /// Keeps others from changing the schema, and writes down who takes the data.
    async fn begin(
        &self,
        snapshot: &PublicTx,
        actor: &Actor,
        id: resido_proto::ids::TenantId,
    ) -> Result<Exported, Error> {
        let tenant = store::tenant(snapshot, id).await?;
        if !model::is_whole(tenant.state) {
            return Err(Error::TenantState(tenant.state));
        }
        migrations::keep(snapshot, tenant.lock_no).await?;
        let tx = self.db.begin(None).await?;
        let work = async {
            // The snapshot is older than the lock: the schema may have changed
            // between the two.
            let now = store::tenant(&tx, id).await?;
            let same = (now.schema_version, &now.fingerprint)
                == (tenant.schema_version, &tenant.fingerprint);
            if !same || !model::is_whole(now.state) {
                return Err(Error::TenantChanged);
            }
            let event = Event {
                action: "tenants.export",
                resource: id.resource_name(),
                tenant: Some(id),
                before: None,
                after: Some(json!({ "schemaVersion": tenant.schema_version })),
            };
            audit::record(&tx, actor, event).await
        };
        let recorded = work.await;
        tx.finish(recorded).await?;
        Ok(tenant)
    }

    /// Writes until everything is written, or nobody reads. A transaction that is
    /// dropped takes its connection with it.
    async fn serve(&self, tx: PublicTx, tenant: &Exported, out: &write::Out) -> Result<(), End> {
        let written = tokio::select! {
            written = write::write(&tx, tenant, out) => written,
            () = out.closed() => Err(End::Unread),
            () = self.closing.cancelled() => Err(End::Failed(Error::ShuttingDown)),
            () = tokio::time::sleep(LIMIT) => {
                Err(End::Failed(resido_tenancy::db::Error::Deadline.into()))
            }
        };
        written?;
        Ok(tx.commit().await?)
    }
}
