//! The one task that stores events: it gathers what is waiting into one statement, and nothing is sent
//! before it is committed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::leases::LEASE;
use super::stream::Stream;
use crate::mcp::bus::Bus;
use crate::model::StreamId;
use crate::store::pg::events::{self, NewEvent, Stored};
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
/// The pause before streams are tried again that somebody else has locked.
const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// How long they are tried: their leases are not renewed meanwhile either.
const BUSY_FOR: Duration = LEASE;

/// The way to the writer. It holds no events: these wait in their streams, each within its limits, so
/// that one that says much delays no other.
#[derive(Clone)]
pub(super) struct Writer(mpsc::UnboundedSender<Arc<Stream>>);

/// The writer's end of it: streams that have something to store, each once.
pub struct Queue {
    coming: mpsc::UnboundedReceiver<Arc<Stream>>,
    waiting: VecDeque<Arc<Stream>>,
    /// Those that somebody else has locked.
    busy: VecDeque<Arc<Stream>>,
    /// When these are tried again.
    again: Instant,
}

/// What one statement stores.
#[derive(Default)]
struct Batch {
    events: Vec<NewEvent>,
    streams: HashMap<StreamId, Arc<Stream>>,
}

/// A stream and what of a batch is its own.
type Part = (Arc<Stream>, Vec<NewEvent>);

impl Writer {
    pub(super) fn new() -> (Self, Queue) {
        let (sender, coming) = mpsc::unbounded_channel();
        let (waiting, busy, again) = (VecDeque::new(), VecDeque::new(), Instant::now());
        (Self(sender), Queue { coming, waiting, busy, again })
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
            let batch = self.batch();
            if batch.events.is_empty() {
                // Their streams have ended meanwhile.
                continue;
            }
            match persist(store, &batch.events).await {
                Ok(stored) => self.note(batch.parts(), &stored, bus),
                Err(error) if is_refusal(&error) => {
                    tracing::warn!(%error, "events are not stored together");
                    for (stream, events) in batch.parts() {
                        match events::store(store, &events).await {
                            Ok(stored) => self.note([(stream, events)], &stored, bus),
                            Err(error) => fail([(stream, events)], &error),
                        }
                    }
                }
                Err(error) => fail(batch.parts(), &error),
            }
        }
    }

    /// Waits until there is something to store; `false` when there never will be.
    async fn wait(&mut self, drained: &CancellationToken) -> bool {
        if self.waiting.is_empty() {
            tokio::select! {
                biased;
                stream = self.coming.recv() => self.waiting.extend(stream),
                () = drained.cancelled() => {}
                () = sleep_until(self.again), if !self.busy.is_empty() => {
                    self.waiting.append(&mut self.busy);
                }
            }
        }
        !self.waiting.is_empty()
    }

    /// What is waiting, of each stream in turn, up to the size of a statement.
    fn batch(&mut self) -> Batch {
        if Instant::now() >= self.again {
            self.waiting.append(&mut self.busy);
        }
        let (mut batch, mut bytes) = (Batch::default(), 0);
        while batch.events.len() < BATCH && bytes < BATCH_BYTES {
            while let Ok(stream) = self.coming.try_recv() {
                self.waiting.push_back(stream);
            }
            let Some(stream) = self.waiting.pop_front() else { break };
            let turn = TURN.min(BATCH - batch.events.len());
            let (taken, more) = stream.take(turn, BATCH_BYTES - bytes);
            bytes += taken.iter().map(|event| event.payload.len()).sum::<usize>();
            batch.events.extend(taken);
            batch.streams.insert(stream.id(), stream.clone());
            if more {
                self.waiting.push_back(stream);
            }
        }
        batch
    }

    /// Tells streams what became of their events, and `bus` what is stored. What a busy one could not
    /// take goes back to it.
    fn note(&mut self, parts: impl IntoIterator<Item = Part>, stored: &Stored, bus: &Bus) {
        let busy: HashSet<StreamId> = stored.busy.iter().copied().collect();
        let done: HashSet<(StreamId, i64)> = stored.events.iter().copied().collect();
        for (stream, events) in parts {
            let mut left = Vec::new();
            for event in events {
                let is_done = done.contains(&(event.stream, event.seq));
                if is_done || !busy.contains(&event.stream) {
                    stream.note_stored(&event, is_done);
                } else {
                    left.push(event);
                }
            }
            if !left.is_empty() {
                self.put_off(stream, left);
            }
        }
        let mut changed: Vec<StreamId> = done.into_iter().map(|(id, _)| id).collect();
        changed.sort_unstable();
        changed.dedup();
        bus.stored(&changed);
    }

    /// Comes to `stream` for `events` again when the others have been served.
    fn put_off(&mut self, stream: Arc<Stream>, events: Vec<NewEvent>) {
        if stream.put_back(events) > BUSY_FOR {
            tracing::error!(stream = %stream.id(), "a stream is locked for too long");
            stream.note_failure();
            return;
        }
        self.waiting.retain(|waiting| waiting.id() != stream.id());
        if self.busy.is_empty() {
            self.again = Instant::now() + BUSY_PAUSE;
        }
        self.busy.push_back(stream);
    }
}

impl Batch {
    /// Its events by their streams, each stream's in their order.
    fn parts(self) -> impl Iterator<Item = Part> {
        let mut events: HashMap<StreamId, Vec<NewEvent>> = HashMap::new();
        for event in self.events {
            events.entry(event.stream).or_default().push(event);
        }
        let streams = self.streams.into_iter();
        streams.filter_map(move |(id, stream)| Some((stream, events.remove(&id)?)))
    }
}

fn fail(parts: impl IntoIterator<Item = Part>, error: &StoreError) {
    tracing::error!(%error, "events were not stored");
    for (stream, _) in parts {
        stream.note_failure();
    }
}

/// Whether Postgres refused what one of the events is, so that it may take the others.
fn is_refusal(error: &StoreError) -> bool {
    matches!(error, StoreError::Constraint { .. } | StoreError::Broken { .. })
}

/// Stores `events`. Trying again stores nothing twice.
async fn persist(store: &Store, events: &[NewEvent]) -> Result<Stored, StoreError> {
    let (mut pause, mut tries) = (PAUSE, 1);
    loop {
        match events::store(store, events).await {
            Err(error) if tries < TRIES && !matches!(error, StoreError::Constraint { .. }) => {
                tracing::warn!(%error, tries, "events are not stored yet");
            }
            stored => return stored,
        }
        tokio::time::sleep(pause).await;
        (pause, tries) = (pause * 2, tries + 1);
    }
}
