//! Reading Postgres: what happened since the last time, and how the followed streams are.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, sleep, sleep_until};

use super::Bus;
use crate::model::{SIGNALS_KEPT, SignalKind};
use crate::store::StoreError;
use crate::store::pg::signals;
use crate::store::pg::streams;

/// How often it is read while someone is there.
const PERIOD: Duration = Duration::from_millis(200);
/// How often while nobody is, so that what was read last stays young.
const IDLE_PERIOD: Duration = Duration::from_mins(1);
/// The shortest time between two reads, however often something is said to have happened; longer
/// after one that took longer.
const GAP: Duration = Duration::from_millis(10);
/// After this long without a read, signals may have been purged before they were read.
pub(in crate::mcp) const MAX_ABSENCE: Duration =
    SIGNALS_KEPT.saturating_sub(Duration::from_mins(1));

/// How far it was read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    last: Option<Read>,
    /// The last read, if it failed.
    failed: Option<Failed>,
    /// Whether the streams could not be looked at.
    blind: bool,
}

#[derive(Debug)]
struct Read {
    /// Which transactions it saw.
    snapshot: String,
    /// Before it began, by the clock that goes on while the machine sleeps.
    at: OffsetDateTime,
    /// The same by the one that never goes back.
    began: Instant,
}

#[derive(Debug)]
struct Failed {
    at: Instant,
    problem: String,
}

impl Reader {
    /// The failure of a read that ended after `time`.
    pub(super) fn failed_since(&self, time: Instant) -> Option<StoreError> {
        let failed = self.failed.as_ref().filter(|failed| failed.at >= time)?;
        Some(StoreError::Unavailable(failed.problem.clone()))
    }

    /// Whether the last read that was one began after `time`.
    pub(super) fn has_read_since(&self, time: Instant) -> bool {
        self.last.as_ref().is_some_and(|last| last.began >= time)
    }

    /// Whether signals may have been purged between the last read and `now`.
    fn is_too_old(&self, now: OffsetDateTime) -> bool {
        self.last.as_ref().is_some_and(|last| now - last.at > MAX_ABSENCE)
    }

    fn succeeded(&mut self, read: Read) {
        self.last = Some(read);
        if self.failed.take().is_some() {
            tracing::info!("what happens is heard again");
        }
    }

    fn failed(&mut self, error: &StoreError) {
        let failed = Failed { at: Instant::now(), problem: error.to_string() };
        if self.failed.replace(failed).is_none() {
            tracing::warn!(%error, "what happens is not heard now; it is asked for again");
        }
    }
}

impl Bus {
    /// Reads when it is time, for ever.
    pub(super) async fn poll(&self) {
        let mut ticked = None;
        loop {
            let tick = self.is_tick(ticked).await;
            let start = Instant::now();
            if tick {
                ticked = Some(start);
            }
            let read = self.read(tick).await;
            // A failure has been said; what happens meanwhile is read at the next try.
            sleep(if read.is_ok() { GAP.max(start.elapsed()) } else { PERIOD }).await;
        }
    }

    /// Waits for the next tick, or until something is said to have happened.
    async fn is_tick(&self, last: Option<Instant>) -> bool {
        let Some(last) = last else { return true };
        loop {
            let period = if self.attendants.any() { PERIOD } else { IDLE_PERIOD };
            tokio::select! {
                () = sleep_until(last + period) => return true,
                () = self.hint.notified() => return false,
                () = self.attendants.came() => {}
            }
        }
    }

    async fn read(&self, tick: bool) -> Result<(), StoreError> {
        let mut reader = self.reader.lock().await;
        self.advance(&mut reader).await?;
        if tick { self.look(&mut reader).await } else { Ok(()) }
    }

    /// Reads what has happened since the last read, and tells it.
    pub(super) async fn advance(&self, reader: &mut Reader) -> Result<(), StoreError> {
        let (at, began) = (self.clock.now(), Instant::now());
        let lost = reader.is_too_old(at);
        let since = reader.last.as_ref().filter(|_| !lost).map(|last| last.snapshot.as_str());
        let news =
            signals::read(&self.store, since).await.inspect_err(|error| reader.failed(error))?;
        reader.succeeded(Read { snapshot: news.snapshot, at, began });
        if lost {
            self.listeners.tell_lost();
        }
        for signal in news.signals {
            if is_order(signal.kind) {
                (self.obey)(&signal);
            }
            self.listeners.tell(signal);
        }
        Ok(())
    }

    /// Looks at the streams that are followed.
    async fn look(&self, reader: &mut Reader) -> Result<(), StoreError> {
        let asked = self.followers.streams();
        if asked.is_empty() {
            return Ok(());
        }
        let heads = streams::heads(&self.store, &asked).await;
        match &heads {
            Ok(heads) => {
                self.followers.compare(&asked, heads);
                if std::mem::take(&mut reader.blind) {
                    tracing::info!("streams are followed again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut reader.blind, true) {
                    tracing::warn!(%error, "streams are not followed now; they are looked at again");
                }
            }
        }
        heads.map(drop)
    }
}

/// Whether a signal asks for something to be done.
fn is_order(kind: SignalKind) -> bool {
    match kind {
        SignalKind::CallCancelled | SignalKind::RequestAnswered | SignalKind::SessionEnded => true,
        SignalKind::ResourceCreated
        | SignalKind::ResourceUpdated
        | SignalKind::ResourceDeleted
        | SignalKind::ToolsChanged
        | SignalKind::PromptsChanged
        | SignalKind::SessionChanged => false,
    }
}
