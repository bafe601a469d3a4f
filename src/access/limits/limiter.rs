//! Counting against limits: in Redis, where all replicas count together, and in this process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::bucket::Limit;
use super::local::LocalWindows;
use crate::config::Fallback;
use crate::model::{Count, Quota};
use crate::store::kv::RateLimits;
use crate::store::kv::rate_limit::{Charge, Unheard};

/// Counts, and refuses what is too much.
///
/// Each process counts what it lets through, whatever Redis says: so it holds the limits by itself from
/// the moment that Redis is away, and nobody who writes to Redis gets more of one process than a limit.
/// What it lets through without Redis it tells it later, and until then it remembers what others had let
/// through: a hiccup of Redis does not multiply a limit by the replicas.
pub struct Limiter {
    shared: Option<RateLimits>,
    local: LocalWindows,
    fallback: Fallback,
    /// Whether Redis did not answer the last time.
    alone: AtomicBool,
}

/// Where a caller stands under one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which limit.
    pub policy: &'static str,
    /// How much there may be.
    pub quota: Quota,
    /// How much of that is left.
    pub left: u32,
    /// When there will be more again.
    pub reset: Duration,
}

/// More than a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The limit that is reached.
    pub standing: Standing,
    /// What it is a limit of.
    pub contents: &'static str,
    /// How long to wait.
    pub wait: Duration,
}

impl Limiter {
    /// A limiter that shares its windows by `shared`; without that this process counts alone.
    #[must_use]
    pub fn new(shared: Option<RateLimits>, fallback: Fallback, window: Duration) -> Self {
        // What is not shared at all is never away.
        let fallback = if shared.is_some() { fallback } else { Fallback::Local };
        Self { shared, local: LocalWindows::new(window), fallback, alone: AtomicBool::new(false) }
    }

    /// Counts `cost` under each of `limits`, or under none: where one is reached, nothing is charged to
    /// the others. Gives where the caller stands then; nothing where nobody counts.
    ///
    /// # Errors
    /// When a limit is reached.
    pub async fn take(&self, limits: &[Limit], cost: u32) -> Result<Vec<Standing>, Denied> {
        if let Some(denied) = limits.iter().find_map(|limit| self.remembered(limit)) {
            return Err(denied);
        }
        let local = self.take_local(limits, cost)?;
        let counts = match self.ask(limits, cost).await {
            None => return Ok(local),
            Some(Err(unheard)) => return self.take_alone(limits, cost, unheard),
            Some(Ok(counts)) => counts,
        };
        let refused = limits.iter().zip(&counts).find(|(_, count)| !count.taken);
        let Some(refused) = refused else {
            return Ok(limits.iter().zip(&counts).map(standing).collect());
        };
        self.refund_local(limits, cost);
        let taken = limits.iter().zip(&counts).filter(|(_, count)| count.taken);
        let taken: Vec<Limit> = taken.map(|(limit, _)| *limit).collect();
        self.refund_shared(&taken, cost).await;
        Err(denied(refused))
    }

    /// Counts `cost` less: it was taken and shall not count. Who was refused meanwhile may have been
    /// because of it.
    pub async fn refund(&self, limits: &[Limit], cost: u32) {
        self.refund_local(limits, cost);
        self.refund_shared(limits, cost).await;
        for limit in limits {
            self.local.reopen(limit);
        }
    }

    /// Whether `limit` is known here to be reached, without asking anyone.
    #[must_use]
    pub fn refuses(&self, limit: &Limit) -> Option<Denied> {
        self.remembered(limit).or_else(|| {
            let count = self.local.take(limit, 0);
            let full = self.fallback == Fallback::Local && limit.quota.left(count.used) == 0;
            full.then(|| denied((limit, &Count { wait: count.reset, ..count })))
        })
    }

    /// How much is left of each of `limits`, where that is known.
    pub async fn left(&self, limits: &[Limit]) -> Vec<Option<u32>> {
        if self.shared.is_none() {
            let left = |limit: &Limit| limit.quota.left(self.local.take(limit, 0).used);
            return limits.iter().map(|limit| Some(left(limit))).collect();
        }
        let Some(Ok(counts)) = self.ask(limits, 0).await else { return vec![None; limits.len()] };
        let left = |(limit, count): (&Limit, &Count)| Some(limit.quota.left(count.used));
        limits.iter().zip(&counts).map(left).collect()
    }

    fn remembered(&self, limit: &Limit) -> Option<Denied> {
        Some(denied((limit, &self.local.denial(limit)?)))
    }

