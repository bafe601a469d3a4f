//! Who relies on what is remembered: as long as anyone does, changes are read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a use counts.
const ATTENTION: Duration = Duration::from_secs(5);

/// Streams that are open, and when something remembered was used last.
#[derive(Debug, Default)]
pub(super) struct Reliance {
    streams: AtomicUsize,
    used: Mutex<Option<Instant>>,
    began: Notify,
}

/// Someone who relies on it, until it is dropped.
#[derive(Debug)]
pub(in crate::access) struct Relying(Arc<Reliance>);

impl Reliance {
    /// Something is used at `now`.
    pub(super) fn use_at(&self, now: Instant) {
        let before = self.lock().replace(now);
        // Whoever waits has seen that the last use was long ago.
        if before.is_none_or(|before| now >= before + ATTENTION / 2) {
            self.began.notify_one();
        }
    }

    /// Whether anyone relies on it at `now`.
    pub(super) fn is_there(&self, now: Instant) -> bool {
        let streams = self.streams.load(Ordering::Relaxed);
        streams > 0 || self.lock().is_some_and(|used| now < used + ATTENTION)
    }

    /// Waits for someone who begins to while nobody does.
    pub(super) async fn begins(&self) {
        self.began.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Relying {
    /// A stream that is open.
    pub(super) fn on(reliance: &Arc<Reliance>) -> Self {
        if reliance.streams.fetch_add(1, Ordering::Relaxed) == 0 {
            reliance.began.notify_one();
        }
        Self(reliance.clone())
    }
}

impl Drop for Relying {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_use_counts_for_a_while_and_a_stream_for_as_long_as_it_is_open() {
        let reliance = Arc::new(Reliance::default());
        let start = Instant::now();
        assert!(!reliance.is_there(start));
        reliance.use_at(start);
        reliance.begins().await;
        assert!(reliance.is_there(start + ATTENTION - Duration::from_millis(1)));
        assert!(!reliance.is_there(start + ATTENTION));
        let stream = Relying::on(&reliance);
        reliance.begins().await;
        assert!(reliance.is_there(start + ATTENTION * 9));
        drop(stream);
        assert!(!reliance.is_there(start + ATTENTION * 9));
        reliance.use_at(start + ATTENTION * 9);
        reliance.begins().await;
    }
}
