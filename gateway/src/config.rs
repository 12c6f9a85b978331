//! Settings of the gateway.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use http::{HeaderValue, Uri};
use resido_proto::{
    deadline::parse_http,
    identity::{ACCESS_AUDIENCE, ACCESS_ISSUER},
};
use resido_transcode::{HttpRule, JsonOptions};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{auth::SharedSecret, client::Network};

/// Networks of trusted proxies at most.
const MAX_TRUSTED: usize = 100;

/// The section `[gateway]` of the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address of the port that callers use; default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Address of the admin port, for operators alone; default
    /// `127.0.0.1:9901`.
    pub admin_listen: SocketAddr,
    /// URL of the control plane where it runs apart. Without one there are no
    /// tenants, and only anonymous methods can be served.
    pub control_plane: Option<String>,
    /// `iss` of the access tokens that are accepted; default `resido`.
    pub issuer: String,
    /// Any of these must be `aud` of an access token; default `resido`.
    pub audiences: Vec<String>,
    /// Origins of web pages that may call, such as `https://app.example`; `*`
    /// admits all. Default none.
    pub allowed_origins: Vec<String>,
    /// Domains whose first label is a tenant's slug, such as `example.com` for
    /// `acme.example.com`. Default none.
    pub base_domains: Vec<String>,
    /// Networks of proxies, such as `10.0.0.0/8`, whose `x-forwarded-for` is
    /// believed; 100 at most. Default none.
    pub trusted_proxies: Vec<String>,
    /// Whether reflection, health, `/openapi.json` and `/docs` are served;
    /// default true.
    pub describe: bool,
    /// The secret of `JWT_SECRET`, 32 bytes at least, by which tokens are
    /// accepted as well. It is in no file. Default none.
    #[serde(skip)]
    pub shared_secret: Option<SharedSecret>,
    /// Bounds of what a caller may ask.
    pub limits: Limits,
    /// Services behind the gateway, besides the built-in ones.
    pub upstreams: Vec<UpstreamConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 9901)),
            control_plane: None,
            issuer: ACCESS_ISSUER.to_owned(),
            audiences: vec![ACCESS_AUDIENCE.to_owned()],
            allowed_origins: Vec::new(),
            base_domains: Vec::new(),
            trusted_proxies: Vec::new(),
            describe: true,
            shared_secret: None,
            limits: Limits::default(),
            upstreams: Vec::new(),
        }
    }
}

impl Config {
    /// Returns what is wrong with the values, a sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.limits.faults();
        let mut require = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        require(
            !self.issuer.is_empty(),
            "issuer: must not be empty".to_owned(),
        );
        require(
            !self.audiences.is_empty(),
            "audiences: one is needed".to_owned(),
        );
        for origin in self.allowed_origins.iter().filter(|origin| *origin != "*") {
            let fault =
                format!("allowed_origins: `{origin}` is no origin such as https://app.example");
            require(parse_origin(origin).is_some(), fault);
        }
        for domain in &self.base_domains {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            let fine = !domain.is_empty() && domain.bytes().all(letter) && !domain.starts_with('.');
            require(
                fine,
                format!("base_domains: `{domain}` is no domain such as example.com"),
            );
        }
        for network in &self.trusted_proxies {
            let fault = format!("trusted_proxies: `{network}` is no network such as 10.0.0.0/8");
            require(network.parse::<Network>().is_ok(), fault);
        }
        require(
            self.trusted_proxies.len() <= MAX_TRUSTED,
            format!("trusted_proxies: there are more than {MAX_TRUSTED}"),
        );
        let secret = self.shared_secret.as_ref();
        require(
            secret.is_none_or(SharedSecret::is_long_enough),
            "shared_secret: JWT_SECRET must have at least 32 bytes".to_owned(),
        );
        for upstream in &self.upstreams {
            let name = &upstream.name;
            let fine = !name.is_empty() && name != "gateway";
            require(
                fine,
                format!("upstreams: `{name}` cannot be the name of a service"),
            );
        }
        faults
    }

    /// Returns the networks of trusted proxies.
    pub(crate) fn trusted(&self) -> Vec<Network> {
        let networks = self.trusted_proxies.iter();
        networks
            .filter_map(|network| network.parse().ok())
            .collect()
    }
}

/// Reads an origin, such as `https://app.example`.
///
/// *Source*: RFC 6454, section 6.2.
pub(crate) fn parse_origin(origin: &str) -> Option<HeaderValue> {
    let uri: Uri = origin.parse().ok()?;
    let plain = uri.scheme().is_some() && uri.authority().is_some() && !origin.ends_with('/');
    HeaderValue::from_str(origin).ok().filter(|_| plain)
}

/// The section `[gateway.limits]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open connections at most; default 10,000.
    pub connections: usize,
    /// Calls under way at most, streams included; default 10,000.
    pub requests: usize,
    /// Streams of one HTTP/2 connection at most; default 128.
    pub streams_per_connection: u32,
    /// Bytes of one message to a service at most, and of a REST request's body or
    /// of one message where the body is a stream of them; default 4 MiB, which is
    /// also what services take that do not say.
    pub body_bytes: usize,
    /// Bytes of one message that a service returns to a REST caller at most;
    /// default 64 MiB.
    pub reply_bytes: usize,
    /// Seconds until a request's header must have come; default 10.
    pub header_seconds: u64,
    /// Seconds a REST caller may pause within its body; default 30.
    pub body_idle_seconds: u64,
    /// Seconds a unary call may take where its method does not say; default 15.
    pub unary_seconds: u64,
    /// Seconds that a stream of a method that needs no credential may last, such
    /// as a watch of health; default 300.
    pub anonymous_stream_seconds: u64,
    /// Streams of methods that need no credential at once, at most; default
    /// 1,000.
    pub anonymous_streams: usize,
    /// Seconds that calls under way may take when the gateway stops; default
    /// 10.
    pub drain_seconds: u64,
}

