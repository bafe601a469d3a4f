//! Leases: as long as this process renews it, a stream's writer lives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
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
/// How soon that of a stream is tried again that somebody else has locked: the writer, for a moment.
const AGAIN: Duration = Duration::from_millis(100);

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
        let mut busy = Vec::new();
        let mut all_due = Instant::now() + self.lease / RENEWALS;
        loop {
            let soon = all_due.min(Instant::now() + AGAIN);
            tokio::select! {
                () = drained.cancelled() => return,
                () = tokio::time::sleep_until(if busy.is_empty() { all_due } else { soon }) => {}
            }
            if Instant::now() >= all_due {
                all_due = Instant::now() + self.lease / RENEWALS;
                busy = self.held().iter().map(|(stream, project)| (*project, *stream)).collect();
            }
            busy = self.renew(store, replica, busy).await;
        }
    }

    /// Gives those of `due` that are to be tried again soon.
    async fn renew(
        &self,
        store: &Store,
        replica: Uuid,
        due: Vec<(ProjectId, StreamId)>,
    ) -> Vec<(ProjectId, StreamId)> {
        if due.is_empty() {
            return due;
        }
        let renewed = streams::renew(store, replica, &due, self.lease).await;
        renewed.unwrap_or_else(|error| {
            tracing::warn!(%error, streams = due.len(), "leases of streams are not renewed now");
            Vec::new()
        })
    }
}
