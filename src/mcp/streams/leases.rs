//! Leases: as long as this process renews it, a stream's writer lives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::model::{ProjectId, StreamId};
use crate::store::Store;
use crate::store::pg::streams;

/// How long a stream's writer counts as alive without a word of it.
pub const LEASE: Duration = Duration::from_secs(30);
/// How often leases are renewed.
const RENEWAL: Duration = Duration::from_secs(10);

/// The streams that this process writes.
#[derive(Clone, Default)]
pub(super) struct Leases(Arc<Mutex<HashMap<StreamId, ProjectId>>>);

impl Leases {
    fn held(&self) -> MutexGuard<'_, HashMap<StreamId, ProjectId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
                () = tokio::time::sleep(RENEWAL) => {}
            }
            let held: Vec<(ProjectId, StreamId)> =
                self.held().iter().map(|(stream, project)| (*project, *stream)).collect();
            if held.is_empty() {
                continue;
            }
            if let Err(error) = streams::renew(store, replica, &held, LEASE).await {
                tracing::warn!(%error, streams = held.len(), "leases of streams are not renewed now");
            }
        }
    }
}
