//! What was sent on streams, for clients that come back: written by the server for many tenants at
//! once, read by whose stream it is.

use uuid::Uuid;

use crate::model::{ProjectId, StreamId, UserId};
use crate::store::statement::statements;
use crate::store::{Store, StoreError, Tenant, Tx};

statements! {
    STORE = "events.store" (UUID_ARRAY, UUID_ARRAY, UUID_ARRAY, INT8_ARRAY, TEXT_ARRAY, BOOL_ARRAY)
        "select stream_id, seq from app.store_events($1, $2, $3, $4, $5::jsonb[], $6)";
    AFTER = "events.after" (UUID, UUID, UUID, INT8, INT8)
        "select seq, payload::text as payload from mcp_events \
         where project_id = $1 and stream_id = $2 and user_id = $3 and seq > $4 \
         order by seq limit $5";
}

/// An event to store.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The stream's project.
    pub project: ProjectId,
    /// Whose stream it is.
    pub user: UserId,
    /// The stream.
    pub stream: StreamId,
    /// Its place in the stream.
    pub seq: i64,
    /// The message, as JSON.
    pub payload: String,
    /// Whether it is the stream's last, which closes it.
    pub last: bool,
}

/// An event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in the stream.
    pub seq: i64,
    /// The message, as JSON.
    pub payload: String,
}

/// What became of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Those that are in the table now.
    pub events: Vec<(StreamId, i64)>,
    /// Streams that somebody else has locked: what of theirs is not stored may come again.
    pub busy: Vec<StreamId>,
}

/// Stores `events` of any streams of any tenants, in one statement, and waits for no lock. Missing in
/// both answers is what belongs on no open stream, or on a GET stream that is not the newest of its
/// session. To store the same events again changes nothing and gives the same.
///
/// # Errors
/// See [`StoreError`]. One event that Postgres refuses fails them all: a payload that is no JSON,
/// has `\u0000`, or is larger than 16 MiB.
pub async fn store(store: &Store, events: &[NewEvent]) -> Result<Stored, StoreError> {
    let of = |id: fn(&NewEvent) -> Uuid| -> Vec<Uuid> { events.iter().map(id).collect() };
    let (projects, streams) = (of(|event| event.project.0), of(|event| event.stream.0));
    let users = of(|event| event.user.0);
    let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
    let payloads: Vec<&str> = events.iter().map(|event| event.payload.as_str()).collect();
    let finals: Vec<bool> = events.iter().map(|event| event.last).collect();
    let rows = store.serve_write(async |tx| {
        tx.rows(&STORE, &[&projects, &streams, &users, &seqs, &payloads, &finals]).await
    });
    let mut stored = Stored::default();
    for row in rows.await? {
        let stream = StreamId(row.get("stream_id"));
        match row.get("seq") {
            Some(seq) => stored.events.push((stream, seq)),
            None => stored.busy.push(stream),
        }
    }
    Ok(stored)
}

/// At most `limit` events of the caller's stream that come after `after`, in their order.
///
/// # Errors
/// See [`StoreError`].
pub async fn after(
    tx: &Tx,
    tenant: &Tenant,
    stream: StreamId,
    after: i64,
    limit: i64,
) -> Result<Vec<StoredEvent>, StoreError> {
    let (project, user) = (tenant.project().0, tenant.user().0);
    let rows = tx.rows(&AFTER, &[&project, &stream.0, &user, &after, &limit]).await?;
    let events =
        rows.iter().map(|row| StoredEvent { seq: row.get("seq"), payload: row.get("payload") });
    Ok(events.collect())
}