    /// Counts in the windows of this process.
    fn take_local(&self, limits: &[Limit], cost: u32) -> Result<Vec<Standing>, Denied> {
        let mut standings = Vec::with_capacity(limits.len());
        if self.fallback == Fallback::Allow {
            return Ok(standings);
        }
        for (at, limit) in limits.iter().enumerate() {
            let count = self.local.take(limit, cost);
            if !count.taken {
                self.refund_local(&limits[..at], cost);
                return Err(denied((limit, &count)));
            }
            standings.push(standing((limit, &count)));
        }
        Ok(standings)
    }

    /// What was counted here stands without Redis, unless others have used the limit up as far as is
    /// known; Redis is told of it later, where it cannot know.
    fn take_alone(
        &self,
        limits: &[Limit],
        cost: u32,
        unheard: Unheard,
    ) -> Result<Vec<Standing>, Denied> {
        if self.fallback == Fallback::Allow {
            return Ok(Vec::new());
        }
        let counts: Vec<Count> = limits.iter().map(|limit| self.local.alone(limit)).collect();
        let refused = limits.iter().zip(&counts).find(|(_, count)| !count.taken);
        if let Some(refused) = refused {
            self.refund_local(limits, cost);
            return Err(denied(refused));
        }
        if unheard == Unheard::NotAsked {
            for limit in limits {
                self.local.owe(limit, cost.into());
            }
        }
        Ok(limits.iter().zip(&counts).map(standing).collect())
    }

    fn refund_local(&self, limits: &[Limit], cost: u32) {
        if self.fallback == Fallback::Local {
            for limit in limits {
                self.local.refund(limit, cost);
            }
        }
    }

    /// Tells Redis so, now or with the next charge.
    async fn refund_shared(&self, limits: &[Limit], cost: u32) {
        if self.shared.is_some() {
            for limit in limits {
                self.local.owe(limit, -i64::from(cost));
            }
            self.ask(limits, 0).await;
        }
    }

    /// What Redis counts when it was told what it is owed; `None` where there is none.
    async fn ask(&self, limits: &[Limit], cost: u32) -> Option<Result<Vec<Count>, Unheard>> {
        let shared = self.shared.as_ref().filter(|_| !limits.is_empty())?;
        let charge = |limit: &Limit| {
            let owed = self.local.owed(limit, cost);
            Charge { name: limit.bucket.name(), quota: limit.quota, cost, owed }
        };
        let charges: Vec<Charge> = limits.iter().map(charge).collect();
        let counts = shared.count(&charges).await;
        self.note(counts.is_err());
        match &counts {
            Ok(counts) if cost > 0 => {
                limits.iter().zip(counts).for_each(|(limit, count)| self.local.learn(limit, count));
            }
            Err(Unheard::NotAsked) => {
                let untold = limits.iter().zip(&charges).filter(|(_, charge)| charge.owed != 0);
                untold.for_each(|(limit, charge)| self.local.owe(limit, charge.owed));
            }
            Ok(_) | Err(Unheard::NoAnswer) => {}
        }
        Some(counts)
    }

    /// Says in the log when counting changes.
    fn note(&self, alone: bool) {
        if self.alone.swap(alone, Ordering::Relaxed) == alone {
            return;
        }
        match (alone, self.fallback) {
            (true, Fallback::Local) => {
                tracing::warn!("without Redis this replica holds the limits of calls by itself");
            }
            (true, Fallback::Allow) => {
                tracing::warn!("without Redis calls are not limited (RATE_LIMIT_FALLBACK=allow)");
            }
            (false, _) => tracing::info!("all replicas count calls together again"),
        }
    }
}

impl Denied {
    /// What its caller is told.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (contents, quota) = (self.contents, self.standing.quota);
        let (limit, window) = (quota.limit, seconds(quota.window));
        let wait = seconds(self.wait);
        format!("too many {contents}: at most {limit} in {window} s; try again in {wait} s")
    }
}

/// Whole seconds, rounded up.
#[must_use]
pub fn seconds(time: Duration) -> u64 {
    time.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

fn standing((limit, count): (&Limit, &Count)) -> Standing {
    let (quota, policy) = (limit.quota, limit.bucket.policy());
    Standing { policy, quota, left: quota.left(count.used), reset: count.reset }
}

fn denied((limit, count): (&Limit, &Count)) -> Denied {
    // What is left may be too little for a batch.
    let standing = Standing { reset: count.wait, ..standing((limit, count)) };
    Denied { standing, contents: limit.bucket.contents(), wait: count.wait }
}
