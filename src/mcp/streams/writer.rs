//! The one task that stores events: it gathers what is waiting into one statement, and nothing is sent
//! before it is committed.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::stream::Stream;
use crate::mcp::bus::Bus;
use crate::model::StreamId;
use crate::store::pg::events::{self, NewEvent};
use crate::store::{Store, StoreError};

/// The most events of one statement.
const BATCH: usize = 256;
/// The most events that a stream has stored before it is another's turn.
const TURN: usize = 16;
/// The most bytes of one statement, but for a single event that is larger.
const BATCH_BYTES: usize = 4 << 20;
/// How often a batch is tried before its streams go on without it.
const TRIES: u32 = 4;
/// The pause before the second try; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// The way to the writer. It holds no events: these wait in their streams, each within its limits, so
/// that one that says much delays no other.
#[derive(Clone)]
pub(super) struct Writer(mpsc::UnboundedSender<Arc<Stream>>);

/// The writer's end of it: streams that have something to store, each once.
pub struct Queue {
    coming: mpsc::UnboundedReceiver<Arc<Stream>>,
    waiting: VecDeque<Arc<Stream>>,
}

impl Writer {
    pub(super) fn new() -> (Self, Queue) {
        let (sender, coming) = mpsc::unbounded_channel();
        (Self(sender), Queue { coming, waiting: VecDeque::new() })
    }

    /// Says that `stream` has something to store; `false` when nothing is stored any more.
    pub(super) fn queue(&self, stream: Arc<Stream>) -> bool {
        self.0.send(stream).is_ok()
    }
}

impl Queue {
    /// Stores what comes until `drained` is cancelled, and tells `bus`.
    pub async fn keep(mut self, store: &Store, bus: &Bus, drained: &CancellationToken) {
        while self.wait(drained).await {
            let (events, streams) = self.batch();
            if events.is_empty() {
                // Their streams have ended meanwhile.
                continue;
            }
            match persist(store, &events).await {
                Ok(stored) => {
                    for (event, stream) in events.iter().zip(&streams) {
                        stream.note_stored(event, stored.contains(&(event.stream, event.seq)));
                    }
                    let mut changed: Vec<StreamId> = stored.into_iter().map(|(id, _)| id).collect();
                    changed.sort_unstable();
                    changed.dedup();
                    bus.stored(&changed);
                }
                Err(error) => {
                    tracing::error!(%error, events = events.len(), "events were not stored");
                    for stream in &streams {
                        stream.note_failure();
                    }
                }
            }
        }
    }

    /// Waits until there is something to store; `false` when there never will be.
    async fn wait(&mut self, drained: &CancellationToken) -> bool {
        if self.waiting.is_empty() {
            let first = tokio::select! {
                biased;
                stream = self.coming.recv() => stream,
                () = drained.cancelled() => None,
            };
            self.waiting.extend(first);
        }
        !self.waiting.is_empty()
    }

    /// What is waiting, of each stream in turn, up to the size of a statement; and whose it is.
    fn batch(&mut self) -> (Vec<NewEvent>, Vec<Arc<Stream>>) {
        let (mut events, mut streams, mut bytes) = (Vec::new(), Vec::new(), 0);
        while events.len() < BATCH && bytes < BATCH_BYTES {
            while let Ok(stream) = self.coming.try_recv() {
                self.waiting.push_back(stream);
            }
            let Some(stream) = self.waiting.pop_front() else { break };
            let turn = TURN.min(BATCH - events.len());
            let (taken, more) = stream.take(turn, BATCH_BYTES - bytes);
            bytes += taken.iter().map(|event| event.payload.len()).sum::<usize>();
            streams.extend(std::iter::repeat_n(stream.clone(), taken.len()));
            events.extend(taken);
            if more {
                self.waiting.push_back(stream);
            }
        }
        (events, streams)
    }
}

/// Stores `events` and gives those that are in the table now. Trying again stores nothing twice.
async fn persist(
    store: &Store,
    events: &[NewEvent],
) -> Result<HashSet<(StreamId, i64)>, StoreError> {
    let (mut pause, mut tries) = (PAUSE, 1);
    loop {
        match events::store(store, events).await {
            Ok(stored) => return Ok(stored.into_iter().collect()),
            Err(error) if tries == TRIES => return Err(error),
            Err(error) => tracing::warn!(%error, tries, "events are not stored yet"),
        }
        tokio::time::sleep(pause).await;
        (pause, tries) = (pause * 2, tries + 1);
    }
}
