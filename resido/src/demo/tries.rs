//! Lines for a shell with which to try the demo.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::json;

use super::data::{DemoTenant, PASSWORD, TENANTS};

/// Something to try.
#[derive(Debug)]
pub(crate) struct Try {
    /// What it shows.
    pub(crate) what: String,
    /// The line.
    pub(crate) line: String,
}

/// Returns what to try at a gateway's URL: a tenant's own data, and that another
/// tenant's are not there.
pub(crate) fn tries(gateway: &str) -> [Try; 2] {
    let [first, second] = &TENANTS;
    [
        Try {
            what: format!("the properties of {}", first.slug),
            line: get(&format!("{gateway}/v1/properties"), gateway, first),
        },
        Try {
            what: format!(
                "a property of {}, asked for by {}: 404",
                first.slug, second.slug
            ),
            line: get(
                &format!("{gateway}/v1/{}", first.first_property()),
                gateway,
                second,
            ),
        },
    ]
}

/// Returns a line that gets a URL as the owner of a tenant.
fn get(url: &str, gateway: &str, tenant: &DemoTenant) -> String {
    let login = json!({"email": tenant.contact(), "password": PASSWORD});
    let token = format!(
        "curl -s {gateway}/v1/auth:login -H 'content-type: application/json' -d '{login}' \
         | sed 's/.*\"accessToken\": *\"\\([^\"]*\\)\".*/\\1/'"
    );
    format!("curl -s {url} -H \"authorization: Bearer $({token})\"")
}

/// Returns an address to connect to for one that may stand for all.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_is_one_line_that_a_shell_reads() {
        for Try { line, .. } in tries("http://127.0.0.1:8080") {
            assert_eq!(line.lines().count(), 1);
            let check = std::process::Command::new("sh")
                .args(["-n", "-c", &line])
                .status()
                .unwrap();
            assert!(check.success(), "{line}");
        }
    }

    #[test]
    fn an_address_for_all_is_reached_on_the_loopback() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reached("[::]:80"), "[::1]:80");
        assert_eq!(reached("10.0.0.1:80"), "10.0.0.1:80");
    }
}
