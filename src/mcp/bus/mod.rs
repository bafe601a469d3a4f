//! The bus, by which a replica learns what happens on others.
//!
//! Postgres is the truth: each change leaves a [`Signal`] in its transaction, and the [`poller`]
//! reads, while anyone is there, what was committed since its last read, in whatever order that was.
//! Redis only makes it fast: what other replicas tell by it is that there is something to read, so
//! that nothing is lost without it and nobody can pretend by it.

mod attendance;
mod followers;
mod listeners;
mod poller;
mod untold;

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use attendance::Attendance;
pub use followers::Follow;
pub use listeners::{Heard, Listener, MAX_WAITING};
pub(super) use poller::MAX_ABSENCE;

use crate::model::{Clock, ProjectId, Signal, StreamId};
use crate::store::kv::{Hint, Wakes};
use crate::store::{Store, StoreError};
use attendance::Attendants;
use followers::Followers;
use listeners::Listeners;
use poller::Reader;
use untold::Untold;

/// What is done at once when a call is cancelled, a question answered or a session ended, on whatever
/// replica. It must not wait for anything.
pub type Obey = Box<dyn Fn(&Signal) + Send + Sync>;

/// Tells who is here what happens anywhere.
pub struct Bus {
    store: Store,
    wakes: Option<Wakes>,
    clock: Clock,
    obey: Obey,
    attendants: Arc<Attendants>,
    listeners: Arc<Listeners>,
    followers: Arc<Followers>,
    reader: Mutex<Reader>,
    /// Something has happened.
    hint: Notify,
    untold: Untold,
}

impl Bus {
    /// A bus on `store`, which calls do not share, and perhaps on Redis.
    #[must_use]
    pub fn new(store: Store, wakes: Option<Wakes>, clock: Clock, obey: Obey) -> Self {
        Self {
            store,
            wakes,
            clock,
            obey,
            attendants: Arc::default(),
            listeners: Arc::default(),
            followers: Arc::default(),
            reader: Mutex::default(),
            hint: Notify::new(),
            untold: Untold::default(),
        }
    }

    /// Reads Postgres, hears and tells Redis, until `drained`.
    pub async fn keep(&self, drained: &CancellationToken) {
        let others = async {
            let Some(wakes) = &self.wakes else { return std::future::pending().await };
            tokio::join!(self.untold.tell(wakes), wakes.hear(|hint| self.take(&hint)));
        };
        tokio::select! {
            () = drained.cancelled() => {}
            () = self.poll() => {}
            () = others => {}
        }
    }

    /// Listens to what happens in `project`. Nothing that is committed after this has returned is
    /// missed, and nothing is heard that was committed before it was called.
    ///
    /// # Errors
    /// When Postgres cannot be asked how far things have come.
    pub async fn listen(&self, project: ProjectId) -> Result<Listener, StoreError> {
        let asked = Instant::now();
        let mut reader = self.reader.lock().await;
        // Of many who come at once, most wait for one read, or for its failure.
        if let Some(error) = reader.failed_since(asked) {
            return Err(error);
        }
        if !reader.has_read_since(asked) {
            self.advance(&mut reader).await?;
        }
        Ok(self.listeners.add(project, self.attend()))
    }

    /// Lets orders be obeyed soon for as long as this is kept, without listening to a project.
    #[must_use]
    pub fn attend(&self) -> Attendance {
        self.attendants.attend()
    }

    /// Says that something was committed here that others wait for: it is read now, here and on the
    /// other replicas. Waits for nothing.
    pub fn wake(&self) {
        self.read_soon();
        if self.wakes.is_some() {
            self.untold.signals();
        }
    }

    /// Follows `stream` of `project`, whoever writes it. What happened before is no news, and may be
    /// told as if it were.
    #[must_use]
    pub fn follow(&self, project: ProjectId, stream: StreamId) -> Follow {
        self.followers.add(project, stream, self.attend())
    }

    /// Says that events of `streams` were stored here: who follows them is woken, here and on the
    /// other replicas. Waits for nothing.
    pub fn stored(&self, streams: &[StreamId]) {
        self.followers.wake(streams);
        if self.wakes.is_some() {
            self.untold.streams(streams);
        }
    }

    /// Takes what another replica says.
    fn take(&self, hint: &Hint) {
        match hint {
            Hint::Signals => self.read_soon(),
            Hint::Streams(streams) => self.followers.wake(streams),
        }
    }

    fn read_soon(&self) {
        if self.attendants.any() {
            self.hint.notify_one();
        }
    }
}
