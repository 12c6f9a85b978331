//! Settings of the control plane.

use std::time::Duration;

use argon2::Params;
use resido_proto::identity::ACCESS_ISSUER;
use serde::Deserialize;

use crate::{attempts::Limits, faults::Faults, mail::MailConfig};

/// The name under which the gateway addresses contexts to this service.
pub const NAME: &str = "control-plane";

/// Longest life of an access token, in seconds. What a token allows is looked at when
/// it is made, so it must not live for long.
pub const MAX_TOKEN_SECONDS: u32 = 15 * 60;

/// Seconds of a day.
const DAY: u32 = 24 * 60 * 60;

/// What can be set of the control plane; every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `iss` of access tokens; default `resido`.
    pub issuer: String,
    /// Where callers reach the gateway, `http://` or `https://` without a slash at
    /// the end: links in mails and in the `OpenID` Connect document begin with it;
    /// default `http://127.0.0.1:8080`.
    pub public_url: String,
    /// Life of an access token, in seconds, 60 to 900, which is the default.
    pub access_token_seconds: u32,
    /// Password hashes computed at once, 0 to 1024; default 0, which means as many
    /// as there are cores. Each takes 19 MiB of memory.
    pub max_hashes: u16,
    /// Calls that wait for a password hash at most, 0 to 65535; default 64.
    /// Further ones are refused.
    pub max_waiting_hashes: u16,
    /// Memory of a password hash in KiB, 8192 to 1,048,576; default 19,456. Hashes that
    /// are weaker are made anew when their people log in.
    pub password_memory_kib: u32,
    /// Passes of a password hash over its memory, 1 to 16; default 2.
    pub password_passes: u32,
    /// Lanes of a password hash, 1 to 16; default 1.
    pub password_lanes: u32,
    /// Life of a refresh token, in seconds, 60 to 7,776,000 (90 days); default
    /// 2,592,000 (30 days).
    pub refresh_token_seconds: u32,
    /// Time after which a person has to log in again, however often the refresh token
    /// was renewed, in seconds, 60 to 31,536,000 (a year); default 7,776,000 (90
    /// days).
    pub login_seconds: u32,
    /// How mails are sent.
    pub mail: MailConfig,
    /// How much may be tried and asked for.
    pub limits: Limits,
    /// Tenants provisioned at once, 1 to 1024; default 4.
    pub max_provisioning: u16,
    /// Tenants that wait to be provisioned at most, 0 to 65535; default 64.
    /// Further ones are refused.
    pub max_waiting_provisioning: u16,
    /// Streams of changes open at once, 1 to 65535; default 256.
    pub max_watches: u16,
    /// Time between signs of life on a stream of changes, in seconds, 1 to 60;
    /// default 10.
    pub heartbeat_seconds: u16,
    /// Time between looks for work that was left unfinished, in seconds, 1 to
    /// 3600; default 30.
    pub reconcile_seconds: u16,
    /// Time after which the making of a tenant is taken up by another where its
    /// process died, in seconds, 2 to 3600; default 120. A process that lives
    /// renews its claim three times as often.
    pub lease_seconds: u16,
    /// Where the process is made to die, for tests; nowhere by default, and
    /// nothing that a file can set.
    #[serde(skip)]
    pub faults: Faults,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            issuer: ACCESS_ISSUER.to_owned(),
            public_url: "http://127.0.0.1:8080".to_owned(),
            access_token_seconds: 900,
            max_hashes: 0,
            max_waiting_hashes: 64,
            password_memory_kib: Params::DEFAULT_M_COST,
            password_passes: Params::DEFAULT_T_COST,
            password_lanes: Params::DEFAULT_P_COST,
            refresh_token_seconds: 30 * DAY,
            login_seconds: 90 * DAY,
            mail: MailConfig::default(),
            limits: Limits::default(),
            max_provisioning: 4,
            max_waiting_provisioning: 64,
            max_watches: 256,
            heartbeat_seconds: 10,
            reconcile_seconds: 30,
            lease_seconds: 120,
            faults: Faults::default(),
        }
    }
}

