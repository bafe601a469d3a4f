//! Reading the changes.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{KeyWatch, News};
use crate::store::pg::key_changes::{self, KeyNews};
use crate::store::{Snapshot, StoreError};

/// How often they are read while anyone relies on it.
const PERIOD: Duration = Duration::from_millis(250);
/// The shortest time between two reads, however often something is changed here.
const GAP: Duration = Duration::from_millis(10);
/// How long one read may take. What it tells is late then, but true; a connection that is lost and
/// says nothing is replaced.
const PATIENCE: Duration = Duration::from_secs(2);
/// After so long without a read that succeeded, who holds a stream open is let go.
pub const BLIND: Duration = Duration::from_secs(5);
/// How long changes are kept for the replicas to read, from the statement that wrote them: their
/// transactions are committed earlier than that.
pub const CHANGES_KEPT: Duration = Duration::from_hours(24);
/// After so long without a read, changes may have been purged before they were read.
const MAX_ABSENCE: Duration = Duration::from_hours(1);

/// Since when reads fail, if they do.
type Trouble = Option<Instant>;

impl KeyWatch {
    /// Reads while anyone relies on it, until `drained`.
    pub async fn keep(&self, drained: &CancellationToken) {
        tokio::select! {
            () = drained.cancelled() => {}
            () = self.poll() => {}
        }
    }

    async fn poll(&self) {
        let mut trouble = Trouble::None;
        // The first time at the start, so that who calls first is remembered.
        loop {
            let began = Instant::now();
            match self.look(began).await {
                Ok(changed) => self.succeeded(&mut trouble, changed),
                Err(error) => self.failed(&mut trouble, began, &error),
            }
            tokio::select! {
                () = sleep_until(began + PERIOD) => {}
                () = self.changed.notified() => sleep(GAP).await,
            }
            while !self.reliance.is_there(Instant::now()) {
                self.tell(News::default());
                trouble = None;
                self.reliance.begins().await;
            }
        }
    }

    /// Reads once, from `began` on; gives whether there were changes, or may have been before.
    async fn look(&self, began: Instant) -> Result<bool, StoreError> {
        let at = self.clock.now();
        let since = self.since(at);
        let reading = key_changes::read(&self.store, since.as_ref());
        let late =
            |_| StoreError::Unavailable(format!("no answer within {} s", PATIENCE.as_secs()));
        let news: KeyNews = timeout(PATIENCE, reading).await.map_err(late)??;
        let changed = !news.changes.is_empty();
        let mut known = self.write();
        let now = Instant::now();
        let anew = known.knowledge.learn(news, now);
        if changed {
            known.learned = Some(now);
        }
        (known.looked, known.looked_at) = (Some(began), Some(at));
        drop(known);
        if anew {
            self.changed();
        }
        Ok(changed || anew)
    }

    /// Where the look that begins at `now` takes up.
    fn since(&self, now: OffsetDateTime) -> Option<Snapshot> {
        let mut known = self.write();
        if known.looked_at.is_some_and(|looked| now - looked > MAX_ABSENCE) {
            known.knowledge.forget();
        }
        known.knowledge.last().cloned()
    }

    fn succeeded(&self, trouble: &mut Trouble, changed: bool) {
        if trouble.take().is_some() {
            tracing::info!("changes of keys are read again");
        }
        if changed || self.news.borrow().blind {
            self.tell(News { blind: false });
        }
    }

    fn failed(&self, trouble: &mut Trouble, began: Instant, error: &StoreError) {
        if trouble.is_none() {
            tracing::warn!(%error, "changes of keys cannot be read; each key is looked up");
        }
        let since = *trouble.get_or_insert(began);
        if since.elapsed() >= BLIND && !self.news.borrow().blind {
            // What has become too much to read in time is not read any more.
            self.write().knowledge.forget();
            self.tell(News { blind: true });
        }
    }

    fn tell(&self, news: News) {
        self.news.send_replace(news);
    }
}
