//! Wrong keys, counted per address and stopped before the database is touched.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limiter;
use super::limits::bucket::{Bucket, Limit, Place};
use crate::config::Fallback;
use crate::model::Quota;
use crate::store::kv::RateLimits;

/// Keys of one address, or IPv6 /64, that are looked up a minute and found wrong.
pub const PER_MINUTE: u32 = 30;
/// Look-ups of one address at once: each is charged before it is known to be good.
const AT_ONCE: usize = 8;
/// The longest wait for a look-up.
const PATIENCE: Duration = Duration::from_secs(3);
/// Addresses whose look-ups are kept apart; of more, those that are used least get new turns.
const MAX_PLACES: u64 = 100_000;

/// Counts wrong keys per IPv4 address and per IPv6 /64.
pub struct WrongKeys {
    limiter: Limiter,
    window: Duration,
    turns: Cache<Place, Arc<Semaphore>>,
}

/// Why a key is not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The address must wait so long.
    TooManyWrong(Duration),
    /// Others of the address are looked up all the time.
    Busy,
}

/// A look-up that has been charged.
pub struct LookUp {
    limit: Limit,
    _turn: OwnedSemaphorePermit,
}

impl WrongKeys {
    /// Counts in windows of this length, together with all that have `shared`. While Redis is away,
    /// every process counts by itself, whatever is configured.
    #[must_use]
    pub fn new(shared: Option<RateLimits>, window: Duration) -> Self {
        let turns = Cache::builder().max_capacity(MAX_PLACES).time_to_idle(window);
        let limiter = Limiter::new(shared, Fallback::Local, window);
        Self { limiter, window, turns: turns.build() }
    }

    /// How long this address must wait before another key of it is looked up, if that is known here.
    #[must_use]
    pub fn wait(&self, address: IpAddr) -> Option<Duration> {
        self.limiter.refuses(&self.limit(Place::of(address))).map(|denied| denied.wait)
    }

    /// Charges the look-up of a key from this address.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn begin(&self, address: IpAddr) -> Result<LookUp, Refusal> {
        let place = Place::of(address);
        let turns = self.turns.get_with(place, || Arc::new(Semaphore::new(AT_ONCE)));
        let turn = tokio::time::timeout(PATIENCE, turns.acquire_owned()).await;
        // It is never closed.
        let Ok(Ok(turn)) = turn else { return Err(Refusal::Busy) };
        let limit = self.limit(place);
        let taken = self.limiter.take(&[limit], 1).await;
        taken.map_err(|denied| Refusal::TooManyWrong(denied.wait))?;
        Ok(LookUp { limit, _turn: turn })
    }

    /// Takes the charge of `look_up` back: its key was good, or nobody can tell.
    pub async fn refund(&self, look_up: LookUp) {
        self.limiter.refund(&[look_up.limit], 1).await;
    }

    /// Counts a wrong key of this address that was looked up without a charge.
    pub async fn count(&self, address: IpAddr) {
        // What is over the limit already needs no more.
        let _over = self.limiter.take(&[self.limit(Place::of(address))], 1).await;
    }

    fn limit(&self, place: Place) -> Limit {
        let quota = Quota { limit: PER_MINUTE, window: self.window };
        Limit { bucket: Bucket::WrongKeys(place), quota }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_stopped_and_others_are_not() {
        let wrong = WrongKeys::new(None, Duration::from_mins(1));
        let [mallory, neighbour, alice] =
            ["2001:db8::1", "2001:db8::ffff", "192.0.2.1"].map(|text| text.parse().unwrap());
        for _ in 0..PER_MINUTE {
            assert_eq!(wrong.wait(mallory), None);
            let good = wrong.begin(neighbour).await.ok().unwrap();
            wrong.refund(good).await;
            drop(wrong.begin(mallory).await.ok().unwrap());
        }
        let refused = wrong.begin(mallory).await.err();
        let long = |wait| wait > Duration::from_secs(55);
        assert!(matches!(refused, Some(Refusal::TooManyWrong(wait)) if long(wait)));
        assert!(wrong.wait(neighbour).is_some(), "one /64 is one address");
        assert_eq!(wrong.wait(alice), None);
        assert!(wrong.begin(alice).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn look_ups_of_one_address_take_turns() {
        let wrong = WrongKeys::new(None, Duration::from_mins(1));
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let mut running = Vec::new();
        for _ in 0..AT_ONCE {
            running.push(wrong.begin(one).await.ok().unwrap());
        }
        assert_eq!(wrong.begin(one).await.err(), Some(Refusal::Busy));
        assert!(wrong.begin(other).await.is_ok());
        running.pop();
        assert!(wrong.begin(one).await.is_ok());
    }
}