/// How long calls may take whose methods do not say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// A call of one message each way.
    pub(crate) unary: Duration,
    /// A stream of a method that needs no credential.
    pub(crate) anonymous_stream: Duration,
}

impl Limits {
    fn faults(&self) -> Vec<String> {
        const DAY: u64 = 24 * 60 * 60;
        const GIB: u64 = 1 << 30;
        let whole = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        let ranges = [
            ("connections", whole(self.connections), 1, 1 << 20),
            ("requests", whole(self.requests), 1, 1 << 20),
            (
                "streams_per_connection",
                self.streams_per_connection.into(),
                1,
                1 << 16,
            ),
            ("body_bytes", whole(self.body_bytes), 1, GIB),
            ("reply_bytes", whole(self.reply_bytes), 1, GIB),
            ("header_seconds", self.header_seconds, 1, DAY),
            ("body_idle_seconds", self.body_idle_seconds, 1, DAY),
            ("unary_seconds", self.unary_seconds, 1, DAY),
            (
                "anonymous_stream_seconds",
                self.anonymous_stream_seconds,
                1,
                DAY,
            ),
            (
                "anonymous_streams",
                whole(self.anonymous_streams),
                1,
                1 << 20,
            ),
            ("drain_seconds", self.drain_seconds, 0, DAY),
        ];
        let wrong = ranges
            .iter()
            .filter(|(_, value, least, most)| !(least..=most).contains(&value));
        wrong
            .map(|(name, value, least, most)| {
                format!("limits.{name}: {value} is not from {least} to {most}")
            })
            .collect()
    }

    pub(crate) fn header_timeout(&self) -> Duration {
        Duration::from_secs(self.header_seconds)
    }

    pub(crate) fn body_idle(&self) -> Duration {
        Duration::from_secs(self.body_idle_seconds)
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            unary: Duration::from_secs(self.unary_seconds),
            anonymous_stream: Duration::from_secs(self.anonymous_stream_seconds),
        }
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            requests: 10_000,
            streams_per_connection: 128,
            body_bytes: 4 << 20,
            reply_bytes: 64 << 20,
            header_seconds: 10,
            body_idle_seconds: 30,
            unary_seconds: 15,
            anonymous_stream_seconds: 300,
            anonymous_streams: 1000,
            drain_seconds: 10,
        }
    }
}

/// An entry `[[gateway.upstreams]]`: a service behind the gateway.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// The service's name, to which contexts are addressed.
    pub name: String,
    /// Where it answers, such as `http://127.0.0.1:50052`; calls are spread over
    /// several.
    pub endpoints: Vec<String>,
    /// File with its encoded `FileDescriptorSet`, from the folder of the
    /// configuration file; may be left out for the built-in services.
    #[serde(default)]
    pub descriptor_set: Option<PathBuf>,
    /// Full names of the services that are served; all of the set's when left
    /// out.
    #[serde(default)]
    pub services: Option<Vec<String>>,
    /// Who may call methods that carry no policy of ours; default `deny`.
    #[serde(default)]
    pub default_access: Access,
    /// How its messages look as JSON.
    #[serde(default)]
    pub json: JsonOptions,
    /// Policies for protos that cannot carry our options; later entries win.
    #[serde(default)]
    pub methods: Vec<MethodConfig>,
    /// HTTP bindings for protos without annotations.
    #[serde(default)]
    pub http_rules: Vec<HttpRule>,
}

/// An entry `[[gateway.upstreams.methods]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodConfig {
    /// `package.Service.Method`, or `package.Service.*`.
    pub selector: String,
    /// Who may call.
    pub access: Access,
    /// Any of these roles is needed; none: any caller that `access` admits.
    #[serde(default)]
    pub roles: Vec<String>,
    /// How long a call may take, such as `5s` or `250ms`.
    #[serde(default, deserialize_with = "time")]
    pub timeout: Option<Duration>,
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || D::Error::custom("expected a time such as `5s` or `250ms`");
    parse_http(&text).map(Some).ok_or_else(wrong)
}

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Nobody.
    #[default]
    Deny,
    /// Anybody.
    Anonymous,
    /// Whoever has a valid credential.
    Authenticated,
    /// Members of one verified tenant.
    Tenant,
    /// Platform staff.
    Platform,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n3_every_fault_is_found_at_once() {
        assert_eq!(Config::default().faults(), Vec::<String>::new());
        let limits = Limits {
            requests: 0,
            header_seconds: u64::MAX,
            ..Limits::default()
        };
        let wrong = Config {
            issuer: String::new(),
            audiences: Vec::new(),
            allowed_origins: vec!["*".into(), "https://a.example/".into(), "app".into()],
            base_domains: vec!["example.com".into(), "https://x".into()],
            trusted_proxies: vec!["10.0.0.0/8".into(), "10.0.0.1/8".into()],
            shared_secret: Some(SharedSecret::new("too short")),
            limits,
            ..Config::default()
        };
        assert_eq!(wrong.faults().len(), 9, "{:?}", wrong.faults());
    }
}
