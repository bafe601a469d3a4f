//! Streams of the legacy era (2025-11-25, basic/transports): each is a row, and each of its messages an
//! event that is stored before it is sent, so that a client whose connection broke goes on where it was,
//! on any replica.
//!
//! A [`Stream`] is written by the one process that holds its lease: it numbers the messages, and the
//! writer stores them in batches; the answer of a change is stored in the change's own transaction.
//! A [`Replay`] reads a stream back, and goes on with what its writer stores.
//! [`Announcements`] is the stream of what the server tells by itself.

mod announcements;
mod asks;
pub mod calls;
mod event_id;
mod leases;
mod opening;
mod replay;
mod stream;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use announcements::Announcements;
pub(super) use asks::Asked;
pub use calls::Calls;
pub use event_id::EventId;
pub use leases::LEASE;
pub use replay::Replay;
pub use stream::{Outgoing, Stream};
pub use writer::Queue;

use crate::model::StreamId;
use crate::store::pg::streams::{Kind, NewStream};
use crate::store::{Store, Tenant};
use leases::Leases;
use writer::Writer;

/// What this process writes. Cheap to clone.
#[derive(Clone)]
pub struct Streams {
    /// The id of this process.
    replica: Uuid,
    writer: Writer,
    leases: Leases,
    /// The calls that run here.
    pub calls: Calls,
    /// What a stop waits for.
    tasks: TaskTracker,
}

impl Streams {
    /// Streams written by the process `replica`, which counts as dead when it says nothing for as long
    /// as `lease`, and what [`Queue::keep`] must store for them.
    #[must_use]
    pub fn new(replica: Uuid, lease: Duration, calls: Calls, tasks: TaskTracker) -> (Self, Queue) {
        let (writer, queue) = Writer::new();
        (Self { replica, writer, leases: Leases::new(lease), calls, tasks }, queue)
    }

    /// Renews the leases of what is written, until `drained` is cancelled.
    pub async fn keep(&self, store: &Store, drained: &CancellationToken) {
        self.leases.keep(store, self.replica, drained).await;
    }

    /// A stream of `tenant` that has no row yet, and what its client will read.
    pub(super) fn begin(
        &self,
        tenant: Tenant,
        id: StreamId,
    ) -> (Arc<Stream>, mpsc::Receiver<Outgoing>) {
        Stream::new(tenant, id, self.writer.clone(), self.leases.clone())
    }

    /// The row of `stream`.
    pub(super) fn row<'a>(
        &self,
        stream: &Stream,
        session: &'a str,
        request_id: Option<&'a str>,
    ) -> NewStream<'a> {
        let kind = if request_id.is_some() { Kind::Post } else { Kind::Get };
        let (owner, lease) = (self.replica, self.leases.lease());
        NewStream { id: stream.id(), session, request_id, kind, owner, lease }
    }
}

/// `message` as the database can keep it: JSON of Postgres has no NUL.
fn storable(message: &str) -> String {
    const NUL: &str = "\\u0000";
    let mut rest = message;
    let mut kept = String::with_capacity(message.len());
    while let Some((before, after)) = rest.split_once(NUL) {
        let backslashes = before.bytes().rev().take_while(|byte| *byte == b'\\').count();
        kept.push_str(before);
        // Behind an odd number of them it is a backslash and the text `u0000`.
        kept.push_str(if backslashes % 2 == 0 { "\\ufffd" } else { NUL });
        rest = after;
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::storable;

    #[test]
    fn only_real_nuls_are_replaced() {
        for (text, kept) in [
            ("a\0b", "a\u{fffd}b"),
            ("\\u0000", "\\u0000"),
            ("\\\0\\\\u0000", "\\\u{fffd}\\\\u0000"),
        ] {
            let stored: Value = serde_json::from_str(&storable(&json!(text).to_string())).unwrap();
            assert_eq!(stored, kept);
        }
    }
}
