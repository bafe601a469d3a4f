//! One stream while this process writes it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::leases::Leases;
use super::writer::Writer;
use super::{EventId, storable};
use crate::mcp::wire::RpcError;
use crate::model::StreamId;
use crate::store::pg::events::NewEvent;
use crate::store::pg::streams::{self, Kind};
use crate::store::{StoreError, Tenant, Tx};

/// How much a client may leave unread before it is cut off; it can resume.
const UNREAD: usize = 256;
/// The most messages of one stream.
pub const MAX_MESSAGES: i64 = 10_000;
/// The most bytes of the messages of one stream before its answer, and of one answer.
pub const MAX_BYTES: usize = 8 << 20;

/// What goes to the client that reads a stream.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// A stored message, and where the stream goes on after it.
    Event(EventId, String),
    /// Where a client resumes that has read nothing of the stream yet.
    Beginning(EventId),
    /// An answer that could not be stored.
    Unstored(String),
    /// The connection ends; the stream does not.
    Reconnect,
}

/// One stream; its messages get their numbers here and nowhere else.
pub struct Stream {
    tenant: Tenant,
    id: StreamId,
    state: Mutex<State>,
    progress: watch::Sender<Progress>,
    wanted: Notify,
    overfull: CancellationToken,
    writer: Writer,
    leases: Leases,
}

struct State {
    phase: Phase,
    kind: Kind,
    /// What the writer has not taken yet, and whether it is the last.
    pending: VecDeque<(String, bool)>,
    /// Whether the writer knows that there is something to take.
    queued: bool,
    /// Since when somebody else has its row locked.
    busy_since: Option<Instant>,
    /// The number of the last message that the writer has taken.
    taken: i64,
    /// The number of the last message.
    last: i64,
    bytes: usize,
    /// Whether an answer may have been stored by a commit of which nobody knows.
    doubtful: bool,
    client: Option<mpsc::Sender<Outgoing>>,
}

enum Phase {
    /// It has no row yet; what was said waits.
    Waiting,
    /// Its row is there.
    Open,
    /// Nothing more is stored.
    Over,
}

/// How far its events are stored.
#[derive(Clone, Copy, Default)]
struct Progress {
    open: bool,
    stored: i64,
    over: bool,
    failed: bool,
}

impl Stream {
    /// The most messages, and bytes of them, before the answer of a call.
    pub const LIMITS: (i64, usize) = (MAX_MESSAGES, MAX_BYTES);

