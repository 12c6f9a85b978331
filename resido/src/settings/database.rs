//! The section `[database]`.

use std::time::Duration;

use resido_migrations::Sets;
use resido_tenancy::db::{self, SchemaVersions};
use secrecy::SecretString;
use serde::Deserialize;

/// Bounds of the connections to the database. URLs hold passwords and are given
/// by flags or the environment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// Connections of the control plane at most, 2 to 1000; default 16.
    pub control_connections: u32,
    /// Connections of a service at most, 1 to 1000; default 32.
    pub app_connections: u32,
    /// Connections that one tenant may hold of a service's, 1 to 1000; a quarter
    /// of them, and at least two, where it is left out.
    pub connections_per_tenant: Option<u32>,
    /// Seconds to wait for a connection at most, 1 to 60; default 2.
    pub acquire_seconds: u64,
    /// Seconds that a statement may take, 1 to 3600; default 15.
    pub statement_seconds: u64,
    /// Seconds to wait for a lock at most, 1 to 60; default 2.
    pub lock_seconds: u64,
    /// Seconds that a transaction may stand idle, 1 to 3600; default 30.
    pub idle_seconds: u64,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            control_connections: 16,
            app_connections: 32,
            connections_per_tenant: None,
            acquire_seconds: 2,
            statement_seconds: 15,
            lock_seconds: 2,
            idle_seconds: 30,
        }
    }
}

impl DatabaseSettings {
    /// Returns the pool of the control plane's login.
    #[must_use]
    pub fn control(&self, url: SecretString) -> db::Config {
        db::Config {
            max_connections: self.control_connections,
            ..self.pool(url)
        }
    }

    /// Returns the pool of the services' login.
    #[must_use]
    pub fn app(&self, url: SecretString) -> db::Config {
        db::Config {
            max_connections: self.app_connections,
            connections_per_tenant: self.connections_per_tenant,
            ..self.pool(url)
        }
    }

    /// As [`app`](Self::app), for a service that needs the schema's version to be
    /// at least `least` and goes with these files.
    pub(crate) fn service(&self, url: SecretString, least: i64, sets: &Sets) -> db::Config {
        let known = sets.tenant.latest();
        db::Config {
            schema_versions: SchemaVersions { least, known },
            ..self.app(url)
        }
    }

    fn pool(&self, url: SecretString) -> db::Config {
        db::Config {
            acquire_timeout: Duration::from_secs(self.acquire_seconds),
            statement_timeout: Duration::from_secs(self.statement_seconds),
            lock_timeout: Duration::from_secs(self.lock_seconds),
            idle_timeout: Duration::from_secs(self.idle_seconds),
            ..db::Config::new(url)
        }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut within = |name: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                faults.push(format!("{name} must be from {least} to {most}"));
            }
        };
        within(
            "control_connections",
            self.control_connections.into(),
            2,
            1000,
        );
        within("app_connections", self.app_connections.into(), 1, 1000);
        within(
            "connections_per_tenant",
            self.connections_per_tenant.unwrap_or(1).into(),
            1,
            1000,
        );
        within("acquire_seconds", self.acquire_seconds, 1, 60);
        within("statement_seconds", self.statement_seconds, 1, 3600);
        within("lock_seconds", self.lock_seconds, 1, 60);
        within("idle_seconds", self.idle_seconds, 1, 3600);
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_out_of_range_is_named() {
        assert_eq!(DatabaseSettings::default().faults(), Vec::<String>::new());
        let wrong = DatabaseSettings {
            control_connections: 1,
            app_connections: 0,
            connections_per_tenant: Some(0),
            acquire_seconds: 61,
            statement_seconds: 0,
            lock_seconds: 0,
            idle_seconds: 3601,
        };
        assert_eq!(wrong.faults().len(), 7);
    }

    #[test]
    fn each_login_has_its_own_bounds() {
        let settings = DatabaseSettings {
            statement_seconds: 7,
            ..DatabaseSettings::default()
        };
        let url = || SecretString::from("postgresql://h/d");
        let (control, app) = (settings.control(url()), settings.app(url()));
        assert_eq!((control.max_connections, app.max_connections), (16, 32));
        assert_eq!(app.statement_timeout, Duration::from_secs(7));
    }
}
