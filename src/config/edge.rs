//! What stands before the server, and which web pages may call it.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Variables;
use crate::model::TrustedProxies;

/// Proxies and origins.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// `TRUSTED_PROXIES`: the proxies' networks (CIDR, with commas), or without it
    /// `TRUST_PROXY_HOPS` (1; 0 for `dev`): how many proxies stand before the server. Too few make
    /// all clients one address; too many let a client choose its own.
    pub trusted_proxies: TrustedProxies,
    /// `ALLOWED_ORIGINS`: web origins (`https://app.example.org`, with commas) whose pages may call
    /// the server. None by default: no client but a browser sends an `Origin`.
    pub allowed_origins: Vec<String>,
}

impl EdgeConfig {
    pub(super) fn read(variables: &mut Variables) -> Self {
        let hops = variables.number("TRUST_PROXY_HOPS", 1, 0..=16);
        let networks = list(variables.text("TRUSTED_PROXIES"));
        let mut parsed: Vec<IpNet> = Vec::new();
        for network in &networks {
            let single = || network.parse::<IpAddr>().map(IpNet::from);
            match network.parse::<IpNet>().ok().or_else(|| single().ok()) {
                Some(network) => parsed.push(network),
                None => variables.problem(format!(
                    "TRUSTED_PROXIES: `{network}` is not a network such as 10.0.0.0/8"
                )),
            }
        }
        let allowed_origins = list(variables.text("ALLOWED_ORIGINS"));
        for origin in allowed_origins.iter().filter(|origin| !is_origin(origin)) {
            variables.problem(format!(
                "ALLOWED_ORIGINS: `{origin}` is not an origin such as https://app.example.org"
            ));
        }
        let trusted_proxies = if networks.is_empty() {
            TrustedProxies::Hops(usize::try_from(hops).unwrap_or(0))
        } else {
            TrustedProxies::Networks(parsed)
        };
        Self { trusted_proxies, allowed_origins }
    }
}

fn list(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(str::to_owned).collect()
}

/// Scheme, host and perhaps a port (RFC 6454 §6.2), in lower case, without a path.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty() && !host.contains(['/', '*', '@', ' ']) && text == text.to_lowercase()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<EdgeConfig, usize> {
        let mut variables = Variables::of(pairs.iter().copied());
        let config = EdgeConfig::read(&mut variables);
        variables.finish().map(|()| config).map_err(|error| error.0.len())
    }

    #[test]
    fn proxies_are_counted_or_named() {
        assert_eq!(read(&[]).unwrap().trusted_proxies, TrustedProxies::Hops(1));
        let named = read(&[("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7")]).unwrap();
        let TrustedProxies::Networks(networks) = named.trusted_proxies else { panic!() };
        assert_eq!(networks.len(), 2);
        assert_eq!(read(&[("TRUSTED_PROXIES", "traefik,10.0.0.0/99")]).unwrap_err(), 2);
    }

    #[test]
    fn origins_have_no_path_and_no_pattern() {
        assert!(read(&[("ALLOWED_ORIGINS", "https://a.test, http://localhost:5173")]).is_ok());
        for wrong in ["*", "https://*.a.test", "https://a.test/", "a.test", "https://A.test"] {
            assert_eq!(read(&[("ALLOWED_ORIGINS", wrong)]).unwrap_err(), 1, "{wrong}");
        }
    }
}
