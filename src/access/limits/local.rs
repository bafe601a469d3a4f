//! What this process counts and remembers of limits, without asking anyone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::bucket::{Bucket, Limit};
use super::window::Window;
use crate::model::Count;

/// Buckets that are known at most. Of more, those that are used least are forgotten.
const MAX_KNOWN: u64 = 100_000;

/// The windows of this process, and what it knows of those that all share.
pub(super) struct LocalWindows {
    known: Cache<Bucket, Arc<Mutex<Known>>>,
    started: Instant,
}

#[derive(Default)]
struct Known {
    /// What this process lets through.
    window: Window,
    /// What others did, as Redis said last.
    others: Option<Said>,
    /// That a limit is reached, as Redis said.
    denial: Option<Denial>,
    /// What Redis has not been told yet: what was let through without it, less what was given back.
    owed: i64,
    /// By then what is given back of it has left the window.
    owed_until: Duration,
}

#[derive(Clone, Copy)]
struct Said {
    count: u32,
    /// By then all of it has left the window.
    until: Duration,
}

#[derive(Clone, Copy)]
struct Denial {
    /// Under another limit it means nothing.
    limit: u32,
    used: u32,
    /// When there will be more again, …
    reset: Duration,
    /// … and how long that is believed.
    until: Duration,
}

impl LocalWindows {
    /// Nothing is known yet of windows of this length.
    pub(super) fn new(window: Duration) -> Self {
        let known = Cache::builder().max_capacity(MAX_KNOWN).time_to_idle(window * 2);
        Self { known: known.build(), started: Instant::now() }
    }

    /// Counts `cost` in the window of this process; 0 only looks.
    pub(super) fn take(&self, limit: &Limit, cost: u32) -> Count {
        let now = self.now();
        lock(&self.known(limit)).window.take(limit.quota, cost, now)
    }

    /// Counts it less.
    pub(super) fn refund(&self, limit: &Limit, cost: u32) {
        lock(&self.known(limit)).window.refund(cost);
    }

    /// What is remembered of a limit that is reached.
    pub(super) fn denial(&self, limit: &Limit) -> Option<Count> {
        let known = self.known.get(&limit.bucket)?;
        let denial = lock(&known).denial.filter(|denial| denial.limit == limit.quota.limit)?;
        let now = self.now();
        let wait = (denial.until > now).then(|| denial.reset.saturating_sub(now))?;
        Some(Count { taken: false, used: denial.used, reset: wait, wait })
    }

    /// Forgets that a limit is reached: less is counted than when that was learned.
    pub(super) fn reopen(&self, limit: &Limit) {
        if let Some(known) = self.known.get(&limit.bucket) {
            lock(&known).denial = None;
        }
    }

    /// Remembers what Redis counts. What may be given back in a moment, here or by other replicas, is
    /// no reason to refuse anything for longer than that.
    pub(super) fn learn(&self, limit: &Limit, there: &Count) {
        let now = self.now();
        let known = self.known(limit);
        let mut known = lock(&known);
        let own = known.window.take(limit.quota, 0, now).used;
        let count = there.used.saturating_sub(own);
        known.others = Some(Said { count, until: now + limit.quota.window });
        if !there.taken && limit.quota.left(there.used) == 0 {
            let longest =
                if limit.bucket.is_provisional() { limit.quota.slot() } else { there.reset };
            let (reset, until) = (now + there.reset, now + longest.min(there.reset));
            known.denial =
                Some(Denial { limit: limit.quota.limit, used: there.used, reset, until });
        }
    }

    /// What Redis has to be told beside the present `cost`, which is counted here; it counts as told then.
    pub(super) fn owed(&self, limit: &Limit, cost: u32) -> i64 {
        let now = self.now();
        let Some(known) = self.known.get(&limit.bucket) else { return 0 };
        let mut known = lock(&known);
        // What has left the window is of no account any more.
        let own = known.window.take(limit.quota, 0, now).used.saturating_sub(cost);
        let owed = std::mem::take(&mut known.owed).min(own.into());
        if owed < 0 && known.owed_until <= now { 0 } else { owed }
    }

    /// Notes that Redis was not told of so much.
    pub(super) fn owe(&self, limit: &Limit, untold: i64) {
        let now = self.now();
        let known = self.known(limit);
        let mut known = lock(&known);
        if known.owed >= 0 {
            known.owed_until = now + limit.quota.window;
        }
        known.owed = known.owed.saturating_add(untold);
    }

    /// What the window of this process and the last word of Redis come to: what was taken here counts
    /// only where that leaves room for it.
    pub(super) fn alone(&self, limit: &Limit) -> Count {
        let now = self.now();
        let known = self.known(limit);
        let mut known = lock(&known);
        let own = known.window.take(limit.quota, 0, now);
        let others = known.others.filter(|others| others.until > now);
        let used = own.used.saturating_add(others.map_or(0, |others| others.count));
        let taken = used <= limit.quota.limit;
        Count { taken, used, wait: if taken { Duration::ZERO } else { own.reset }, ..own }
    }

    fn known(&self, limit: &Limit) -> Arc<Mutex<Known>> {
        self.known.get_with(limit.bucket, Arc::default)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
