//! What a call says before its answer: progress and log lines, to the client that asked for them.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::streams::Stream;
use super::wire::meta::LogLevel;
use super::wire::{RequestMeta, render};

/// How many wait for a client that reads slowly; beyond, they are dropped: a call holds a
/// transaction, and waits for no client.
pub const WAITING: usize = 64;

/// The way to the client of one call. Where the client asked for nothing, nothing is sent.
#[derive(Default)]
pub struct Notices {
    way: Way,
    progress_token: Option<Value>,
    log_level: OnceLock<LogLevel>,
    proven: Arc<Notify>,
}

/// Where notices go.
#[derive(Default)]
enum Way {
    #[default]
    Nowhere,
    /// To the connection of a modern request.
    Connection(mpsc::Sender<Vec<u8>>),
    /// To a stream of a session.
    Stream(Arc<Stream>),
}

impl Notices {
    /// Notices for the client of a modern request, which `stream` brings to it.
    #[must_use]
    pub fn new(meta: &RequestMeta, stream: mpsc::Sender<Vec<u8>>) -> Self {
        let log_level = meta.log_level.map_or_else(OnceLock::new, OnceLock::from);
        let progress_token = meta.progress_token.clone();
        Self { way: Way::Connection(stream), progress_token, log_level, proven: Arc::default() }
    }

    /// Notices for the client of a session, which `stream` brings to it.
    #[must_use]
    pub fn in_session(stream: Option<Arc<Stream>>, progress_token: Option<Value>) -> Self {
        let way = stream.map_or(Way::Nowhere, Way::Stream);
        Self { way, progress_token, ..Self::default() }
    }

    /// What the session says of log lines.
    pub(super) fn set_level(&self, level: Option<LogLevel>) {
        if let Some(level) = level {
            // A call that is run again after a question has it already.
            let _kept = self.log_level.set(level);
        }
    }

    /// Ends the client's connection, which it may resume; the call goes on. Nothing happens where there
    /// is no stream to resume.
    pub fn reconnect(&self) {
        if let Way::Stream(stream) = &self.way {
            stream.disconnect();
        }
    }

    /// Told once the caller has proven what the call stands on: until then it may have to be
    /// answered by a status of its own.
    #[must_use]
    pub fn proven(&self) -> Arc<Notify> {
        self.proven.clone()
    }

    /// Tells that.
    pub(super) fn prove(&self) {
        self.proven.notify_one();
    }

    /// Says how far the call is: `progress` grows, and `total` is where it ends, if that is known
    /// (2026-07-28, basic/patterns/progress).
    pub fn progress(&self, progress: f64, total: Option<f64>, message: &str) {
        if let Some(token) = &self.progress_token {
            let mut params = json!({
                "progressToken": token, "progress": progress, "message": message,
            });
            if let Some(total) = total {
                params["total"] = total.into();
            }
            self.send("notifications/progress", &params);
        }
    }

    /// Writes a log line to the client, if it wants lines of this level.
    pub fn log(&self, level: LogLevel, data: &Value) {
        if self.log_level.get().is_some_and(|wanted| level >= *wanted) {
            let params = json!({ "level": level, "logger": "memory-bank", "data": data });
            self.send("notifications/message", &params);
        }
    }

    fn send(&self, method: &str, params: &Value) {
        let message = render::notification(method, params);
        match &self.way {
            Way::Nowhere => {}
            Way::Stream(stream) => stream.say(&String::from_utf8_lossy(&message)),
            Way::Connection(connection) => {
                if connection.try_send(message).is_err() {
                    tracing::debug!(method, "a client that reads too slowly missed a notification");
                }
            }
        }
    }
}
