//! Migration files of a test's own, and runs of them.

use std::{collections::BTreeMap, fs, path::Path, sync::Mutex};

use resido_migrations::{Came, Error, Event, Request, Run, Runner, Sets};
use resido_proto::ids::TenantId;
use resido_tenancy::db::PublicDatabase;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Migration files of a test's own: the built-in ones, and others after them.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        for set in ["public", "tenant"] {
            fs::create_dir(files.0.path().join(set)).unwrap();
            for entry in fs::read_dir(built_in.join(set)).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                files.write(set, &name, &fs::read_to_string(entry.path()).unwrap());
            }
        }
        files
    }

    pub(crate) fn write(&self, set: &str, name: &str, sql: &str) {
        fs::write(self.0.path().join(set).join(name), sql).unwrap();
    }

    /// Adds a file behind the last one and returns its number.
    pub(crate) fn add(&self, set: &str, sql: &str) -> i64 {
        let sets = self.sets();
        let last = if set == "public" {
            sets.public
        } else {
            sets.tenant
        }
        .latest();
        self.write(set, &format!("{:04}_added.sql", last + 1), sql);
        last + 1
    }

    pub(crate) fn sets(&self) -> Sets {
        self.read().unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn read(&self) -> Result<Sets, Error> {
        Sets::from_dir(self.0.path())
    }
}

/// What came of tenants.
pub(crate) type Fates = BTreeMap<TenantId, Came>;

/// Makes a run, if anything is missing, and returns what came of tenants.
pub(crate) async fn migrate(db: &PublicDatabase, sets: &Sets) -> Fates {
    run(db, sets, &Request::of("test")).await.unwrap().0
}

/// Makes a run and returns what came of tenants and of it.
pub(crate) async fn run(
    db: &PublicDatabase,
    sets: &Sets,
    request: &Request,
) -> Result<(Fates, Option<Run>), Error> {
    let came = Mutex::new(Fates::new());
    let runner = Runner::new(db.clone(), sets.clone().into());
    let tell = |event: Event| {
        if let Event::Tenant(fate) = event {
            came.lock().unwrap().insert(fate.tenant, fate);
        }
    };
    let run = runner
        .run(request, &CancellationToken::new(), &tell)
        .await?;
    Ok((came.into_inner().unwrap(), run))
}
