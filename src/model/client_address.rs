//! Where a request comes from, seen through proxies. Pure.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Which proxies stand before the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedProxies {
    /// This many, one behind the other, whatever their addresses. 0: none.
    Hops(usize),
    /// Those with these addresses.
    Networks(Vec<IpNet>),
}

/// The address of the client: the nearest one that is not a trusted proxy.
///
/// `forwarded` are the values of `X-Forwarded-For` or, without it, of `Forwarded` (RFC 7239), in
/// order: each proxy appends the address it was reached from. What stands left of the first
/// untrusted address was written by that client and is not read.
#[must_use]
pub fn client_address(peer: IpAddr, forwarded: &[&str], trusted: &TrustedProxies) -> IpAddr {
    let listed: Vec<&str> = forwarded.iter().flat_map(|value| value.split(',')).collect();
    // Nearest first.
    let mut nearest = peer.to_canonical();
    for (hop, entry) in listed.iter().rev().enumerate() {
        let is_proxy = match trusted {
            TrustedProxies::Hops(hops) => hop < *hops,
            TrustedProxies::Networks(networks) => {
                networks.iter().any(|network| network.contains(&nearest))
            }
        };
        if !is_proxy {
            break;
        }
        match address(entry) {
            Some(further) => nearest = further,
            // A proxy that hides its client (`unknown`, `_obfuscated`) stands for it.
            None => break,
        }
    }
    nearest
}

/// The address in one entry: bare, with a port, in brackets, or as `for=…` among other pairs.
fn address(entry: &str) -> Option<IpAddr> {
    let pairs = entry.split(';').map(str::trim);
    let named = pairs.clone().find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    let text = named.or_else(|| pairs.clone().next())?.trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse::<IpAddr>().ok();
    let parsed = parsed.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    parsed.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(forwarded: &[&str], trusted: &TrustedProxies) -> String {
        client_address("10.0.0.1".parse().unwrap(), forwarded, trusted).to_string()
    }

    #[test]
    fn a_counted_proxy_is_looked_through_and_a_spoofed_entry_is_not_read() {
        let one = TrustedProxies::Hops(1);
        assert_eq!(of(&["198.51.100.7"], &one), "198.51.100.7");
        assert_eq!(of(&["6.6.6.6, 198.51.100.7"], &one), "198.51.100.7");
        assert_eq!(of(&["6.6.6.6", "198.51.100.7"], &one), "198.51.100.7");
        assert_eq!(of(&[], &one), "10.0.0.1");
        assert_eq!(of(&["198.51.100.7, 10.0.0.9"], &TrustedProxies::Hops(2)), "198.51.100.7");
        assert_eq!(of(&["6.6.6.6"], &TrustedProxies::Hops(0)), "10.0.0.1");
    }

    #[test]
    fn only_proxies_of_the_networks_are_looked_through() {
        let inside = TrustedProxies::Networks(vec!["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(of(&["6.6.6.6, 198.51.100.7, 10.1.1.1"], &inside), "198.51.100.7");
        let elsewhere = TrustedProxies::Networks(vec!["192.168.0.0/16".parse().unwrap()]);
        assert_eq!(of(&["6.6.6.6"], &elsewhere), "10.0.0.1");
    }

    #[test]
    fn every_form_of_an_address_is_read() {
        let one = TrustedProxies::Hops(1);
        for (entry, expected) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("for=198.51.100.7;proto=https", "198.51.100.7"),
            ("proto=https; For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=unknown", "10.0.0.1"),
            ("nonsense", "10.0.0.1"),
        ] {
            assert_eq!(of(&[entry], &one), expected, "{entry}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(entry in "\\PC{0,40}", hops in 0_usize..4) {
            let _address = of(&[&entry], &TrustedProxies::Hops(hops));
        }
    }
}
