//! The control plane as one value: builds the rooms, runs what runs.

use std::sync::Arc;

use resido_migrations::Sets;
use resido_observability::Metrics;
use resido_proto::{
    identity::{Mode, Role, Subject, TenantClaims},
    ids::{TenantId, UserId},
    tenancy::v1 as proto,
};
use resido_tenancy::db::PublicDatabase;
use secrecy::SecretString;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;

use crate::{
    Config, Error,
    api_keys::{ApiKeys, Uses},
    attempts::Guard,
    audit::{self, AuditLog, Deed},
    auth::Auth,
    export::Exports,
    fleet::Fleet,
    grpc::{self, Rooms},
    impersonation::Impersonations,
    mail::{Post, Sender},
    operations::Operations,
    passwords::Hasher,
    roles::{Permissions, Roles},
    sessions::Lives,
    tenants::{Provisioner, Purger, Queue, Reconciled, Reconciler, Tenants},
    tokens::{Issuer, KeyRing},
    usage::Measures,
    users::{Seeds, Users},
    watch::{Feed, Watches},
};

/// The person that the first start creates.
pub const OPERATOR_EMAIL: &str = "operator@resido.local";

/// The tenant that holds a slug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Who is written to about the tenant.
    pub contact_email: String,
    /// The tenant and how it stands, as a context states it.
    pub claims: TenantClaims,
}

/// The control plane; clones share everything.
#[derive(Clone)]
pub struct ControlPlane {
    db: PublicDatabase,
    config: Arc<Config>,
    post: Post,
    tenants: Tenants,
    exports: Exports,
    fleet: Fleet,
    operations: Operations,
    reconciler: Reconciler,
    watches: Watches,
    feed: Feed,
    auth: Auth,
    issuer: Issuer,
    impersonations: Impersonations,
    users: Users,
    roles: Roles,
    permissions: Permissions,
    seeds: Seeds,
    uses: Uses,
    tracker: TaskTracker,
    closing: CancellationToken,
}

impl ControlPlane {
    /// Prepares the control plane; nothing runs before [`run`](Self::run).
    #[must_use]
    pub fn new(
        db: PublicDatabase,
        sets: Arc<Sets>,
        keys: impl Into<KeyRing>,
        config: Config,
        metrics: Metrics,
    ) -> Self {
        let (tracker, closing) = (TaskTracker::new(), CancellationToken::new());
        let ends = || (tracker.clone(), closing.clone());
        let hasher = Hasher::new(&config);
        let guard = Guard::new(db.clone(), hasher.clone(), &config.limits);
        let post = Post::default();
        let feed = Feed::new();
        let issuer = Issuer::new(keys.into(), &config);
        let queue = || Queue::new(db.clone(), &config, ends());
        let provisioner = Provisioner::new(queue(), Arc::clone(&sets));
        let purger = Purger::new(queue());
        let permissions = Permissions::stated();
        Self {
            exports: Exports::new(db.clone(), ends()),
            fleet: Fleet::new(db.clone(), Arc::clone(&sets), &config, ends()),
            tenants: Tenants::new(db.clone(), (provisioner.clone(), purger.clone()), sets),
            operations: Operations::new(db.clone()),
            reconciler: Reconciler::new(db.clone(), provisioner, purger, config.reconcile_every()),
            watches: Watches::new(
                db.clone(),
                feed.clone(),
                config.max_watches,
                metrics,
                ends(),
            ),
            auth: Auth::new(
                db.clone(),
                (guard.clone(), hasher.clone()),
                issuer.clone(),
                Lives::from(&config),
                post.clone(),
            ),
            impersonations: Impersonations::new(db.clone(), issuer.clone()),
            issuer,
            users: Users::new(db.clone(), hasher.clone(), guard, post.clone()),
            roles: Roles::new(db.clone(), permissions.clone()),
            permissions,
            seeds: Seeds::new(db.clone(), hasher),
            uses: Uses::default(),
            db,
            config: Arc::new(config),
            post,
            feed,
            tracker,
            closing,
        }
    }

    /// Returns all services, to be served behind a context layer.
    #[must_use]
    pub fn routes(&self) -> Routes {
        grpc::routes(Rooms {
            tenants: self.tenants.clone(),
            exports: self.exports.clone(),
            fleet: self.fleet.clone(),
            measures: Measures::new(self.db.clone()),
            operations: self.operations.clone(),
            watches: self.watches.clone(),
            auth: self.auth.clone(),
            issuer: self.issuer.clone(),
            users: self.users.clone(),
            api_keys: ApiKeys::new(self.db.clone(), self.uses.clone(), self.permissions.clone()),
            audit: AuditLog::new(self.db.clone()),
            impersonations: self.impersonations.clone(),
            roles: self.roles.clone(),
        })
    }

