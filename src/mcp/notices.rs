//! What a call says before its answer: progress and log lines, to the client that asked for them.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::wire::meta::LogLevel;
use super::wire::{RequestMeta, render};

/// How many wait for a client that reads slowly; beyond, they are dropped: a call holds a
/// transaction, and waits for no client.
pub const WAITING: usize = 64;

/// The way to the client of one call. Where the client asked for nothing, nothing is sent.
#[derive(Debug, Default)]
pub struct Notices {
    stream: Option<mpsc::Sender<Vec<u8>>>,
    progress_token: Option<Value>,
    log_level: Option<LogLevel>,
    proven: Arc<Notify>,
}

impl Notices {
    /// Notices for the client of a modern request, which `stream` brings to it.
    #[must_use]
    pub fn new(meta: &RequestMeta, stream: mpsc::Sender<Vec<u8>>) -> Self {
        Self {
            stream: Some(stream),
            progress_token: meta.progress_token.clone(),
            log_level: meta.log_level,
            proven: Arc::default(),
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
        if self.log_level.is_some_and(|wanted| level >= wanted) {
            let params = json!({ "level": level, "logger": "memory-bank", "data": data });
            self.send("notifications/message", &params);
        }
    }

    fn send(&self, method: &str, params: &Value) {
        let Some(stream) = &self.stream else { return };
        if stream.try_send(render::notification(method, params)).is_err() {
            tracing::debug!(method, "a client that reads too slowly missed a notification");
        }
    }
}
