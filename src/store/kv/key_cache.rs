//! Good keys in Redis, shared by all replicas.
//!
//! An entry is sealed under `SERVER_SECRET` together with the key's hash and its time of issue:
//! whoever can write to Redis can neither make a key valid nor keep an old entry alive. It says as
//! of when it is, by which its readers know whether it still holds: so nothing here is ever taken
//! back, and it does no harm that what was written before Redis was away is there again.

use std::sync::Arc;
use std::time::Duration;

use redis::cmd;
use serde::{Deserialize, Serialize};

use super::Redis;
use crate::model::{Clock, Sealer};
use crate::store::pg::keys::KeyRecord;

/// How long an entry lives.
pub const TTL: Duration = Duration::from_mins(5);

/// The cache of good keys in Redis.
#[derive(Clone)]
pub struct KeyCache {
    redis: Arc<Redis>,
    sealer: Sealer,
    clock: Clock,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    /// Seconds since 1970.
    issued_at: i64,
    record: KeyRecord,
}

impl KeyCache {
    /// A cache in `redis`, sealed by `sealer`.
    #[must_use]
    pub fn new(redis: Arc<Redis>, sealer: Sealer, clock: Clock) -> Self {
        Self { redis, sealer, clock }
    }

    /// The good key with this SHA-256, if Redis knows it. An entry that is not ours, or too old,
    /// is as good as none.
    pub async fn get(&self, hash: &[u8; 32]) -> Option<KeyRecord> {
        let name = hex::encode(hash);
        // Somebody else may have written anything there.
        let sealed: Option<Vec<u8>> =
            self.redis.ask(cmd("GET").arg(self.redis.name("key", &name))).await?;
        let sealed = String::from_utf8(sealed?).ok()?;
        let payload = self.sealer.open(&purpose(&name), &sealed)?;
        let entry: Entry = serde_json::from_slice(&payload).ok()?;
        let age = self.clock.now().unix_timestamp() - entry.issued_at;
        let fresh = u64::try_from(age).is_ok_and(|age| age <= TTL.as_secs());
        fresh.then_some(entry.record)
    }

    /// Remembers a good key for [`TTL`].
    pub async fn put(&self, hash: &[u8; 32], record: &KeyRecord) {
        let name = hex::encode(hash);
        let issued_at = self.clock.now().unix_timestamp();
        let Ok(payload) = serde_json::to_vec(&Entry { issued_at, record: record.clone() }) else {
            return;
        };
        let sealed = self.sealer.seal(&purpose(&name), &payload);
        let mut command = cmd("SET");
        command.arg(self.redis.name("key", &name)).arg(sealed).arg("EX").arg(TTL.as_secs());
        // Without Redis the next look-up asks Postgres.
        let _degraded: Option<String> = self.redis.ask(&command).await;
    }
}

fn purpose(name: &str) -> String {
    format!("key\n{name}")
}
