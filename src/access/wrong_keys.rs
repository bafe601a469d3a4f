//! Wrong keys, counted per address and stopped before the database is touched.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;

/// Wrong keys that one address may present in a burst, and again each minute.
pub const PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).expect("30 is not 0");
/// Addresses that are remembered as refused.
const MAX_REFUSED: u64 = 100_000;
/// Counted addresses after which those of no account are forgotten.
const MAX_COUNTED: usize = 100_000;
/// The longest refusal: the time in which a whole burst is earned again.
const MAX_REFUSAL: Duration = Duration::from_mins(1);

/// Counts wrong keys per IPv4 address and per IPv6 /64.
pub struct WrongKeys {
    counts: DefaultKeyedRateLimiter<IpAddr>,
    refused: Cache<IpAddr, Instant>,
    clock: DefaultClock,
}

impl Default for WrongKeys {
    fn default() -> Self {
        let quota = Quota::per_minute(PER_MINUTE);
        Self {
            counts: RateLimiter::keyed(quota),
            refused: Cache::builder().max_capacity(MAX_REFUSED).time_to_live(MAX_REFUSAL).build(),
            clock: DefaultClock::default(),
        }
    }
}

impl WrongKeys {
    /// How long this address must wait before another key of it is looked up, if it must.
    #[must_use]
    pub fn wait(&self, address: IpAddr) -> Option<Duration> {
        let until = self.refused.get(&group(address))?;
        until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }

    /// Counts a wrong key of this address.
    pub fn count(&self, address: IpAddr) {
        let address = group(address);
        if self.counts.len() > MAX_COUNTED {
            self.counts.retain_recent();
        }
        if let Err(denied) = self.counts.check_key(&address) {
            let wait = denied.wait_time_from(self.clock.now());
            self.refused.insert(address, Instant::now() + wait);
        }
    }
}

/// One IPv6 subscriber has a whole /64 (RFC 6177), so that it counts as one.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_stopped_and_others_are_not() {
        let wrong = WrongKeys::default();
        let [mallory, neighbour, alice] =
            ["2001:db8::1", "2001:db8::ffff", "192.0.2.1"].map(|text| text.parse().unwrap());
        for _ in 0..PER_MINUTE.get() {
            wrong.count(mallory);
            assert_eq!(wrong.wait(mallory), None);
        }
        wrong.count(neighbour);
        assert!(wrong.wait(mallory).is_some_and(|wait| wait <= Duration::from_secs(3)));
        assert!(wrong.wait(neighbour).is_some(), "one /64 is one address");
        assert_eq!(wrong.wait(alice), None);
    }
}
