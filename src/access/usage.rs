//! How often and when keys are used: counted in the process, stored together.
//!
//! A call costs a short lock and nothing else. [`keep`] stores what was counted twice a minute and
//! at the end of the process; what cannot be stored is kept for the next time, within a bound.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use time::{Date, OffsetDateTime};
use tokio_util::sync::CancellationToken;

use crate::model::{Clock, KeyId, ProjectId};
use crate::store::pg::usage::{self, Counted};
use crate::store::{Store, StoreError};

/// How long counts wait to be stored.
const PERIOD: Duration = Duration::from_secs(30);
/// Counts that are kept at most, one for each key and day; of more keys nothing is known.
const MAX_KEPT: usize = 50_000;
/// The longest client name that is kept, in characters: 200 bytes at most.
const MAX_CLIENT_CHARS: usize = 50;

/// Counts calls.
#[derive(Debug)]
pub struct Usage {
    counts: Mutex<HashMap<(ProjectId, KeyId, Date), Count>>,
    clock: Clock,
}

#[derive(Debug)]
struct Count {
    calls: i64,
    used_at: OffsetDateTime,
    client: Option<String>,
}

impl Usage {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { counts: Mutex::default(), clock }
    }

    /// Counts a call by `key` of `project`, made with `client` if that is known.
    pub fn count(&self, project: ProjectId, key: KeyId, client: Option<&str>) {
        let now = self.clock.now();
        let kept = |name: &str| -> String {
            name.chars().filter(|char| !char.is_control()).take(MAX_CLIENT_CHARS).collect()
        };
        let client = client.map(kept).filter(|name| !name.is_empty());
        self.add((project, key, now.date()), Count { calls: 1, used_at: now, client });
    }

    fn add(&self, of: (ProjectId, KeyId, Date), more: Count) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&of) {
            count.calls = count.calls.saturating_add(more.calls);
            if more.used_at >= count.used_at {
                count.used_at = more.used_at;
                count.client = more.client.or_else(|| count.client.take());
            }
        } else if counts.len() < MAX_KEPT {
            counts.insert(of, more);
        }
    }

    /// What was counted, and nothing is counted any more.
    fn take(&self) -> Vec<Counted> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = std::mem::take(&mut *counts).into_iter();
        let counted = counts.map(|((project, key, day), count)| {
            let Count { calls, used_at, client } = count;
            Counted { project, key, day, calls, used_at, client }
        });
        counted.collect()
    }

    /// Counts again what was not stored.
    fn restore(&self, counted: Vec<Counted>) {
        for Counted { project, key, day, calls, used_at, client } in counted {
            self.add((project, key, day), Count { calls, used_at, client });
        }
    }

    /// Stores what was counted. What may have been stored already is not stored again.
    async fn flush(&self, store: &Store) -> Result<(), StoreError> {
        let counted = self.take();
        if counted.is_empty() {
            return Ok(());
        }
        let stored = usage::touch(store, &counted).await;
        if let Err(error) = &stored
            && !matches!(error, StoreError::CommitLost(_))
        {
            self.restore(counted);
        }
        stored
    }
}

/// Stores what `usage` counts until `drained`, when nothing is counted any more. From `stopping` on
/// there may be little time left, so that most is stored then.
pub async fn keep(
    usage: &Usage,
    store: &Store,
    stopping: &CancellationToken,
    drained: &CancellationToken,
) {
    let (mut stopped, mut failing) = (false, false);
    loop {
        let last = tokio::select! {
            () = drained.cancelled() => true,
            () = stopping.cancelled(), if !stopped => {
                stopped = true;
                false
            }
            () = tokio::time::sleep(PERIOD) => false,
        };
        let stored = usage.flush(store).await;
        match &stored {
            Ok(()) if failing => tracing::info!("the use of keys is stored again"),
            Err(error) if !failing => {
                tracing::warn!(%error, "the use of keys is not stored now; it is kept for a while");
            }
            _ => {}
        }
        failing = stored.is_err();
        if last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const PROJECT: ProjectId = ProjectId(Uuid::nil());

    fn usage_at(now: OffsetDateTime) -> Usage {
        Usage::new(Clock::fixed(now))
    }

    #[test]
    fn calls_of_a_day_are_one_entry_with_the_last_client_that_is_known() {
        let usage = usage_at(datetime!(2026-01-31 23:59 UTC));
        let key = KeyId(Uuid::max());
        for client in [Some("one"), Some("two"), None, Some(""), Some("\0\n")] {
            for _ in 0..1000 {
                usage.count(PROJECT, key, client);
            }
        }
        usage.count(PROJECT, KeyId(Uuid::nil()), Some(&"é".repeat(300)));
        let mut counted = usage.take();
        counted.sort_by_key(|one| one.calls);
        assert_eq!(counted.len(), 2);
        assert_eq!(counted[0].client.as_ref().unwrap().len(), 100);
        assert_eq!((counted[1].calls, counted[1].client.as_deref()), (5000, Some("two")));
        assert!(usage.take().is_empty());
    }

    #[test]
    fn what_was_not_stored_is_added_to_what_came_since_and_never_makes_it_older() {
        let (early, late) = (datetime!(2026-01-31 12:00 UTC), datetime!(2026-01-31 13:00 UTC));
        let key = KeyId(Uuid::nil());
        let failed = usage_at(early);
        failed.count(PROJECT, key, Some("early"));
        let usage = usage_at(late);
        usage.count(PROJECT, key, Some("late"));
        usage.restore(failed.take());
        let counted = usage.take();
        assert_eq!((counted.len(), counted[0].calls), (1, 2));
        assert_eq!((counted[0].used_at, counted[0].client.as_deref()), (late, Some("late")));
    }

    #[test]
    fn memory_is_bounded() {
        let usage = usage_at(OffsetDateTime::UNIX_EPOCH);
        for number in 0..MAX_KEPT as u128 + 10 {
            usage.count(PROJECT, KeyId(Uuid::from_u128(number)), None);
        }
        assert_eq!(usage.take().len(), MAX_KEPT);
    }
}