impl Config {
    /// Returns every setting that is out of its range, with what is wrong.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut within = |name: &str, value: u32, least: u32, most: u32| {
            if !(least..=most).contains(&value) {
                faults.push(format!("{name} must be from {least} to {most}"));
            }
        };
        let life = self.access_token_seconds;
        within("access_token_seconds", life, 60, MAX_TOKEN_SECONDS);
        within("max_hashes", self.max_hashes.into(), 0, 1024);
        within(
            "password_memory_kib",
            self.password_memory_kib,
            8192,
            1 << 20,
        );
        within("password_passes", self.password_passes, 1, 16);
        within("password_lanes", self.password_lanes, 1, 16);
        let refresh = self.refresh_token_seconds;
        within("refresh_token_seconds", refresh, 60, 90 * DAY);
        within("login_seconds", self.login_seconds, 60, 365 * DAY);
        within("max_provisioning", self.max_provisioning.into(), 1, 1024);
        within("max_watches", self.max_watches.into(), 1, u16::MAX.into());
        within("heartbeat_seconds", self.heartbeat_seconds.into(), 1, 60);
        within("reconcile_seconds", self.reconcile_seconds.into(), 1, 3600);
        within("lease_seconds", self.lease_seconds.into(), 2, 3600);
        for (name, limit) in self.limits.all() {
            within(&format!("limits.{name}"), limit, 1, 100_000);
        }
        if self.issuer.is_empty() {
            faults.push("issuer must not be empty".to_owned());
        }
        if !is_base(&self.public_url) {
            let fault = "public_url must be `http://` or `https://`, a host, and at most a path \
                         without a slash at the end";
            faults.push(fault.to_owned());
        }
        let mail = self.mail.faults().into_iter();
        faults.extend(mail.map(|fault| format!("mail.{fault}")));
        faults
    }

    /// Returns how many password hashes run at once.
    pub(crate) fn hashes_at_once(&self) -> u16 {
        if self.max_hashes > 0 {
            return self.max_hashes;
        }
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        u16::try_from(cores).unwrap_or(1024).min(1024)
    }

    /// Returns the costs of new password hashes; the default ones where those set are
    /// out of range.
    pub(crate) fn password_params(&self) -> Params {
        let (memory, passes) = (self.password_memory_kib, self.password_passes);
        Params::new(memory, passes, self.password_lanes, None).unwrap_or_default()
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.heartbeat_seconds.max(1).into())
    }

    pub(crate) fn reconcile_every(&self) -> Duration {
        Duration::from_secs(self.reconcile_seconds.max(1).into())
    }

    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.max(2).into())
    }
}

/// Whether paths can be put behind a URL.
fn is_base(url: &str) -> bool {
    let Ok(parsed) = url.parse::<http::Uri>() else {
        return false;
    };
    let web = matches!(parsed.scheme_str(), Some("http" | "https"));
    let named = parsed
        .authority()
        .is_some_and(|host| !host.host().is_empty() && !host.as_str().contains('@'));
    web && named && parsed.query().is_none() && !url.contains('#') && !url.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_ranges() {
        assert_eq!(Config::default().faults(), Vec::<String>::new());
        assert_eq!(Config::default().heartbeat(), Duration::from_secs(10));
    }

    #[test]
    fn every_setting_out_of_range_is_named() {
        let config = Config {
            issuer: String::new(),
            public_url: "resido.example".to_owned(),
            access_token_seconds: 901,
            max_hashes: 1025,
            password_memory_kib: 1,
            password_passes: 0,
            password_lanes: 17,
            refresh_token_seconds: 59,
            login_seconds: u32::MAX,
            mail: MailConfig {
                from: String::new(),
                ..MailConfig::default()
            },
            limits: Limits {
                mails_to_recipient: 0,
                failures_of_account: 100_001,
                ..Limits::default()
            },
            max_provisioning: 0,
            max_watches: 0,
            heartbeat_seconds: 0,
            reconcile_seconds: 0,
            lease_seconds: 1,
            ..Config::default()
        };
        assert_eq!(config.faults().len(), 17, "{:?}", config.faults());
    }

    #[test]
    fn links_begin_with_the_public_url() {
        for url in [
            "https://api.example",
            "http://[::1]:8080",
            "https://example.com/resido",
        ] {
            assert!(is_base(url), "{url}");
        }
        for url in [
            "",
            "api.example",
            "ftp://api.example",
            "https://",
            "https://api.example/",
            "https://api.example?x=1",
            "https://api.example#x",
            "https://a@api.example",
            "https://api.example\n",
        ] {
            assert!(!is_base(url), "{url}");
        }
    }

    #[test]
    fn hashes_follow_the_cores_unless_a_number_is_set() {
        assert!((1..=1024).contains(&Config::default().hashes_at_once()));
        let config = Config {
            max_hashes: 3,
            ..Config::default()
        };
        assert_eq!(config.hashes_at_once(), 3);
    }

    #[test]
    fn unknown_settings_are_refused() {
        let read = |json: &str| serde_json::from_str::<Config>(json);
        assert_eq!(read("{}").unwrap(), Config::default());
        assert!(read(r#"{"max_hashs": 1}"#).is_err());
    }
}
