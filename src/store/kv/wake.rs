//! What replicas tell one another by Redis: that there is something to read in Postgres.
//!
//! It is a hint and no more: whoever can write to Redis can cause a read, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSub;
use redis::{Msg, RedisError, Value, cmd};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use uuid::Uuid;

use super::Redis;
use super::redis::PAUSE;
use crate::model::StreamId;

/// Streams in one message at most.
const MAX_STREAMS: usize = 256;
/// The longest message that is read; ours are shorter.
const MAX_BYTES: usize = 16 * 1024;
/// How often a silent connection is asked whether it is still there.
const BEAT: Duration = Duration::from_secs(5);
/// How long Redis may take to let us hear, and to answer that.
const PATIENCE: Duration = Duration::from_secs(1);

/// What there is to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hint {
    /// New signals.
    Signals,
    /// News of these streams.
    Streams(Vec<StreamId>),
}

#[derive(Serialize, Deserialize)]
struct Message {
    /// The replica that says it.
    from: Uuid,
    hint: Hint,
}

/// Why nothing is heard.
#[derive(Debug, thiserror::Error)]
enum Silence {
    #[error("no answer within {} ms", PATIENCE.as_millis())]
    Late,
    #[error("the connection ended")]
    Ended,
    #[error("{0}")]
    Redis(#[from] RedisError),
}

/// Tells and hears hints.
pub struct Wakes {
    redis: Arc<Redis>,
    channel: String,
    replica: Uuid,
}

impl Wakes {
    /// Between `replica` and all that share `redis` and its prefix.
    #[must_use]
    pub fn new(redis: Arc<Redis>, replica: Uuid) -> Self {
        let channel = redis.channel("wake");
        Self { redis, channel, replica }
    }

    /// Tells the other replicas that there are new signals. Without Redis they find out by themselves.
    pub async fn tell_signals(&self) {
        self.tell(Hint::Signals).await;
    }

    /// The same of streams that have news.
    pub async fn tell_streams(&self, streams: &[StreamId]) {
        for part in streams.chunks(MAX_STREAMS) {
            self.tell(Hint::Streams(part.to_vec())).await;
        }
    }

    async fn tell(&self, hint: Hint) {
        let Ok(message) = serde_json::to_string(&Message { from: self.replica, hint }) else {
            return;
        };
        let mut command = cmd("PUBLISH");
        command.arg(&self.channel).arg(message);
        let _degraded: Option<u64> = self.redis.ask(&command).await;
    }

    /// Hears what the others tell, for ever: while Redis is away, it is looked for each [`PAUSE`].
    pub async fn hear(&self, heard: impl Fn(Hint)) {
        let mut deaf = false;
        loop {
            let error = match self.connect().await {
                Ok(connection) => {
                    if std::mem::take(&mut deaf) {
                        tracing::info!("other replicas are heard by Redis again");
                    }
                    self.attend(connection, &heard).await
                }
                Err(error) => error,
            };
            if !std::mem::replace(&mut deaf, true) {
                tracing::warn!(%error, "other replicas are not heard by Redis; Postgres is asked alone");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn connect(&self) -> Result<PubSub, Silence> {
        let connecting = timeout(PATIENCE, self.redis.subscribe(&self.channel)).await;
        Ok(connecting.map_err(|_| Silence::Late)??)
    }

    /// Hears until the connection ends, or does not answer.
    async fn attend(&self, connection: PubSub, heard: &impl Fn(Hint)) -> Silence {
        let (mut asking, mut messages) = connection.split();
        loop {
            match timeout(BEAT, messages.next()).await {
                Ok(Some(message)) => {
                    if let Some(hint) = self.understand(&message) {
                        heard(hint);
                    }
                }
                Ok(None) => return Silence::Ended,
                Err(_) => match timeout(PATIENCE, asking.ping::<Value>()).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return error.into(),
                    Err(_) => return Silence::Late,
                },
            }
        }
    }

    /// What another replica says. What nobody of us says means nothing.
    fn understand(&self, message: &Msg) -> Option<Hint> {
        let bytes = message.get_payload_bytes();
        if bytes.len() > MAX_BYTES {
            return None;
        }
        let message: Message = serde_json::from_slice(bytes).ok()?;
        (message.from != self.replica).then_some(message.hint)
    }
}
