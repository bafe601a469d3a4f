//! What is counted apart from the rest.

use std::net::{IpAddr, Ipv6Addr};

use crate::model::{KeyId, Quota};

/// Something whose calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// The calls of a key.
    Key(KeyId),
    /// The calls from an address.
    Address(Place),
    /// The sessions that a key opens.
    Initialize(KeyId),
    /// The wrong keys from an address.
    WrongKeys(Place),
}

/// An IPv4 address or an IPv6 /64: one subscriber has a whole one (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place(IpAddr);

/// A bucket and how much may go into it.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is counted.
    pub bucket: Bucket,
    /// How much there may be.
    pub quota: Quota,
}

impl Place {
    /// Where `address` belongs.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl Bucket {
    /// What clients know its limit by.
    #[must_use]
    pub fn policy(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Address(_) => "address",
            Self::Initialize(_) => "initialize",
            Self::WrongKeys(_) => "wrong-keys",
        }
    }

    /// What is counted in it, as its callers are told.
    #[must_use]
    pub fn contents(&self) -> &'static str {
        match self {
            Self::Key(_) => "calls with this API key",
            Self::Address(_) => "calls from your address",
            Self::Initialize(_) => "sessions opened with this API key",
            Self::WrongKeys(_) => "wrong API keys from your address",
        }
    }

    /// Whether what is charged to it is often given back a moment later.
    pub(super) fn is_provisional(&self) -> bool {
        matches!(self, Self::WrongKeys(_))
    }

    /// What all replicas know it by.
    pub(super) fn name(&self) -> String {
        let policy = self.policy();
        match self {
            Self::Key(key) | Self::Initialize(key) => format!("{policy}:{key}"),
            Self::Address(Place(address)) | Self::WrongKeys(Place(address)) => {
                format!("{policy}:{address}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_64_is_one_place_and_a_mapped_address_is_the_address() {
        let place = |text: &str| Place::of(text.parse().unwrap());
        assert_eq!(place("2001:db8::1"), place("2001:db8::ffff:1"));
        assert_ne!(place("2001:db8::1"), place("2001:db8:0:1::1"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
        assert_ne!(place("192.0.2.1"), place("192.0.2.2"));
    }
}
