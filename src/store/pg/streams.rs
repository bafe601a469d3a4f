//! Streams of events to clients: rows, with a lease that says which replica writes on them.
//!
//! Whoever closes a stream or writes on it locks its row first, so that nothing is stored on a
//! closed one and only one closes it.

use std::str::FromStr;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::{ProjectId, StreamId};
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{Store, StoreError, Tenant, Tx};

// FIND has a fence (`offset 0`), or the planner might walk through all streams of the session. FINISH
// asks for the session, which may have ended since its transaction began.
statements! {
    CLAIM = "streams.claim" (UUID, TEXT, TEXT)
        "select pg_advisory_xact_lock(hashtextextended($1::text || ' ' || $2 || ' ' || $3, 0))";
    INSERT = "streams.insert" (UUID, UUID, UUID, TEXT, TEXT, TEXT, UUID, FLOAT8)
        "insert into streams (project_id, id, user_id, session_id, request_id, kind, lease_owner, \
         lease_until) select $1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8) \
         where not exists (select from streams o where o.project_id = $1 and o.session_id = $4 \
         and o.request_id = $5 and o.closed_at is null and o.lease_until >= now()) returning id";
    FIND = "streams.find" (UUID, UUID, UUID, TEXT)
        "select s.request_id, s.kind, s.closed_at is not null as closed, \
         s.closed_at is null and coalesce(s.lease_until < now(), true) as orphaned, \
         coalesce((select seq from mcp_events where project_id = $1 and stream_id = $2 \
         order by seq desc limit 1), 0) as last_seq, s.next_seq, \
         coalesce(s.closed_at, s.lease_until, s.created_at) as alive_until from (select * \
         from streams where project_id = $1 and id = $2 and user_id = $3 offset 0) s \
         join sessions o on o.project_id = $1 and o.id = s.session_id and o.expires_at > now() \
         where s.session_id = $4";
    FINISH = "streams.finish" (UUID, UUID, UUID, INT8, TEXT)
        "with closed as (update streams set closed_at = now(), next_seq = $4 + 1 \
         where project_id = $1 and id = $2 and user_id = $3 and closed_at is null \
         and exists (select from sessions o where o.project_id = $1 and o.id = session_id \
         and o.expires_at > now()) returning id) \
         insert into mcp_events (project_id, stream_id, user_id, seq, payload) \
         select $1, id, $3, $4, $5::jsonb from closed returning seq";
    LOCK = "streams.lock" (UUID, UUID, UUID)
        "select id from streams where project_id = $1 and id = $2 and user_id = $3 \
         and closed_at is null for no key update";
    ORPHAN = "streams.orphan" (UUID, UUID, UUID, TEXT)
        "with closed as (update streams set closed_at = now(), next_seq = 2 + coalesce( \
         (select seq from mcp_events where project_id = $1 and stream_id = $2 \
         order by seq desc limit 1), 0) \
         where project_id = $1 and id = $2 and user_id = $3 and closed_at is null \
         and coalesce(lease_until < now(), true) returning id, next_seq) \
         insert into mcp_events (project_id, stream_id, user_id, seq, payload) \
         select $1, id, $3, next_seq - 1, $4::jsonb from closed returning seq";
    CLOSE = "streams.close" (UUID, UUID, UUID)
        "update streams set closed_at = now(), next_seq = 1 + coalesce( \
         (select seq from mcp_events where project_id = $1 and stream_id = $2 \
         order by seq desc limit 1), 0) \
         where project_id = $1 and id = $2 and user_id = $3 and closed_at is null";
    RENEW = "streams.renew" (UUID, UUID_ARRAY, UUID_ARRAY, FLOAT8)
        "select project_id, stream_id from app.renew_leases($1, $2, $3, make_interval(secs => $4))";
    HEADS = "streams.heads" (UUID_ARRAY, UUID_ARRAY)
        "select stream_id, last_seq, closed, orphaned from app.stream_heads($1, $2)";
}

/// What opened a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call that is answered by a stream.
    Post,
    /// A client that listens.
    Get,
}

/// A word that names no kind.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no kind of stream")]
pub struct UnknownKind(String);

impl Kind {
    /// As stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Get => "get",
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        let named = [Self::Post, Self::Get].into_iter().find(|kind| kind.name() == word);
        named.ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

/// A stream to open.
#[derive(Clone, Debug)]
pub struct NewStream<'a> {
    /// Its id.
    pub id: StreamId,
    /// The session.
    pub session: &'a str,
    /// The id of the call that it answers, as JSON.
    pub request_id: Option<&'a str>,
    /// What opened it.
    pub kind: Kind,
    /// The replica's process that writes on it.
    pub owner: Uuid,
    /// How long the writer counts as alive without renewing it.
    pub lease: Duration,
}

/// A stream as a client finds it that comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The id of the call that it answers, as JSON.
    pub request_id: Option<String>,
    /// What opened it.
    pub kind: Kind,
    /// Whether nothing more comes.
    pub closed: bool,
    /// Whether its writer died: it is open, and its lease has run out.
    pub orphaned: bool,
    /// The last event that is stored now; 0 where there is none.
    pub last_seq: i64,
    /// Once closed, one more than the last event's that there ever was.
    pub next_seq: i64,
    /// When it was closed, else until when its writer counts as alive.
    pub alive_until: OffsetDateTime,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The stream.
    pub stream: StreamId,
    /// The last event that is stored now; 0 where there is none.
    pub last_seq: i64,
    /// Whether nothing more comes.
    pub closed: bool,
    /// Whether its writer died.
    pub orphaned: bool,
}

