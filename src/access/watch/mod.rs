//! Whether what was read of a key still holds, so that a revoked one is refused everywhere in less
//! than a second.
//!
//! Whatever changes a key leaves a row in `key_changes`, in its transaction. Each process reads that
//! table several times a second while anyone relies on it, through any pooler and whether Redis is
//! there or not; nothing needs to be told to anyone. A remembered key holds if that was read a moment
//! ago, and shows no change of the key that was not seen when the key was read. So an answer is
//! believed by what it saw, not by when it came or from where: a look-up that began before a
//! revocation may store what it likes, and so may whoever can write to Redis. Where the table cannot
//! be read, nothing remembered holds, and Postgres is asked for each call.
//!
//! [`Snapshot`](crate::store::Snapshot) is what an answer saw, `knowledge` what is known of changes,
//! `poller` reads them, and `reliance` says whether anyone relies on that.

mod knowledge;
mod poller;
mod reliance;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::model::Clock;
use crate::store::Store;
use crate::store::pg::keys::KeyRecord;
use knowledge::Knowledge;
use reliance::{Reliance, Relying};

pub use poller::{BLIND, CHANGES_KEPT};

/// How long a look at the changes vouches for what is remembered, counted from when it began: with
/// whatever else a call does, less than a second. A few looks may fail before nothing is believed.
pub const TRUST: Duration = Duration::from_millis(800);

/// Watches the changes of keys.
pub struct KeyWatch {
    store: Store,
    clock: Clock,
    known: RwLock<Known>,
    reliance: Arc<Reliance>,
    /// Something was changed here.
    changed: Notify,
    news: watch::Sender<News>,
}

/// What is known, and how well.
#[derive(Debug, Default)]
struct Known {
    knowledge: Knowledge,
    /// When the last look that succeeded began.
    looked: Option<Instant>,
    /// The same by the clock, which goes on while the machine sleeps.
    looked_at: Option<OffsetDateTime>,
    /// What is older vouches for nothing: something was changed here.
    floor: Option<Instant>,
    /// When changes were learned last.
    learned: Option<Instant>,
}

/// Ticks when there are changes, and when they cannot be read any more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct News {
    /// For a while the changes could not be read.
    pub(super) blind: bool,
}

impl KeyWatch {
    /// A watch on `store`, which calls do not share.
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            known: RwLock::default(),
            reliance: Arc::default(),
            changed: Notify::new(),
            news: watch::Sender::default(),
        }
    }

    /// Says that something was committed here that may have changed keys: nothing that was read
    /// before now is believed until the changes have been read again. Waits for nothing.
    pub fn changed(&self) {
        self.write().floor = Some(Instant::now());
        self.changed.notify_one();
    }

    /// Notes that something that may be remembered is used.
    pub(super) fn used(&self, now: Instant) {
        self.reliance.use_at(now);
    }

    /// Whether anything that was remembered may be believed by who asked at `asked`.
    pub(super) fn is_current(&self, asked: Instant) -> bool {
        let known = self.read();
        known.is_young(known.looked, asked)
    }

    /// Whether `key`, which was looked up at `began` if that was done here, is believed by who asked
    /// at `asked`.
    pub(super) fn holds(&self, key: &KeyRecord, began: Option<Instant>, asked: Instant) -> bool {
        let known = self.read();
        // Either it was read a moment ago itself, or the changes were, all that came after it.
        let looked = known.is_young(known.looked, asked) && known.knowledge.reaches(&key.as_of);
        (looked || known.is_young(began, asked)) && !known.knowledge.is_superseded(key)
    }

    /// Whether any key is known, or may be thought, to have changed since `began`.
    pub(super) fn has_learned_since(&self, began: Instant) -> bool {
        let known = self.read();
        [known.floor, known.learned].into_iter().flatten().any(|moment| moment >= began)
    }

    /// Whether all changes of `key` since it was read are known, and there is none.
    pub(super) fn covers(&self, key: &KeyRecord) -> bool {
        self.read().knowledge.covers(key)
    }

    /// Learns of changes for as long as this is kept.
    pub(super) fn follow(&self) -> (watch::Receiver<News>, Relying) {
        (self.news.subscribe(), Relying::on(&self.reliance))
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether what was looked at from `began` on vouches for anything to who asked at `asked`.
    fn is_young(&self, began: Option<Instant>, asked: Instant) -> bool {
        began.is_some_and(|began| {
            began + TRUST > asked && self.floor.is_none_or(|floor| began >= floor)
        })
    }
}
