//! How many calls are answered.

use std::str::FromStr;

use super::Variables;

/// The highest limit of an address.
const MAX_PER_ADDRESS: u64 = 10_000_000;

/// `RATE_LIMIT_FALLBACK` (local): what happens to calls while Redis is configured and away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Each replica holds every limit for itself: of three, together at most three times as much is
    /// let through. So it is too where somebody deletes from Redis what is counted there.
    Local,
    /// Nothing is limited, but for wrong keys. Whoever can write to Redis can lift limits, since
    /// replicas count there alone.
    Allow,
}

impl FromStr for Fallback {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "local" => Ok(Self::Local),
            "allow" => Ok(Self::Allow),
            _ => Err("use local or allow"),
        }
    }
}

/// Limits of calls, beside each key's own.
#[derive(Clone, Copy, Debug)]
pub struct LimitsConfig {
    /// `RATE_LIMIT_PER_IP` (1200; 0 for `dev`): calls a minute from one address, or one IPv6 /64, all
    /// keys together; 0 for any number. Too low stops an office behind one address; behind a proxy
    /// that is not trusted (see `TRUST_PROXY_HOPS`) everyone has one address.
    pub per_address: Option<u32>,
    /// `RATE_LIMIT_INITIALIZE` (30): sessions that one key opens a minute. Too low stops teams that
    /// share a key; each session is a row.
    pub initialize: u32,
    /// `RATE_LIMIT_FALLBACK` (local).
    pub fallback: Fallback,
}

impl LimitsConfig {
    pub(super) fn read(variables: &mut Variables) -> Self {
        let per_address = variables.number("RATE_LIMIT_PER_IP", 1200, 0..=MAX_PER_ADDRESS);
        let initialize = variables.number("RATE_LIMIT_INITIALIZE", 30, 1..=100_000);
        let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
        Self {
            per_address: Some(number(per_address)).filter(|limit| *limit > 0),
            initialize: number(initialize),
            fallback: variables.parsed("RATE_LIMIT_FALLBACK", Fallback::Local),
        }
    }
}
