//! The services and the gateway, as tasks.

use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow};
use resido_control_plane::{ControlPlane, KeyRing};
use resido_gateway::Gateway;
use resido_observability::Metrics;
use resido_tenancy::{context::Signer, db::TenantDatabase};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{UpOptions, listeners::Listeners};
use crate::{
    data_dir::DataDir,
    ending::{Tasks, all_ended, flat},
    migrating::Migrating,
    serving::{Door, serve},
    token_keys,
    wiring::{self, CONTEXT_KEY, CONTROL_PLANE, HOUSING},
};

/// Time until the gateway has its keys and knows the tenants.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// What runs. The gateway ends first, then the services that its calls need.
#[derive(Debug, Default)]
pub(super) struct Parts {
    end_front: CancellationToken,
    end_back: CancellationToken,
    front: Tasks,
    back: Tasks,
    /// Migrations that are still going on.
    migrating: Option<Migrating>,
}

/// What the services work with.
pub(super) struct Services {
    pub(super) control_plane: ControlPlane,
    /// Those of access tokens.
    pub(super) keys: KeyRing,
    pub(super) housing: TenantDatabase,
    pub(super) metrics: Metrics,
    pub(super) migrating: Option<Migrating>,
}

impl Parts {
    /// Starts the services and the gateway, and waits until it serves.
    pub(super) async fn start(
        options: &UpOptions,
        dir: &DataDir,
        services: Services,
        listeners: Listeners,
    ) -> Result<Self> {
        let mut parts = Self::default().with(services.migrating);
        let metrics = services.metrics;
        let signer = Signer::new(wiring::key(dir, CONTEXT_KEY)?);
        let (_, control_layer) = CONTROL_PLANE.layer(&signer.jwks(), &metrics);
        let (_, housing_layer) = HOUSING.layer(&signer.jwks(), &metrics);
        let control = services.control_plane.routes();
        let housing = resido_housing::routes(services.housing);

        let (mut upstreams, faults) = wiring::configured(&options.settings);
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault);
        }
        upstreams.push(CONTROL_PLANE.in_process(control.clone(), &control_layer));
        upstreams.push(HOUSING.in_process(housing.clone(), &housing_layer));
        let config = resido_gateway::Config {
            listen: options.listen,
            admin_listen: options.admin_listen,
            control_plane: None,
            ..options.settings.gateway.clone()
        };
        let gateway = Gateway::new(&config, upstreams, signer, metrics)?;

        let (front, back) = (parts.end_front.clone(), parts.end_back.clone());
        let following = token_keys::follow(
            dir.clone(),
            services.keys,
            services.control_plane.clone(),
            back.clone(),
        );
        parts.back.spawn(async {
            following.await;
            Ok(())
        });
        let background = services.control_plane.run(back.clone());
        parts.back.spawn(async {
            background.await;
            Ok(())
        });
        if let Some((control_port, housing_port)) = listeners.services {
            // The keys are there from the start.
            let door = |layer| Door {
                layer,
                ready: watch::channel(true).1,
            };
            let (name, door_of) = (CONTROL_PLANE.name, door(control_layer));
            parts
                .back
                .spawn(serve(control_port, name, control, door_of, back.clone()));
            let (name, door_of) = (HOUSING.name, door(housing_layer));
            parts
                .back
                .spawn(serve(housing_port, name, housing, door_of, back));
        }
        // It learns keys and tenants while it serves.
        let serving = gateway
            .clone()
            .serve(listeners.gateway, Some(listeners.admin), front);
        parts.front.spawn(async { Ok(serving.await?) });
        let ready = timeout(READY_LIMIT, gateway.until_ready());
        tokio::select! {
            ready = ready => ready.context("the gateway does not get ready")?,
            error = parts.failed() => return Err(error),
        }
        Ok(parts)
    }

    fn with(mut self, migrating: Option<Migrating>) -> Self {
        self.migrating = migrating;
        self
    }

    /// Waits until a part ends, which none should, and says why.
    pub(super) async fn failed(&mut self) -> Error {
        let ended = tokio::select! {
            Some(ended) = self.front.join_next() => ended,
            Some(ended) = self.back.join_next() => ended,
            else => return anyhow!("nothing runs"),
        };
        match flat(ended) {
            Err(error) => error.context("a part failed"),
            Ok(()) => anyhow!("a part ended by itself"),
        }
    }

    /// Ends everything in order; the first failure counts.
    pub(super) async fn stop(mut self) -> Result<()> {
        self.end_front.cancel();
        let migrating = self.migrating.take();
        let migrated = async {
            if let Some(migrating) = migrating {
                migrating.end().await;
            }
        };
        let (front, ()) = tokio::join!(all_ended(&mut self.front), migrated);
        self.end_back.cancel();
        let back = all_ended(&mut self.back).await;
        front.and(back)
    }
}

impl Drop for Parts {
    /// Tasks that were spawned by others than us hear of it, too.
    fn drop(&mut self) {
        self.end_front.cancel();
        self.end_back.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_front_ends_before_the_back() {
        let mut parts = Parts::default();
        let (front, back) = (parts.end_front.clone(), parts.end_back.clone());
        parts.front.spawn(async move {
            front.cancelled().await;
            anyhow::ensure!(!back.is_cancelled(), "the back ended first");
            Ok(())
        });
        parts.stop().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_does_not_end_is_ended() {
        let mut parts = Parts::default();
        parts.back.spawn(future::pending());
        assert!(
            parts
                .stop()
                .await
                .unwrap_err()
                .to_string()
                .contains("in time")
        );
    }

    #[tokio::test]
    async fn a_failing_part_is_told() {
        let mut parts = Parts::default();
        parts.front.spawn(future::pending());
        parts.back.spawn(async { Err(anyhow!("worn out")) });
        assert!(format!("{:#}", parts.failed().await).contains("worn out"));
    }
}
