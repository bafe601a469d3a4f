//! Leases: as long as this process renews it, a stream's writer lives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::model::{ProjectId, StreamId};
use crate::store::Store;
use crate::store::pg::streams;

/// How long a stream's writer counts as alive without a word of it: longer than a database that
/// restarts is away, or a call would count as lost that runs, and its change would be refused.
pub const LEASE: Duration = Duration::from_secs(30);
/// How often a lease is renewed while it lasts.
const RENEWALS: u32 = 3;

/// The streams that this process writes.
#[derive(Clone)]
pub(super) struct Leases {
    lease: Duration,
    held: Arc<Mutex<HashMap<StreamId, ProjectId>>>,
}

impl Leases {
    pub(super) fn new(lease: Duration) -> Self {
        Self { lease, held: Arc::default() }
    }

    /// How long they last.
    pub(super) fn lease(&self) -> Duration {
        self.lease
    }

    fn held(&self) -> MutexGuard<'_, HashMap<StreamId, ProjectId>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hold(&self, project: ProjectId, stream: StreamId) {
        self.held().insert(stream, project);
    }

    pub(super) fn release(&self, stream: StreamId) {
        self.held().remove(&stream);
    }

    /// Renews them as `replica` until `drained` is cancelled.
    pub(super) async fn keep(&self, store: &Store, replica: Uuid, drained: &CancellationToken) {
        loop {
            tokio::select! {
                () = drained.cancelled() => return,
                () = tokio::time::sleep(self.lease / RENEWALS) => {}
            }
            let held: Vec<(ProjectId, StreamId)> =
                self.held().iter().map(|(stream, project)| (*project, *stream)).collect();
            if held.is_empty() {
                continue;
            }
            if let Err(error) = streams::renew(store, replica, &held, self.lease).await {
                tracing::warn!(%error, streams = held.len(), "leases of streams are not renewed now");
            }
        }
    }
}
