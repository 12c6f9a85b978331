//! The section `[migrations]`.

use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;
use resido_migrations::Pace;
use resido_tenancy::tenant::Selector;
use serde::Deserialize;

/// Which migrations there are and when they run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MigrationSettings {
    /// Which run at start; default `all`.
    pub run: RunMigrations,
    /// Tenants migrated at once, 1 to 64; twice the number of cores, and at most
    /// 8, where it is left out.
    pub concurrency: Option<u16>,
    /// Milliseconds that one tenant may take, 1 to 86,400,000; default 300,000.
    pub tenant_milliseconds: u64,
    /// Whether each migrated tenant is logged; default false.
    pub log: bool,
    /// Folder with `public` and `tenant` migrations in place of the built-in
    /// ones, from the folder of the configuration file. Default none.
    pub dir: Option<PathBuf>,
    /// The tenants that are migrated; all if none is named. Given by flags or by
    /// the environment, not by the file.
    #[serde(skip)]
    pub tenants: Vec<Selector>,
}

/// Which migrations run at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RunMigrations {
    /// None.
    #[value(alias = "false")]
    Off,
    /// Those of the control plane's own tables.
    Public,
    /// Those and every tenant's.
    #[default]
    #[value(alias = "true")]
    All,
    /// None, but refuse to start while something is behind.
    Require,
}

impl Default for MigrationSettings {
    fn default() -> Self {
        Self {
            run: RunMigrations::All,
            concurrency: None,
            tenant_milliseconds: 300_000,
            log: false,
            dir: None,
            tenants: Vec::new(),
        }
    }
}

impl MigrationSettings {
    /// Returns how fast tenants are migrated.
    #[must_use]
    pub fn pace(&self) -> Pace {
        let default = Pace::default();
        Pace {
            concurrency: self.concurrency.unwrap_or(default.concurrency),
            timeout: Duration::from_millis(self.tenant_milliseconds),
            ..default
        }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self
            .concurrency
            .is_some_and(|tenants| !(1..=64).contains(&tenants))
        {
            faults.push("concurrency must be from 1 to 64".to_owned());
        }
        if !(1..=86_400_000).contains(&self.tenant_milliseconds) {
            faults.push("tenant_milliseconds must be from 1 to 86400000".to_owned());
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_out_of_range_is_named() {
        let wrong = MigrationSettings {
            concurrency: Some(0),
            tenant_milliseconds: 0,
            ..MigrationSettings::default()
        };
        assert_eq!(wrong.faults().len(), 2);
        assert!(MigrationSettings::default().faults().is_empty());
        let fine = MigrationSettings {
            concurrency: Some(3),
            ..MigrationSettings::default()
        };
        assert_eq!(fine.pace().concurrency, 3);
    }
}
