//! Where a caller is: the peer of the connection, or whom a trusted proxy names.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use http::{HeaderMap, HeaderName};

/// *Source*: the de-facto header; each proxy appends the address of its peer.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Proxies one behind another, at most.
const MAX_HOPS: usize = 16;

/// Where the caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client(pub(crate) IpAddr);

/// Addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u32,
}

/// A text is no network.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidNetwork;

impl FromStr for Network {
    type Err = InvalidNetwork;

    /// Reads `10.0.0.0/8`, `fd00::/8` or one address.
    ///
    /// *Source*: RFC 4632, section 3.1; RFC 4291, section 2.3.
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let most = width(address);
        let bits = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().map_err(|_| InvalidNetwork)?
            }
            Some(_) => return Err(InvalidNetwork),
            None => most,
        };
        let network = Self { address, bits };
        // Bits beyond the prefix would mean nothing, and so be a slip.
        if bits <= most && number(address) & !network.mask() == 0 {
            Ok(network)
        } else {
            Err(InvalidNetwork)
        }
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        width(address) == width(self.address)
            && number(address) & self.mask() == number(self.address)
    }

    fn mask(self) -> u128 {
        let free = width(self.address) - self.bits;
        let all = u128::MAX >> (128 - width(self.address));
        all & u128::MAX.checked_shl(free).unwrap_or(0)
    }
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// Returns where the caller is: the nearest hop that is no trusted proxy. What
/// such a hop says of others further away is hearsay.
pub(crate) fn locate(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Client {
    let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
    let mut nearest = peer.to_canonical();
    let named = headers.get_all(FORWARDED_FOR).iter().rev();
    let named = named.flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
    for name in named.take(MAX_HOPS) {
        if !is_trusted(nearest) {
            break;
        }
        match address(name.trim()) {
            Some(address) => nearest = address.to_canonical(),
            None => break,
        }
    }
    Client(nearest)
}

/// Reads an address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let plain = bare.unwrap_or(text).parse().ok();
    plain.or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn networks_are_read_strictly() {
        for text in [
            "10.0.0.0/8",
            "0.0.0.0/0",
            "192.0.2.7",
            "::1",
            "fd00::/8",
            "::/0",
        ] {
            assert!(text.parse::<Network>().is_ok(), "{text}");
        }
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0/8",
            "fd00::/129",
            "fd00::1/8",
            "proxy",
            "10.0.0.0/8/8",
            " 10.0.0.0/8",
        ] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork), "{text}");
        }
    }

    #[test]
    fn a_network_has_what_begins_alike() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                inside,
                "{address}"
            );
        }
    }

    #[test]
    fn the_nearest_hop_that_is_not_trusted_is_the_caller() {
        let trusted: Vec<Network> = ["10.0.0.0/8", "fd00::/8"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        for (peer, named, expected) in [
            // Nobody is trusted by chance.
            ("192.0.2.1", &["203.0.113.5"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.5"], "203.0.113.5"),
            // What the caller wrote itself stands further left.
            ("10.0.0.1", &["6.6.6.6, 203.0.113.5"], "203.0.113.5"),
            (
                "10.0.0.1",
                &["6.6.6.6", "203.0.113.5, 10.0.0.2"],
                "203.0.113.5",
            ),
            ("10.0.0.1", &["203.0.113.5:4711"], "203.0.113.5"),
            ("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("::ffff:10.0.0.1", &["::ffff:203.0.113.5"], "203.0.113.5"),
            // Beyond what cannot be read, nobody is believed.
            ("10.0.0.1", &["203.0.113.5, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.5, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ] {
            let mut headers = HeaderMap::new();
            for value in named {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
            }
            let found = locate(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(found, Client(expected.parse().unwrap()), "{peer} {named:?}");
        }
    }
}
