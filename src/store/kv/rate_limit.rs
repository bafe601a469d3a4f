//! Windows in Redis, in which all replicas count together.
//!
//! One key each, so that a cluster may keep them apart; Redis's own clock, so that replicas need not
//! agree on one.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisResult, Script, ServerErrorKind, pipe};

use super::Redis;
use crate::model::quota::SLOTS;
use crate::model::{Count, Quota};

/// What the script gives: taken, used, reset, wait.
type Answer = (u8, u64, u64, u64);

/// The windows in Redis.
#[derive(Clone)]
pub struct RateLimits {
    redis: Arc<Redis>,
    script: Arc<Script>,
}

/// Why it is not known what Redis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// It was not asked, because it has been silent.
    NotAsked,
    /// It did not answer in time, and has counted if it was only slow.
    NoAnswer,
}

/// Something to be counted.
pub struct Charge {
    /// The name of its window.
    pub name: String,
    /// How much there may be.
    pub quota: Quota,
    /// How much is asked for.
    pub cost: u32,
    /// How much was let through without Redis, less what is given back: it counts in any case.
    pub owed: i64,
}

impl RateLimits {
    /// The windows in `redis`.
    #[must_use]
    pub fn new(redis: Arc<Redis>) -> Self {
        Self { redis, script: Arc::new(Script::new(include_str!("rate_limit.lua"))) }
    }

    /// Counts each of `charges` where it is within its quota, all in one flush.
    ///
    /// # Errors
    /// When Redis is down or slow.
    pub async fn count(&self, charges: &[Charge]) -> Result<Vec<Count>, Unheard> {
        if self.redis.is_left_alone() {
            return Err(Unheard::NotAsked);
        }
        let answers = self.redis.converse(async |connection| {
            match self.flush(connection, charges, pipe()).await {
                // Redis was started anew, or told to forget.
                Err(error) if error.kind() == ServerErrorKind::NoScript.into() => {
                    let mut load = pipe();
                    load.cmd("SCRIPT").arg("LOAD").arg(include_str!("rate_limit.lua")).ignore();
                    self.flush(connection, charges, load).await
                }
                answers => answers,
            }
        });
        let answers = answers.await.ok_or(Unheard::NoAnswer)?;
        Ok(answers.into_iter().map(count).collect())
    }

    async fn flush(
        &self,
        connection: &mut MultiplexedConnection,
        charges: &[Charge],
        mut pipeline: Pipeline,
    ) -> RedisResult<Vec<Answer>> {
        for Charge { name, quota, cost, owed } in charges {
            let slot = u64::try_from(quota.slot().as_micros()).unwrap_or(u64::MAX);
            let command = pipeline.cmd("EVALSHA").arg(self.script.get_hash()).arg(1);
            command.arg(self.redis.name("limit", name)).arg(slot).arg(SLOTS);
            command.arg(quota.limit).arg(*cost).arg(*owed);
        }
        pipeline.query_async(connection).await
    }
}

fn count((taken, used, reset, wait): Answer) -> Count {
    let used = u32::try_from(used).unwrap_or(u32::MAX);
    let [reset, wait] = [reset, wait].map(Duration::from_millis);
    Count { taken: taken == 1, used, reset, wait }
}
