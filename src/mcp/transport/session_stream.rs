//! A stream of a session as events with ids, by which its client resumes it.

use std::time::Duration;

use futures_util::{Stream, stream};
use sse_stream::Sse;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::sse;
use crate::mcp::streams::{Announcements, EventId, Outgoing, Replay};
use crate::mcp::wire::version;

/// How long a client waits before it resumes.
const RETRY: Duration = Duration::from_millis(500);

/// Where a stream comes from.
pub(super) enum Source {
    /// A call that runs here, and where a client resumes that has read nothing of it yet.
    Call(Option<EventId>, mpsc::Receiver<Outgoing>),
    /// The table.
    Replay(Box<Replay>),
    /// What the server tells by itself.
    Announcements(Box<Announcements>),
}

impl Source {
    async fn next(&mut self) -> Option<Outgoing> {
        match self {
            Self::Call(beginning, unread) => match beginning.take() {
                Some(beginning) => Some(Outgoing::Beginning(beginning)),
                None => unread.recv().await,
            },
            Self::Replay(replay) => replay.next().await,
            Self::Announcements(announcements) => announcements.next().await,
        }
    }

    /// Whether the connection may end although the stream does not, once the server stops: a call that
    /// runs here is waited for.
    fn can_move(&self) -> bool {
        !matches!(self, Self::Call(..))
    }
}

struct Connection {
    source: Source,
    /// When it ends although the stream does not.
    end: Option<Instant>,
    /// Whether its client can resume it yet.
    resumable: bool,
    stopping: CancellationToken,
    ended: bool,
}

/// The events of `source` for a client of `version`; `jitter` is any number.
pub(super) fn events(
    source: Source,
    version: &str,
    jitter: u64,
    stopping: CancellationToken,
) -> impl Stream<Item = Sse> + use<> {
    // A call of an older version lives as long as it runs.
    let ends = version::has_priming(version) || source.can_move();
    let end = ends.then(|| Instant::now() + sse::age(jitter));
    let connection = Connection { source, end, resumable: false, stopping, ended: false };
    stream::unfold(connection, async |mut connection| {
        let event = connection.next().await?;
        Some((event, connection))
    })
}

impl Connection {
    async fn next(&mut self) -> Option<Sse> {
        if self.ended {
            return None;
        }
        let (can_move, end) = (self.source.can_move(), self.end.filter(|_| self.resumable));
        tokio::select! {
            biased;
            outgoing = self.source.next() => Some(self.event(outgoing?)),
            () = self.stopping.cancelled(), if can_move => Some(self.last()),
            () = tokio::time::sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => Some(self.last()),
        }
    }

    fn event(&mut self, outgoing: Outgoing) -> Sse {
        match outgoing {
            Outgoing::Event(id, message) => {
                self.resumable = true;
                sse::message(message).id(id.to_string())
            }
            Outgoing::Beginning(id) => {
                self.resumable = true;
                priming(id)
            }
            Outgoing::Unstored(message) => sse::message(message),
            Outgoing::Reconnect => self.last(),
        }
    }

    /// Tells the client when to resume, and ends.
    fn last(&mut self) -> Sse {
        self.ended = true;
        Sse::default().retry_duration(RETRY)
    }
}

/// An event without a message (2025-11-25, basic/transports, sending messages).
fn priming(beginning: EventId) -> Sse {
    Sse::default().id(beginning.to_string()).retry_duration(RETRY).data("")
}
