//! A run at work, told to whoever watches it.

use std::time::Duration;

use resido_migrations::{Begun, Event};
use resido_proto::tenancy::v1::{self as proto, migrate_tenants_response as response};
use resido_tenancy::server::into_status;
use tokio::sync::mpsc;
use tonic::Status;

use super::{
    model::{self, message},
    service::Fleet,
};
use crate::Error;

/// How long the end of a run waits for somebody to read it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a run is told.
pub(super) type Out = mpsc::Sender<Result<proto::MigrateTenantsResponse, Status>>;

impl Fleet {
    /// Makes a run to its end, whoever looks.
    pub(super) async fn run(self, begun: Begun, out: Out) {
        let id = begun.run.id;
        let current: Vec<_> = begun.current.iter().map(model::current).collect();
        let tell = |event: Event| match event {
            Event::Started(run) => {
                told(&out, response::Event::Started(model::shown(run)));
                for tenant in &current {
                    told(&out, response::Event::Tenant(tenant.clone()));
                }
            }
            Event::Tenant(came) => told(&out, response::Event::Tenant(model::came(came))),
            // The end is told below: it must not be lost to a slow reader.
            Event::Wave { .. } | Event::Finished(_) => {}
        };
        let last = match self.runner.work(begun, &self.closing, &tell).await {
            Ok(run) => Ok(message(response::Event::Finished(model::shown(run)))),
            Err(error) => {
                let error = Error::from(error);
                tracing::error!(
                    run = %id,
                    error = &error as &dyn std::error::Error,
                    "a run of migrations did not end"
                );
                Err(into_status(&error))
            }
        };
        tokio::select! {
            biased;
            _read = out.send_timeout(last, PATIENCE) => {}
            () = self.closing.cancelled() => {}
        }
    }
}

/// Tells what happened; a reader that is too slow misses it, and the run goes on.
fn told(out: &Out, event: response::Event) {
    let _read = out.try_send(Ok(message(event))).is_ok();
}
