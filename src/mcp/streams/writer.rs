//! The one task that stores events: it gathers what is waiting into one statement, and nothing is sent
//! before it is committed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::stream::Stream;
use crate::mcp::bus::Bus;
use crate::model::StreamId;
use crate::store::pg::events::{self, NewEvent};
use crate::store::{Store, StoreError};

/// Events that wait to be stored. Beyond, notifications are left out, and answers wait.
const QUEUE: usize = 4096;
/// The most events of one statement.
const BATCH: usize = 256;
/// The most bytes of one statement, but for a single event that is larger.
const BATCH_BYTES: usize = 4 << 20;
/// How often a batch is tried before its streams go on without it.
const TRIES: u32 = 4;
/// The pause before the second try; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// An event on its way to the table, and who waits for that.
pub(super) struct Write {
    pub(super) event: NewEvent,
    pub(super) stream: Arc<Stream>,
}

/// The way to the writer.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Write>);

/// The writer's end of it.
pub struct Queue(mpsc::Receiver<Write>);

impl Writer {
    pub(super) fn new() -> (Self, Queue) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), Queue(receiver))
    }

    /// Hands `write` over, unless the writer is behind.
    pub(super) fn offer(&self, write: Write) -> bool {
        self.0.try_send(write).is_ok()
    }

    /// A place in the queue, once there is one; `None` when nothing is stored any more.
    pub(super) async fn place(&self) -> Option<mpsc::Permit<'_, Write>> {
        self.0.reserve().await.ok()
    }
}

impl Queue {
    /// Stores what comes until `drained` is cancelled, and tells `bus`.
    pub async fn keep(mut self, store: &Store, bus: &Bus, drained: &CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                write = self.0.recv() => write,
                () = drained.cancelled() => return,
            };
            let Some(first) = first else { return };
            let (events, streams) = self.batch(first);
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

    /// What is waiting, up to the size of a statement.
    fn batch(&mut self, first: Write) -> (Vec<NewEvent>, Vec<Arc<Stream>>) {
        let mut bytes = first.event.payload.len();
        let (mut events, mut streams) = (vec![first.event], vec![first.stream]);
        while events.len() < BATCH && bytes < BATCH_BYTES {
            let Ok(Write { event, stream }) = self.0.try_recv() else { break };
            bytes += event.payload.len();
            events.push(event);
            streams.push(stream);
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