    /// Feeds the streams and takes up unfinished work until `shutdown`; then ends
    /// the streams, refuses new work, and returns when all work has ended.
    pub async fn run(self, shutdown: CancellationToken) {
        let uses = self.uses.run(self.db.clone(), self.closing.clone());
        self.tracker.spawn(uses);
        let sender = Sender::new(self.db.clone(), &self.config, self.post);
        let feed = self
            .feed
            .run(self.db, self.config.heartbeat(), self.closing.clone());
        self.tracker.spawn(feed);
        self.tracker.spawn(sender.run(self.closing.clone()));
        self.tracker
            .spawn(self.reconciler.run(self.closing.clone()));
        shutdown.cancelled().await;
        end(&self.tracker, &self.closing).await;
    }

    /// Ends the streams, refuses new work, and returns when all work has ended;
    /// for who does not [`run`](Self::run) it.
    pub async fn end(&self) {
        end(&self.tracker, &self.closing).await;
    }

    /// Goes on with other keys of access tokens: one signs from now on, and those
    /// that are left out verify no more.
    pub fn set_keys(&self, keys: KeyRing) {
        self.issuer.set_keys(keys);
    }

    /// Records what somebody did on the machine itself.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn record(&self, by: &Subject, deed: Deed) -> Result<(), Error> {
        let tx = self.db.begin(None).await?;
        let recorded = audit::record_deed(&tx, by, deed).await;
        tx.finish(recorded).await
    }

    /// Takes up unfinished work once, begins what is due, looks for what should
    /// not be, and waits for the work it took up. What fails is counted.
    ///
    /// # Errors
    /// If a task breaks off.
    pub async fn reconcile_once(&self) -> Result<Reconciled, Error> {
        self.reconciler.once().await
    }

    /// Creates the platform's administrator, [`OPERATOR_EMAIL`], or gives it this
    /// password.
    ///
    /// # Errors
    /// If the password has not 12 to 256 characters, or the database fails.
    pub async fn ensure_operator(&self, password: &SecretString) -> Result<(), Error> {
        self.seeds.operator(OPERATOR_EMAIL, password).await
    }

    /// Creates an active tenant, or returns the one that has this slug; for
    /// seeding a demonstration.
    ///
    /// # Errors
    /// If a value breaks a rule, or the database fails.
    pub async fn create_tenant_direct(
        &self,
        slug: &str,
        display_name: &str,
        contact_email: &str,
    ) -> Result<TenantId, Error> {
        let tenant = proto::Tenant {
            slug: slug.to_owned(),
            display_name: display_name.to_owned(),
            contact_email: contact_email.to_owned(),
            ..proto::Tenant::default()
        };
        self.tenants.seed(tenant).await
    }

    /// Returns the tenant that holds a slug at present; for seeding a
    /// demonstration.
    ///
    /// # Errors
    /// If it is no slug, or the database fails.
    pub async fn holder(&self, slug: &str) -> Result<Option<Holder>, Error> {
        let found = self.tenants.holder(slug).await?;
        Ok(found.map(|tenant| Holder {
            contact_email: tenant.contact_email,
            claims: TenantClaims {
                tid: tenant.id,
                epoch: tenant.epoch,
                plan: tenant.plan,
                // This version has one database for all.
                place: "main".to_owned(),
                sv: tenant.schema_version,
                mode: if tenant.read_only {
                    Mode::ReadOnly
                } else {
                    Mode::ReadWrite
                },
            },
        }))
    }

    /// Makes a person an active member of a tenant; changes nothing where it is a
    /// member already, and keeps the password of an existing account. For seeding
    /// a demonstration.
    ///
    /// # Errors
    /// If a value breaks a rule, the tenant does not exist, or the database fails.
    pub async fn seed_member(
        &self,
        tenant: TenantId,
        email: &str,
        password: &SecretString,
        roles: &[Role],
    ) -> Result<UserId, Error> {
        self.seeds.member(tenant, email, password, roles).await
    }

    /// Returns the slugs in use, in order, a thousand at most.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn tenant_slugs(&self) -> Result<Vec<String>, Error> {
        self.tenants.slugs().await
    }
}

async fn end(tracker: &TaskTracker, closing: &CancellationToken) {
    closing.cancel();
    tracker.close();
    tracker.wait().await;
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
