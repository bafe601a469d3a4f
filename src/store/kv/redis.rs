//! A connection to Redis that degrades: an answer, or `None`.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use deadpool_redis::redis::aio::PubSub;
use deadpool_redis::redis::{Client, Cmd, FromRedisValue, RedisResult, cmd};
use deadpool_redis::{Config, Pool, PoolConfig, Runtime, Timeouts};
use tokio::time::Instant;

use crate::config::RedisConfig;

/// The longest that one command may take, with everything around it. A call sends two at most.
pub const BUDGET: Duration = Duration::from_millis(50);
/// How long Redis is left alone after it did not answer.
pub const PAUSE: Duration = Duration::from_millis(500);
/// Connections; each is multiplexed and used briefly.
const CONNECTIONS: usize = 4;

/// Redis, or what is left of it.
pub struct Redis {
    pool: Pool,
    /// Makes the connection that hears, which is in no pool.
    client: Client,
    prefix: String,
    /// When it may be asked again; `None` while it answers.
    down_until: Mutex<Option<Instant>>,
}

/// Redis cannot be used as configured.
#[derive(Debug, thiserror::Error)]
#[error("REDIS_URL cannot be read: {0}; use redis://host:port or redis+unix:///path")]
pub struct RedisUrlError(String);

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
enum RedisFailure {
    #[error("no answer within {} ms", BUDGET.as_millis())]
    Late,
    #[error("{0}")]
    Pool(#[from] deadpool_redis::PoolError),
    #[error("{0}")]
    Redis(#[from] deadpool_redis::redis::RedisError),
}

impl Redis {
    /// Redis at the place of `config`. Connects at first use.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn new(config: &RedisConfig) -> Result<Self, RedisUrlError> {
        let client = Client::open(config.url.reveal());
        let client = client.map_err(|error| RedisUrlError(error.to_string()))?;
        let mut settings = Config::from_url(config.url.reveal());
        let wait = Some(BUDGET);
        settings.pool = Some(PoolConfig {
            max_size: CONNECTIONS,
            timeouts: Timeouts { wait, create: wait, recycle: wait },
            ..PoolConfig::default()
        });
        let pool = settings.create_pool(Some(Runtime::Tokio1));
        let pool = pool.map_err(|error| RedisUrlError(error.to_string()))?;
        Ok(Self { pool, client, prefix: config.key_prefix.clone(), down_until: Mutex::new(None) })
    }

    /// The name of a key of ours.
    pub(super) fn name(&self, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{name}", self.prefix)
    }

    /// The name of a channel of ours.
    pub(super) fn channel(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// A connection of its own that hears what is published in `channel`.
    pub(super) async fn subscribe(&self, channel: &str) -> RedisResult<PubSub> {
        let mut connection = self.client.get_async_pubsub().await?;
        connection.subscribe(channel).await?;
        Ok(connection)
    }

    /// The answer to `command`; `None` when Redis is down or slow.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        if self.is_paused() {
            return None;
        }
        let answer = tokio::time::timeout(BUDGET, self.send(command)).await;
        match answer.unwrap_or(Err(RedisFailure::Late)) {
            Ok(value) => {
                self.answered();
                Some(value)
            }
            Err(error) => {
                self.silent(&error);
                None
            }
        }
    }

    /// Whether Redis answers now, for `/health`.
    pub async fn is_up(&self) -> bool {
        self.ask::<String>(&cmd("PING")).await.is_some()
    }

    async fn send<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisFailure> {
        let mut connection = self.pool.get().await?;
        Ok(command.query_async(&mut connection).await?)
    }

    fn is_paused(&self) -> bool {
        let down_until = *self.down_until.lock().unwrap_or_else(PoisonError::into_inner);
        down_until.is_some_and(|until| Instant::now() < until)
    }

    fn answered(&self) {
        let mut down_until = self.down_until.lock().unwrap_or_else(PoisonError::into_inner);
        if down_until.take().is_some() {
            tracing::info!("Redis answers again");
        }
    }

    fn silent(&self, error: &RedisFailure) {
        let mut down_until = self.down_until.lock().unwrap_or_else(PoisonError::into_inner);
        if down_until.replace(Instant::now() + PAUSE).is_none() {
            tracing::warn!(%error, "Redis does not answer; going on without it");
        }
    }
}
