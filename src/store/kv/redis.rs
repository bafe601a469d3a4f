//! A connection to Redis that degrades: an answer, or `None`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{Client, Cmd, FromRedisValue, RedisError, RedisResult, cmd};
use tokio::time::Instant;

use crate::config::RedisConfig;
use crate::telemetry::call_log;

/// The longest that one command may take, with everything around it.
pub const BUDGET: Duration = Duration::from_millis(50);
/// The longest that one call waits for all its commands together.
pub const CALL_BUDGET: Duration = Duration::from_millis(100);
/// How long Redis is left alone after it did not answer.
pub const PAUSE: Duration = Duration::from_millis(500);

/// Redis, or what is left of it.
pub struct Redis {
    client: Client,
    prefix: String,
    state: Mutex<State>,
    /// Whoever connects; all others wait for his connection.
    connecting: tokio::sync::Mutex<()>,
}

/// What is known of Redis.
#[derive(Default)]
struct State {
    /// All calls share one connection, which sends what they ask as it comes: a connection for each
    /// costs another round trip to learn whether it is still good.
    connection: Option<MultiplexedConnection>,
    /// When it may be asked again; `None` while it answers.
    down_until: Option<Instant>,
}

/// Redis cannot be used as configured.
#[derive(Debug, thiserror::Error)]
#[error("REDIS_URL cannot be read: {0}; use redis://host:port or redis+unix:///path")]
pub struct RedisUrlError(String);

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
enum RedisFailure {
    #[error("no answer within {} ms", .0.as_millis())]
    Late(Duration),
    #[error("{0}")]
    Redis(#[from] RedisError),
}

impl Redis {
    /// Redis at the place of `config`. Connects at first use.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn new(config: &RedisConfig) -> Result<Self, RedisUrlError> {
        let client = Client::open(config.url.reveal());
        let client = client.map_err(|error| RedisUrlError(error.to_string()))?;
        let (prefix, state) = (config.key_prefix.clone(), Mutex::default());
        Ok(Self { client, prefix, state, connecting: tokio::sync::Mutex::default() })
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
        self.converse(async |connection| command.query_async(connection).await).await
    }

    /// What `conversation` comes to within the time that is left for it; `None` when Redis is down or
    /// slow.
    pub(super) async fn converse<T>(
        &self,
        conversation: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Option<T> {
        if self.is_left_alone() {
            return None;
        }
        let (patience, began) = (patience(), Instant::now());
        let answer = tokio::time::timeout(patience, async {
            let mut connection = self.connection().await?;
            Ok(conversation(&mut connection).await?)
        });
        let answer = answer.await.unwrap_or(Err(RedisFailure::Late(patience)));
        call_log::count_redis(began.elapsed());
        match answer {
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

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        if let Some(connection) = self.connected() {
            return Ok(connection);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(connection) = self.connected() {
            return Ok(connection);
        }
        let connection = self.client.get_multiplexed_async_connection().await?;
        self.state().connection = Some(connection.clone());
        Ok(connection)
    }

    fn connected(&self) -> Option<MultiplexedConnection> {
        self.state().connection.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is not asked now, because it has been silent, or slow to this call.
    pub(super) fn is_left_alone(&self) -> bool {
        patience().is_zero() || self.state().down_until.is_some_and(|until| Instant::now() < until)
    }

    fn answered(&self) {
        if self.state().down_until.take().is_some() {
            tracing::info!("Redis answers again");
        }
    }

    fn silent(&self, error: &RedisFailure) {
        let mut state = self.state();
        // The network may have lost it without a word.
        state.connection = None;
        if state.down_until.replace(Instant::now() + PAUSE).is_none() {
            tracing::warn!(%error, "Redis does not answer; going on without it");
        }
    }
}

/// How long the running call may still wait for its next command.
fn patience() -> Duration {
    CALL_BUDGET.saturating_sub(call_log::waited_for_redis()).min(BUDGET)
}
