//! What happened here and the other replicas are still to be told.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::model::StreamId;
use crate::store::kv::Wakes;

/// Streams that wait to be told at most; of more the others learn when they ask Postgres.
const MAX_STREAMS: usize = 4096;
/// The shortest time between two messages: what happens meanwhile goes into one.
const GAP: Duration = Duration::from_millis(10);

/// What is to be told.
#[derive(Debug, Default)]
pub(super) struct Untold {
    waiting: Mutex<Waiting>,
    some: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    signals: bool,
    streams: HashSet<StreamId>,
}

impl Untold {
    /// There are new signals.
    pub(super) fn signals(&self) {
        self.note(|waiting| waiting.signals = true);
    }

    /// There is news of `streams`.
    pub(super) fn streams(&self, streams: &[StreamId]) {
        self.note(|waiting| {
            let room = MAX_STREAMS.saturating_sub(waiting.streams.len());
            waiting.streams.extend(streams.iter().take(room));
        });
    }

    fn note(&self, more: impl FnOnce(&mut Waiting)) {
        more(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.some.notify_one();
    }

    /// Tells it by `wakes`, for ever.
    pub(super) async fn tell(&self, wakes: &Wakes) {
        loop {
            self.some.notified().await;
            let waiting = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut *waiting)
            };
            if waiting.signals {
                wakes.tell_signals().await;
            }
            let streams: Vec<StreamId> = waiting.streams.into_iter().collect();
            wakes.tell_streams(&streams).await;
            tokio::time::sleep(GAP).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_waits_is_bounded_and_never_twice() {
        let untold = Untold::default();
        let streams: Vec<_> =
            (0..MAX_STREAMS as u128 + 9).map(|number| StreamId(Uuid::from_u128(number))).collect();
        for _ in 0..2 {
            untold.streams(&streams[..3]);
        }
        let count = || untold.waiting.lock().unwrap().streams.len();
        assert_eq!(count(), 3);
        untold.streams(&streams);
        untold.streams(&streams);
        assert!(count() <= MAX_STREAMS && !untold.waiting.lock().unwrap().signals);
        untold.signals();
        assert!(untold.waiting.lock().unwrap().signals);
    }
}