/// Opens a stream; `false` when one of the session with a living writer answers a request of this
/// id already. Of two that come at once, one waits for the other's transaction.
///
/// # Errors
/// See [`StoreError`].
pub async fn insert(tx: &Tx, tenant: &Tenant, new: &NewStream<'_>) -> Result<bool, StoreError> {
    let NewStream { id, session, request_id, kind, owner, lease } = new;
    let (project, user) = (tenant.project().0, tenant.user().0);
    if let Some(request_id) = request_id {
        tx.rows(&CLAIM, &[&project, session, request_id]).await?;
    }
    let (kind, lease) = (kind.name(), lease.as_secs_f64());
    let row = tx
        .row(&INSERT, &[&project, &id.0, &user, session, request_id, &kind, owner, &lease])
        .await?;
    Ok(row.is_some())
}

/// The stream `id`, if it is of this session of the caller's.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(
    tx: &Tx,
    tenant: &Tenant,
    session: &str,
    id: StreamId,
) -> Result<Option<Found>, StoreError> {
    let row = tx.row(&FIND, &[&tenant.project().0, &id.0, &tenant.user().0, &session]).await?;
    let found = row.map(|row| {
        let place = Place { table: "streams", column: "kind", id: &id };
        Ok(Found {
            request_id: row.get("request_id"),
            kind: place.parse(row.get("kind"))?,
            closed: row.get("closed"),
            orphaned: row.get("orphaned"),
            last_seq: row.get("last_seq"),
            next_seq: row.get("next_seq"),
            alive_until: row.get("alive_until"),
        })
    });
    found.transpose()
}

/// Stores the last event of a stream and closes it; `false`, and nothing stored, when it is closed
/// already: another replica took its writer for dead, or the session has ended.
///
/// # Errors
/// See [`StoreError`].
pub async fn finish(
    tx: &Tx,
    tenant: &Tenant,
    id: StreamId,
    seq: i64,
    payload: &str,
) -> Result<bool, StoreError> {
    let (project, user) = (tenant.project().0, tenant.user().0);
    let row = tx.row(&FINISH, &[&project, &id.0, &user, &seq, &payload]).await?;
    Ok(row.is_some())
}

/// Ends a stream in the place of its writer, who died: `payload` becomes its last event. `false`,
/// and nothing stored, when it is closed or its lease has not run out.
///
/// # Errors
/// See [`StoreError`].
pub async fn orphan(
    tx: &Tx,
    tenant: &Tenant,
    id: StreamId,
    payload: &str,
) -> Result<bool, StoreError> {
    let (project, user) = (tenant.project().0, tenant.user().0);
    if !lock(tx, tenant, id).await? {
        return Ok(false);
    }
    let row = tx.row(&ORPHAN, &[&project, &id.0, &user, &payload]).await?;
    Ok(row.is_some())
}

/// Closes a stream without a last event, if it is open.
///
/// # Errors
/// See [`StoreError`].
pub async fn close(tx: &Tx, tenant: &Tenant, id: StreamId) -> Result<(), StoreError> {
    if lock(tx, tenant, id).await? {
        tx.rows(&CLOSE, &[&tenant.project().0, &id.0, &tenant.user().0]).await?;
    }
    Ok(())
}

/// Locks the stream `id`; `false` when it is not open. A statement of its own, so that the next one
/// sees the events that were being stored while this one waited.
async fn lock(tx: &Tx, tenant: &Tenant, id: StreamId) -> Result<bool, StoreError> {
    let row = tx.row(&LOCK, &[&tenant.project().0, &id.0, &tenant.user().0]).await?;
    Ok(row.is_some())
}

/// Renews the leases of those of `streams` that are open and that `owner` writes. Gives those that
/// somebody else has locked, for whom it does not wait.
///
/// # Errors
/// See [`StoreError`].
pub async fn renew(
    store: &Store,
    owner: Uuid,
    streams: &[(ProjectId, StreamId)],
    lease: Duration,
) -> Result<Vec<(ProjectId, StreamId)>, StoreError> {
    let ((projects, ids), lease) = (uuids(streams), lease.as_secs_f64());
    let renewed =
        store.serve_write(async |tx| tx.rows(&RENEW, &[&owner, &projects, &ids, &lease]).await);
    let busy = renewed.await?;
    let busy = busy.iter().map(|row| (ProjectId(row.get(0)), StreamId(row.get(1))));
    Ok(busy.collect())
}

/// How far `streams` have come; one that is gone is left out.
///
/// # Errors
/// See [`StoreError`].
pub async fn heads(
    store: &Store,
    streams: &[(ProjectId, StreamId)],
) -> Result<Vec<Head>, StoreError> {
    let (projects, ids) = uuids(streams);
    let rows = store.serve(async |tx| tx.rows(&HEADS, &[&projects, &ids]).await).await?;
    let heads = rows.iter().map(|row| Head {
        stream: StreamId(row.get("stream_id")),
        last_seq: row.get("last_seq"),
        closed: row.get("closed"),
        orphaned: row.get("orphaned"),
    });
    Ok(heads.collect())
}

fn uuids(streams: &[(ProjectId, StreamId)]) -> (Vec<Uuid>, Vec<Uuid>) {
    streams.iter().map(|(project, stream)| (project.0, stream.0)).unzip()
}
