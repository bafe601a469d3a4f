//! A connection to Redis that degrades: an answer, or `None`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, RedisResult, cmd};
use tokio::time::Instant;

use crate::config::RedisConfig;
use crate::telemetry::call_log;

/// The longest that one command may take, with everything around it.
pub const BUDGET: Duration = Duration::from_millis(50);
/// The longest that one call waits for all its commands together.
pub const CALL_BUDGET: Duration = Duration::from_millis(100);
/// The longest that one attempt to connect may take, over all the calls that it goes on with.
const CONNECTING: Duration = Duration::from_secs(5);
/// How long Redis is left alone after it did not answer.
pub const PAUSE: Duration = Duration::from_millis(500);

/// Redis, or what is left of it.
pub struct Redis {
    client: Client,
    prefix: String,
    state: Mutex<State>,
}

/// A connection, or the attempt at one, which goes on with each call that waits for it.
type Connection = Shared<BoxFuture<'static, RedisResult<MultiplexedConnection>>>;

/// What is known of Redis.
#[derive(Default)]
struct State {
    /// All calls share one connection, which sends what they ask as it comes: a connection for each
    /// costs another round trip to learn whether it is still good.
    connection: Option<Connection>,
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
        Ok(Self { client, prefix: config.key_prefix.clone(), state: Mutex::default() })
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

    /// The answer to `command`; `None` when it is an error, or Redis is down or slow.
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
        let (patience, began, connection) = (patience(), Instant::now(), self.connection());
        let was_connected = connection.peek().is_some();
        let answer = tokio::time::timeout(patience, async {
            let mut connection = connection.await?;
            Ok(conversation(&mut connection).await?)
        });
        let answer = answer.await.unwrap_or(Err(RedisFailure::Late(patience)));
        call_log::count_redis(began.elapsed());
        match answer {
            Ok(value) => {
                self.answered();
                Some(value)
            }
            Err(error) if error.is_answer() => {
                self.answered();
                None
            }
            // It was this call that had no time left.
            Err(RedisFailure::Late(patience)) if patience < BUDGET => None,
            Err(error) => {
                self.silent(&error, was_connected);
                None
            }
        }
    }

    /// Whether Redis answers now, for `/health`.
    pub async fn is_up(&self) -> bool {
        self.ask::<String>(&cmd("PING")).await.is_some()
    }

    fn connection(&self) -> Connection {
        let mut state = self.state();
        state.connection.get_or_insert_with(|| connect(self.client.clone())).clone()
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

    fn silent(&self, error: &RedisFailure, was_connected: bool) {
        let mut state = self.state();
        // The network may have lost it without a word; an attempt that is only slow goes on.
        let lost = match error {
            RedisFailure::Late(_) => was_connected,
            RedisFailure::Redis(_) => {
                state.connection.as_ref().is_some_and(|it| it.peek().is_some())
            }
        };
        if lost {
            state.connection = None;
        }
        if state.down_until.replace(Instant::now() + PAUSE).is_none() {
            tracing::warn!(%error, "Redis does not answer; going on without it");
        }
    }
}

impl RedisFailure {
    /// Whether it is an answer, to what somebody else wrote in the place of ours. All other errors are as
    /// good as silence, since whoever asks next gets the same.
    fn is_answer(&self) -> bool {
        matches!(self, Self::Redis(error) if error.code() == Some("WRONGTYPE"))
    }
}

fn connect(client: Client) -> Connection {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECTING));
    let connecting =
        async move { client.get_multiplexed_async_connection_with_config(&config).await };
    connecting.boxed().shared()
}

/// How long the running call may still wait for its next command.
fn patience() -> Duration {
    CALL_BUDGET.saturating_sub(call_log::waited_for_redis()).min(BUDGET)
}
