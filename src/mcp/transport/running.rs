//! A call of the modern era while it runs: it ends with its request.

use axum::http::Extensions;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::Departure;
use crate::mcp::dispatch::HttpAnswer;
use crate::mcp::wire::{Era, RequestId, RpcError};
use crate::telemetry::call_log;

/// A call in a task of its own, so that a client that reads slowly does not slow it. Dropping it ends
/// the task, and so rolls the call back.
pub(super) struct Running {
    task: AbortOnDropHandle<HttpAnswer>,
    departure: Option<Departure>,
    id: RequestId,
}

impl Running {
    /// Starts `call`, the answer to request `id`.
    pub(super) fn start(
        tasks: &TaskTracker,
        extensions: &Extensions,
        id: RequestId,
        call: impl Future<Output = HttpAnswer> + Send + 'static,
    ) -> Self {
        let call = call_log::within(call_log::current(), call);
        let task = AbortOnDropHandle::new(tasks.spawn(call));
        Self { task, departure: extensions.get().cloned(), id }
    }

    /// The answer; where the client goes away before it, the call ends. May be dropped and asked for
    /// again.
    pub(super) async fn answer(&mut self) -> HttpAnswer {
        let departed = async {
            match &self.departure {
                Some(departure) => departure.happened().await,
                // Called in process: who goes away drops the request.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = &mut self.task => answer.unwrap_or_else(|error| {
                tracing::error!(%error, "a call panicked");
                HttpAnswer::error(Era::Modern, Some(&self.id), RpcError::internal())
            }),
            () = departed => {
                self.task.abort();
                // Nobody reads it.
                HttpAnswer::error(Era::Modern, Some(&self.id), RpcError::deadline())
            }
        }
    }
}
