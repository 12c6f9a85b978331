//! What can be set, section by section.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{DatabaseSettings, MigrationSettings};

/// The configuration file, read. Each section has a default for every field.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The gateway.
    pub gateway: resido_gateway::Config,
    /// Tenants, people and credentials.
    pub control_plane: resido_control_plane::Config,
    /// Connections to the database.
    pub database: DatabaseSettings,
    /// Log lines and traces.
    pub observability: resido_observability::Config,
    /// Migrations at start.
    pub migrations: MigrationSettings,
    /// Folder that relative paths in the file start from.
    #[serde(skip)]
    pub base_dir: PathBuf,
}

impl Settings {
    /// Returns every value that is out of its range, led by the path of its key.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let under = |section: &str, faults: Vec<String>| {
            faults
                .into_iter()
                .map(|fault| format!("{section}.{fault}"))
                .collect::<Vec<_>>()
        };
        let mut faults = under("gateway", self.gateway.faults());
        faults.extend(under("control_plane", self.control_plane.faults()));
        faults.extend(under("database", self.database.faults()));
        faults.extend(under("migrations", self.migrations.faults()));
        if !(0.0..=1.0).contains(&self.observability.sample_ratio) {
            faults.push("observability.sample_ratio must be from 0 to 1".to_owned());
        }
        faults
    }

    /// Returns a path of the file as seen from the current folder.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.base_dir.join(path)
    }
}
