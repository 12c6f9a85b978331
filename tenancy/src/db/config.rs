//! Settings of a pool.

use std::{fmt, str::FromStr as _, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};

use super::Error;

/// How to reach a database, and the bounds of what is asked of it.
#[derive(Debug, Clone)]
pub struct Config {
    /// `postgresql://…` URL, with the login's password.
    pub url: SecretString,
    /// Connections at most; default 32.
    pub max_connections: u32,
    /// Wait for a connection at most; default 2 s.
    pub acquire_timeout: Duration,
    /// Time of one statement at most; default 15 s.
    pub statement_timeout: Duration,
    /// Wait for a lock at most; default 2 s.
    pub lock_timeout: Duration,
    /// Time a transaction may stand idle; default 30 s.
    pub idle_timeout: Duration,
    /// Age at which a connection is replaced, ± 10 %; default 15 min.
    pub max_lifetime: Duration,
    /// Distinct tenants after which a connection is replaced, which bounds what
    /// its server process remembers of their tables; default 300.
    pub max_tenants_per_connection: usize,
    /// Connections one tenant may hold at once; default a quarter of all, and at
    /// least two.
    pub connections_per_tenant: Option<u32>,
    /// Which versions of a tenant's schema are served; default all.
    pub schema_versions: SchemaVersions,
}

/// The versions of a schema that a program can serve.
///
/// A schema that is newer than the program is served as long as nothing was taken
/// away since: the schema itself says what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaVersions {
    /// The least, which has all that the program uses.
    pub least: i64,
    /// The last that the program knows of.
    pub known: i64,
}

impl SchemaVersions {
    /// Every version.
    pub const ALL: Self = Self {
        least: 0,
        known: i64::MAX,
    };

    /// Whether a schema of `version` is served, which needs a program that knows
    /// `needs`.
    pub(super) fn serve(self, version: i64, needs: i64) -> bool {
        version >= self.least && needs <= self.known
    }
}

impl fmt::Display for SchemaVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.least, self.known)
    }
}

impl Config {
    /// Uses a URL with the defaults.
    #[must_use]
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            max_connections: 32,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(15),
            lock_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(30),
            max_lifetime: Duration::from_secs(15 * 60),
            max_tenants_per_connection: 300,
            connections_per_tenant: None,
            schema_versions: SchemaVersions::ALL,
        }
    }

    /// Returns how many connections one tenant may hold at once.
    pub(super) fn tenant_share(&self) -> usize {
        let share = self
            .connections_per_tenant
            .unwrap_or_else(|| (self.max_connections / 4).max(2));
        usize::try_from(share.min(self.max_connections).max(1)).unwrap_or(usize::MAX)
    }

    /// Reads the URL and sets what every connection has in common.
    pub(super) fn parse(&self, application: &str) -> Result<tokio_postgres::Config, Error> {
        let mut config =
            tokio_postgres::Config::from_str(self.url.expose_secret()).map_err(|source| {
                Error::Url {
                    source: Some(source),
                }
            })?;
        if config.get_dbname().is_none() {
            return Err(Error::Url { source: None });
        }
        config
            .application_name(application)
            .connect_timeout(self.acquire_timeout)
            .tcp_user_timeout(Duration::from_secs(30))
            .keepalives_idle(Duration::from_secs(30));
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_share_is_a_quarter_and_never_more_than_all() {
        let share = |max, own| {
            let config = Config {
                max_connections: max,
                connections_per_tenant: own,
                ..Config::new("postgresql://h/d")
            };
            config.tenant_share()
        };
        assert_eq!(share(32, None), 8);
        assert_eq!(share(4, None), 2);
        assert_eq!(share(1, None), 1);
        assert_eq!(share(8, Some(20)), 8);
    }

    #[test]
    fn a_schema_is_served_from_what_is_used_to_what_was_taken_away() {
        let served = SchemaVersions { least: 3, known: 5 };
        for (version, needs, serves) in [
            (2, 0, false),
            (3, 0, true),
            (5, 5, true),
            (9, 5, true),
            (9, 6, false),
        ] {
            assert_eq!(served.serve(version, needs), serves, "{version}, {needs}");
        }
        assert!(SchemaVersions::ALL.serve(0, i64::MAX));
    }

    #[test]
    fn a_url_must_name_a_database_and_its_password_stays_hidden() {
        assert!(Config::new("postgresql://host/db").parse("x").is_ok());
        assert!(Config::new("postgresql://host").parse("x").is_err());
        let config = Config::new("postgresql://u:hunter2@host/db");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
