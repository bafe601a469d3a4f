//! Redis: optional, and never waited for.

use super::Variables;
use crate::model::Secret;

/// How the server reaches Redis.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `REDIS_URL`: `redis://…` or `redis+unix:///path`. Without it, caches are in process,
    /// and what happens on another replica is heard a fifth of a second later.
    pub url: Secret,
    /// `REDIS_KEY_PREFIX` (mbmcp): stands before every key, so that several can share one Redis.
    pub key_prefix: String,
}

impl RedisConfig {
    pub(super) fn read(variables: &mut Variables) -> Option<Self> {
        let url = variables.secret("REDIS_URL", "REDIS_URL_FILE");
        let key_prefix = variables.text("REDIS_KEY_PREFIX").unwrap_or_else(|| "mbmcp".to_owned());
        url.map(|url| Self { url, key_prefix })
    }
}
