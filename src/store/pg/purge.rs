//! What is old goes, in small batches that any number of replicas may delete at once. Each function
//! gives how many rows it deleted, at most `max_rows`.

use time::OffsetDateTime;
use tokio_postgres::types::ToSql;

use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{Statement, Store, StoreError};

statements! {
    EVENTS = "purge.events" (TIMESTAMPTZ, INT4) "select app.purge_events($1, $2)";
    STREAMS = "purge.streams" (TIMESTAMPTZ, INT4) "select app.purge_streams($1, $2)";
    SESSIONS = "purge.sessions" (INT4) "select app.purge_sessions($1)";
    CLIENT_REQUESTS = "purge.client_requests" (TIMESTAMPTZ, INT4)
        "select app.purge_client_requests($1, $2)";
    SIGNALS = "purge.signals" (TIMESTAMPTZ, INT4) "select app.purge_signals($1, $2)";
    KEY_CHANGES = "purge.key_changes" (TIMESTAMPTZ, INT4) "select app.purge_key_changes($1, $2)";
    IDEMPOTENCY_KEYS = "purge.idempotency_keys" (INT4) "select app.purge_idempotency_keys($1)";
}

/// Events that were stored before `before`, but for those of streams that still live.
///
/// # Errors
/// See [`StoreError`].
pub async fn events(
    store: &Store,
    before: OffsetDateTime,
    max_rows: i32,
) -> Result<u64, StoreError> {
    purge(store, &EVENTS, &[&before, &max_rows]).await
}

/// Streams that were opened before `before`, live no more and have no event left.
///
/// # Errors
/// See [`StoreError`].
pub async fn streams(
    store: &Store,
    before: OffsetDateTime,
    max_rows: i32,
) -> Result<u64, StoreError> {
    purge(store, &STREAMS, &[&before, &max_rows]).await
}

/// Sessions whose time is over, once they have fewer than `max_rows` events and streams; before, it is
/// these that go.
///
/// # Errors
/// See [`StoreError`].
pub async fn sessions(store: &Store, max_rows: i32) -> Result<u64, StoreError> {
    purge(store, &SESSIONS, &[&max_rows]).await
}

/// Questions to clients that were asked before `before`.
///
/// # Errors
/// See [`StoreError`].
pub async fn client_requests(
    store: &Store,
    before: OffsetDateTime,
    max_rows: i32,
) -> Result<u64, StoreError> {
    purge(store, &CLIENT_REQUESTS, &[&before, &max_rows]).await
}

/// Signals of before `before`.
///
/// # Errors
/// See [`StoreError`].
pub async fn signals(
    store: &Store,
    before: OffsetDateTime,
    max_rows: i32,
) -> Result<u64, StoreError> {
    purge(store, &SIGNALS, &[&before, &max_rows]).await
}

/// Changes of keys of before `before`. One is written when its statement runs, and read when its
/// transaction has been committed: what is purged must be older than any transaction gets.
///
/// # Errors
/// See [`StoreError`].
pub async fn key_changes(
    store: &Store,
    before: OffsetDateTime,
    max_rows: i32,
) -> Result<u64, StoreError> {
    purge(store, &KEY_CHANGES, &[&before, &max_rows]).await
}

/// Answers to repeatable writes whose time is over.
///
/// # Errors
/// See [`StoreError`].
pub async fn idempotency_keys(store: &Store, max_rows: i32) -> Result<u64, StoreError> {
    purge(store, &IDEMPOTENCY_KEYS, &[&max_rows]).await
}

async fn purge(
    store: &Store,
    statement: &Statement,
    params: &[&(dyn ToSql + Sync)],
) -> Result<u64, StoreError> {
    let row = store.serve_write(async |tx| tx.row(statement, params).await).await?;
    let place = Place { table: "purge", column: "rows", id: &statement.name };
    let deleted = row.map_or(0, |row| row.get::<_, i64>(0));
    u64::try_from(deleted).map_err(|error| place.broken(error))
}