    /// A stream that has no row yet, and what its client will read.
    pub(super) fn new(
        tenant: Tenant,
        id: StreamId,
        writer: Writer,
        leases: Leases,
    ) -> (Arc<Self>, mpsc::Receiver<Outgoing>) {
        let (client, unread) = mpsc::channel(UNREAD);
        let state = State {
            phase: Phase::Waiting,
            kind: Kind::Post,
            pending: VecDeque::new(),
            queued: false,
            busy_since: None,
            taken: 0,
            last: 0,
            bytes: 0,
            doubtful: false,
            client: Some(client),
        };
        let stream = Self {
            tenant,
            id,
            state: Mutex::new(state),
            progress: watch::Sender::default(),
            wanted: Notify::new(),
            overfull: CancellationToken::new(),
            writer,
            leases,
        };
        (Arc::new(stream), unread)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Where a client resumes that has read nothing yet.
    #[must_use]
    pub fn beginning(&self) -> EventId {
        EventId { stream: self.id, seq: 0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has its row, though perhaps nothing more can be stored.
    pub(in crate::mcp) fn has_row(&self) -> bool {
        !matches!(self.state().phase, Phase::Waiting)
    }

    /// Whether nothing was said on it.
    pub(in crate::mcp) fn is_silent(&self) -> bool {
        self.state().last == 0
    }

    /// Waits until something was said although it has no row yet.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Asks for its row, if it has none yet; `false` when it has not got one within `patience`, or has
    /// ended: nobody would read what it says.
    pub(super) async fn readable(&self, patience: Duration) -> bool {
        self.wanted.notify_one();
        let mut progress = self.progress.subscribe();
        let known = progress.wait_for(|progress| progress.open || progress.over);
        let known = timeout(patience, known).await;
        known.is_ok_and(|progress| progress.is_ok_and(|progress| !progress.over))
    }

    /// Waits until more was said than a stream may hold.
    pub async fn overfull(&self) {
        self.overfull.cancelled().await;
    }

    /// Its row is there: what was said goes to the writer.
    pub(super) fn opened(self: &Arc<Self>, kind: Kind) {
        self.leases.hold(self.tenant.project(), self.id);
        let mut state = self.state();
        state.kind = kind;
        if let Phase::Waiting = state.phase {
            state.phase = Phase::Open;
            self.progress.send_modify(|progress| progress.open = true);
            self.queue(&mut state);
        }
    }

    /// Says `message`. Nobody waits until it is stored: what is said waits, up to [`Self::LIMITS`].
    pub fn say(self: &Arc<Self>, message: &str) {
        let mut state = self.state();
        let bytes = state.bytes + message.len();
        if let Phase::Over = state.phase {
            return;
        }
        if state.last >= MAX_MESSAGES || bytes > MAX_BYTES {
            self.overfull.cancel();
            return;
        }
        state.bytes = bytes;
        self.push(&mut state, message, false);
        self.wanted.notify_one();
    }

    fn push(self: &Arc<Self>, state: &mut State, message: &str, last: bool) {
        state.last += 1;
        state.pending.push_back((storable(message), last));
        self.queue(state);
    }

    /// Tells the writer, if there is something for it that it does not know of.
    fn queue(self: &Arc<Self>, state: &mut State) {
        let open = matches!(state.phase, Phase::Open);
        if open && !state.queued && !state.pending.is_empty() {
            state.queued = true;
            if !self.writer.queue(self.clone()) {
                self.fail(state);
            }
        }
    }

    /// What the writer is to store next: at most `events`, and no more once there are `bytes`; and
    /// whether there is more.
    pub(super) fn take(&self, events: usize, bytes: usize) -> (Vec<NewEvent>, bool) {
        let (project, user, stream) = (self.tenant.project(), self.tenant.user(), self.id);
        let mut state = self.state();
        let (mut taken, mut size) = (Vec::new(), 0);
        while taken.len() < events
            && size < bytes
            && let Some((payload, last)) = state.pending.pop_front()
        {
            state.taken += 1;
            let seq = state.taken;
            size += payload.len();
            taken.push(NewEvent { project, user, stream, seq, payload, last });
        }
        state.queued = !state.pending.is_empty();
        (taken, state.queued)
    }

    /// Takes back what the writer cannot store now, and comes to it for again; gives for how long that
    /// has been so.
    pub(super) fn put_back(&self, events: Vec<NewEvent>) -> Duration {
        let mut state = self.state();
        if let Phase::Open = state.phase {
            for event in events.into_iter().rev() {
                state.taken -= 1;
                state.pending.push_front((event.payload, event.last));
            }
            state.queued = true;
        }
        state.busy_since.get_or_insert_with(Instant::now).elapsed()
    }

    /// Stores `body`, the answer, in the transaction of the change that it tells of, behind all that
    /// was said before.
    ///
    /// # Errors
    /// When it is too large, or the stream has ended meanwhile.
    pub(in crate::mcp) async fn record(&self, tx: &Tx, body: &[u8]) -> Result<(), RpcError> {
        if body.len() > MAX_BYTES {
            return Err(RpcError::answer_too_large(MAX_BYTES));
        }
        let body = storable(&String::from_utf8_lossy(body));
        let last = self.state().last;
        if !self.stored_up_to(last).await {
            return Err(RpcError::stream_ended());
        }
        self.state().doubtful = true;
        let recorded = streams::finish(tx, &self.tenant, self.id, last + 1, &body).await;
        let recorded = recorded.map_err(|error: StoreError| RpcError::from(error))?;
        if recorded { Ok(()) } else { Err(RpcError::stream_ended()) }
    }

    /// Sends the answer that [`Self::record`] stored, now that it is committed.
    pub(super) fn committed(&self, body: String) {
        let mut state = self.state();
        state.last += 1;
        let id = EventId { stream: self.id, seq: state.last };
        deliver(&mut state, Outgoing::Event(id, body));
        self.end(&mut state);
    }

    /// Sends what the table has as its last message.
    pub(super) fn settled(&self, body: String) {
        let mut state = self.state();
        let id = EventId { stream: self.id, seq: state.last };
        deliver(&mut state, Outgoing::Event(id, body));
        self.end(&mut state);
    }

    /// Stores `body`, the last message, and gives its number once it is known what became of it.
    pub(super) async fn conclude(self: &Arc<Self>, body: &str) -> i64 {
        let seq = {
            let mut state = self.state();
            if let Phase::Open = state.phase {
                self.push(&mut state, body, true);
            }
            state.last
        };
        self.stored_up_to(seq).await;
        let failed = self.progress.borrow().failed;
        let mut state = self.state();
        if failed {
            deliver(&mut state, Outgoing::Unstored(body.to_owned()));
        }
        if failed || !state.doubtful {
            self.end(&mut state);
        }
        seq
    }

    /// Whether all up to `seq` is stored, once that is known.
    async fn stored_up_to(&self, seq: i64) -> bool {
        let mut progress = self.progress.subscribe();
        let known = progress.wait_for(|progress| progress.over || progress.stored >= seq).await;
        known.is_ok_and(|progress| progress.stored >= seq)
    }

    /// Whether its answer may be in the table although this process did not see it committed.
    pub(super) fn is_doubtful(&self) -> bool {
        self.state().doubtful
    }

    /// The writer has stored `event`, or may not. Then the answer of a call has ended elsewhere; of two
    /// GETs the newer takes the messages while it is there, and the number is the next one's.
    pub(super) fn note_stored(&self, event: &NewEvent, stored: bool) {
        let mut state = self.state();
        state.busy_since = None;
        if !stored {
            match state.kind {
                Kind::Post => self.stop(&mut state),
                Kind::Get => {
                    state.taken -= 1;
                    state.last -= 1;
                }
            }
            return;
        }
        if !(event.last && state.doubtful) {
            let id = EventId { stream: self.id, seq: event.seq };
            deliver(&mut state, Outgoing::Event(id, event.payload.clone()));
        }
        drop(state);
        self.progress.send_modify(|progress| progress.stored = event.seq);
    }

    /// The writer could not store an event.
    pub(super) fn note_failure(&self) {
        self.fail(&mut self.state());
    }

    fn fail(&self, state: &mut State) {
        self.progress.send_modify(|progress| progress.failed = true);
        if state.kind == Kind::Get {
            // Its client resumes, and is told then.
            state.client = None;
        }
        self.stop(state);
    }

    /// Nothing more is stored: what comes behind what is not would leave a gap.
    fn stop(&self, state: &mut State) {
        state.phase = Phase::Over;
        state.pending.clear();
        self.progress.send_modify(|progress| progress.over = true);
    }

    /// Ends the connection of its client, who may resume it; the stream goes on. One that has no row
    /// yet gets it first.
    pub fn disconnect(&self) {
        let mut state = self.state();
        deliver(&mut state, Outgoing::Reconnect);
        state.client = None;
        self.wanted.notify_one();
    }

    /// Nothing more is said.
    pub(super) fn abandon(&self) {
        self.end(&mut self.state());
    }

    fn end(&self, state: &mut State) {
        self.stop(state);
        state.client = None;
        self.leases.release(self.id);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.leases.release(self.id);
    }
}

/// Hands `outgoing` to the client's connection; one that has left too much unread is cut off.
fn deliver(state: &mut State, outgoing: Outgoing) {
    if let Some(client) = &state.client
        && client.try_send(outgoing).is_err()
    {
        state.client = None;
    }
}
