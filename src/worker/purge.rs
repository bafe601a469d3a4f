//! What is old goes, a little at a time, so that no call waits for it: of what is old, each round
//! takes so many rows of each kind in turn until little is left.
//!
//! All replicas do so, at times of their own; what one of them holds the others pass over.

use std::collections::HashSet;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::access::watch::CHANGES_KEPT;
use crate::model::{Ambient, SIGNALS_KEPT};
use crate::store::pg::client_requests::PATIENCE;
use crate::store::pg::purge;
use crate::store::{Store, StoreError};

/// From the end of a round to the next, on average.
const PERIOD: Duration = Duration::from_mins(1);
/// The longest from the start of the process to the first round.
const FIRST: Duration = Duration::from_secs(3);
/// The most rows that one statement deletes.
const BATCH: u16 = 1000;
/// What [`BATCH`] is divided by where a statement takes too long: rows differ in size.
const SMALLER: u16 = 4;
/// The shortest pause after statements that left something behind.
const PAUSE: Duration = Duration::from_millis(100);
/// The pause after such statements, in their own time: they have a fifth of one connection.
const REST: u32 = 4;
/// How long a stream without events is remembered, in times that events are: a client that comes
/// back is told what became of its call.
const STREAMS: u32 = 2;
/// How long a question to a client is kept, in times that its call waits for the answer: not to the
/// last moment, which another clock tells.
const QUESTIONS: u32 = 2;

/// Deletes what is old.
pub struct Purge {
    /// A store that calls do not share.
    pub store: Store,
    /// Time and randomness.
    pub ambient: Ambient,
    /// How long events of streams are kept.
    pub event_retention: Duration,
    /// Says that sessions have ended.
    pub announce: Box<dyn Fn() + Send + Sync>,
}

/// What is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What was sent on streams.
    Events,
    /// Streams that ended and have no event left.
    Streams,
    /// Sessions that expired, with their streams and events.
    Sessions,
    /// Questions to clients whose calls do not wait for the answers any more.
    ClientRequests,
    /// What happened, once all replicas have read it.
    Signals,
    /// Changes of keys, once all replicas have read them.
    KeyChanges,
    /// Answers to writes that could be repeated.
    IdempotencyKeys,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Events,
        Self::Streams,
        Self::Sessions,
        Self::ClientRequests,
        Self::Signals,
        Self::KeyChanges,
        Self::IdempotencyKeys,
    ];
}

impl Purge {
    /// Purges about once a minute, until `drained`.
    pub async fn keep(&self, drained: &CancellationToken) {
        let rounds = async {
            let mut failing = HashSet::new();
            sleep(self.part_of(FIRST)).await;
            loop {
                note(&mut failing, self.round().await);
                sleep(PERIOD / 2 + self.part_of(PERIOD)).await;
            }
        };
        tokio::select! {
            () = drained.cancelled() => {}
            () = rounds => {}
        }
    }

    /// Purges what is old now, and gives what could not be.
    pub async fn round(&self) -> Vec<(Kind, StoreError)> {
        let mut failed = Vec::new();
        let mut due = Kind::ALL.map(|kind| (kind, BATCH)).to_vec();
        while !due.is_empty() {
            let began = Instant::now();
            let mut left = Vec::new();
            for (kind, rows) in due {
                match self.purge(kind, rows).await {
                    Ok(purged) if purged >= u64::from(rows) => left.push((kind, rows)),
                    Ok(_) => {}
                    Err(StoreError::Timeout { .. }) if rows > 1 => {
                        left.push((kind, (rows / SMALLER).max(1)));
                    }
                    Err(error) => failed.push((kind, error)),
                }
            }
            due = left;
            if !due.is_empty() {
                sleep(PAUSE.max(began.elapsed() * REST)).await;
            }
        }
        failed
    }

    /// Deletes `rows` of `kind` at most, and gives how many.
    async fn purge(&self, kind: Kind, rows: u16) -> Result<u64, StoreError> {
        let (store, rows) = (&self.store, i32::from(rows));
        let purged = match kind {
            Kind::Events => purge::events(store, self.before(self.event_retention), rows).await,
            Kind::Streams => {
                purge::streams(store, self.before(self.event_retention * STREAMS), rows).await
            }
            Kind::Sessions => purge::sessions(store, rows).await,
            Kind::ClientRequests => {
                purge::client_requests(store, self.before(PATIENCE * QUESTIONS), rows).await
            }
            Kind::Signals => purge::signals(store, self.before(SIGNALS_KEPT), rows).await,
            Kind::KeyChanges => purge::key_changes(store, self.before(CHANGES_KEPT), rows).await,
            Kind::IdempotencyKeys => purge::idempotency_keys(store, rows).await,
        }?;
        if purged > 0 {
            tracing::debug!(?kind, purged, "purged");
            if kind == Kind::Sessions {
                (self.announce)();
            }
        }
        Ok(purged)
    }

    fn before(&self, age: Duration) -> OffsetDateTime {
        self.ambient.clock.now() - age
    }

    /// Some part of `whole`, so that replicas which start together do not go on together.
    fn part_of(&self, whole: Duration) -> Duration {
        let mut random = [0; 4];
        if let Err(error) = self.ambient.entropy.fill(&mut random) {
            tracing::warn!(%error, "replicas may purge in step");
        }
        whole.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
    }
}

/// Logs what fails now and did not before, and the other way round.
fn note(failing: &mut HashSet<Kind>, failed: Vec<(Kind, StoreError)>) {
    failing.retain(|kind| {
        let still = failed.iter().any(|(failed, _)| failed == kind);
        if !still {
            tracing::info!(?kind, "what is old is purged again");
        }
        still
    });
    for (kind, error) in failed {
        if failing.insert(kind) {
            tracing::warn!(?kind, %error, "what is old is not purged now; it is tried again");
        }
    }
}
