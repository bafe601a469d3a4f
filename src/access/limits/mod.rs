//! How many calls are answered.
//!
//! [`window`] is the arithmetic, pure; [`bucket`] says what is counted together. The [`Limiter`] counts
//! in Redis and in this process; a [`Meter`] is one call's view of it, handed on with its request:
//! [`Limits`] makes one for each caller.

pub mod bucket;
pub mod limiter;
mod local;
mod meter;
pub mod window;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::LimitsConfig;
use crate::model::{KeyId, Quota};
use crate::store::kv::RateLimits;
use crate::store::pg::keys::KeyRecord;

use bucket::{Bucket, Limit, Place};

pub use limiter::{Denied, Limiter, Standing, seconds};
pub use meter::{Meter, Reading};

/// How long the windows are in which calls are counted.
pub const MINUTE: Duration = Duration::from_mins(1);

/// The limits of calls.
#[derive(Clone)]
pub struct Limits {
    limiter: Arc<Limiter>,
    config: LimitsConfig,
    minute: Duration,
}

impl Limits {
    /// The limits of `config` for each `minute`, counted together with all that have `shared`.
    #[must_use]
    pub fn new(config: LimitsConfig, minute: Duration, shared: Option<RateLimits>) -> Self {
        let limiter = Limiter::new(shared, config.fallback, minute);
        Self { limiter: Arc::new(limiter), config, minute }
    }

    /// The meter of a call with `key` from `address`.
    #[must_use]
    pub fn of_key(&self, key: &KeyRecord, address: IpAddr) -> Meter {
        let limits = [Some(self.key(key.id, key.rate_limit)), self.address(address)];
        let initialize = self.limit(Bucket::Initialize(key.id), self.config.initialize);
        let limits = limits.into_iter().flatten().collect();
        Meter::new(self.limiter.clone(), limits, Some(initialize))
    }

    /// The meter of a call of the operator, whose token has no limit of its own.
    #[must_use]
    pub fn of_platform(&self, address: IpAddr) -> Meter {
        let limits = self.address(address).into_iter().collect();
        Meter::new(self.limiter.clone(), limits, None)
    }

    /// How many calls each of these keys with their limits has left, where that is known.
    pub async fn left(&self, keys: &[(KeyId, i32)]) -> Vec<Option<u32>> {
        let limits: Vec<Limit> = keys.iter().map(|(key, limit)| self.key(*key, *limit)).collect();
        self.limiter.left(&limits).await
    }

    fn key(&self, key: KeyId, rate_limit: i32) -> Limit {
        // The database has none below 1.
        self.limit(Bucket::Key(key), rate_limit.unsigned_abs())
    }

    fn address(&self, address: IpAddr) -> Option<Limit> {
        let most = self.config.per_address?;
        Some(self.limit(Bucket::Address(Place::of(address)), most))
    }

    fn limit(&self, bucket: Bucket, limit: u32) -> Limit {
        Limit { bucket, quota: Quota { limit, window: self.minute } }
    }
}
