//! What is old goes, what lives stays, and two that tidy up at once do not wait for each other.

use mbmcp::model::StreamId;
use mbmcp::store::StoreError;
use mbmcp::store::pg::{events, purge};
use time::{Duration, OffsetDateTime};
use tokio_postgres::Client;

use super::ground::{Place, count, now, server_begins};
use crate::harness::{Database, Login};

/// Makes everything of these streams, or all events, some hours older.
async fn age(owner: &Client, table: &str, ids: &[StreamId], hours: i32) {
    let column = if table == "streams" { "id" } else { "stream_id" };
    let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.0).collect();
    let sql = format!(
        "update {table} set created_at = created_at - make_interval(hours => $1) \
         where {column} = any($2)"
    );
    owner.execute(&sql, &[&hours, &ids]).await.unwrap();
}

/// `seqs` events on each of `streams`.
async fn fill(place: &Place, streams: &[StreamId], seqs: i64) {
    let batch: Vec<_> = streams
        .iter()
        .flat_map(|stream| (1..=seqs).map(|seq| place.event(*stream, seq, "{}")))
        .collect();
    assert_eq!(events::store(&place.store, &batch).await.unwrap().events.len(), batch.len());
}

fn a_day_ago() -> OffsetDateTime {
    now() - Duration::hours(24)
}

#[tokio::test]
async fn old_events_go_but_not_those_of_a_stream_that_lives() {
    let database = Database::new().await;
    let (place, owner) = (Place::of(&database, "a").await, database.connect(Login::Owner).await);
    let (live, dead, closed, young) =
        (place.post().await, place.abandoned().await, place.post().await, place.post().await);
    fill(&place, &[live, dead, closed, young], 3).await;
    place.close(closed).await;
    place.close(young).await;
    age(&owner, "mcp_events", &[live, dead, closed], 25).await;
    let purged = async |limit| purge::events(database.store(), a_day_ago(), limit).await.unwrap();
    assert_eq!(purged(4).await, 4);
    assert_eq!(purged(4).await, 2);
    assert_eq!(purged(4).await, 0);
    for (stream, left) in [(live, 3), (dead, 0), (closed, 0), (young, 3)] {
        assert_eq!(place.events(stream).await.len(), left);
    }
    // Its place is still known when its events are not.
    let found = place.finds(closed).await.unwrap();
    assert_eq!((found.closed, found.last_seq, found.next_seq), (true, 0, 4));
    place.close(live).await;
    assert_eq!(purged(100).await, 3, "it lives no more");
}

#[tokio::test]
async fn streams_go_when_they_are_old_and_dead_and_empty() {
    let database = Database::new().await;
    let (place, owner) = (Place::of(&database, "a").await, database.connect(Login::Owner).await);
    let (live, dead, closed, full, young) = (
        place.get().await,
        place.abandoned().await,
        place.post().await,
        place.post().await,
        place.post().await,
    );
    fill(&place, &[full], 1).await;
    for stream in [closed, full, young] {
        place.close(stream).await;
    }
    age(&owner, "streams", &[live, dead, closed, full], 49).await;
    let before = a_day_ago() - Duration::hours(24);
    let purged = async |limit| purge::streams(database.store(), before, limit).await.unwrap();
    assert_eq!((purged(1).await, purged(5).await, purged(5).await), (1, 1, 0));
    for (stream, stays) in
        [(live, true), (dead, false), (closed, false), (full, true), (young, true)]
    {
        assert_eq!(place.finds(stream).await.is_some(), stays);
    }
    assert_eq!(place.events(full).await.len(), 1);
}

#[tokio::test]
async fn sessions_signals_and_answers_go_when_their_time_is_over() {
    let database = Database::new().await;
    let (over, open) = (Place::of(&database, "a").await, Place::of(&database, "a").await);
    let owner = database.connect(Login::Owner).await;
    fill(&over, &[over.get().await], 2).await;
    let (kept, store) = (open.get().await, database.store());
    assert_eq!(purge::sessions(store, 10).await.unwrap(), 0);
    let expire = "update sessions set expires_at = now() - interval '1 s' where id = $1";
    owner.execute(expire, &[&over.session]).await.unwrap();
    assert_eq!(purge::sessions(store, 0).await.unwrap(), 0);
    assert_eq!(purge::sessions(store, 10).await.unwrap(), 1, "although its stream lives");
    assert_eq!(count(&owner, "select count(*) from mcp_events").await, 0);
    assert!(open.finds(kept).await.is_some());

    // The end of that session is the one signal.
    assert_eq!(purge::signals(store, a_day_ago(), 10).await.unwrap(), 0);
    assert_eq!(purge::signals(store, now() + Duration::HOUR, 10).await.unwrap(), 1);

    let answers = "insert into idempotency_keys (project_id, principal, route, key, body_sha256, expires_at) \
         select id, 'platform', 'r', 'k' || n, sha256('x'), now() + make_interval(hours => n) \
         from projects, generate_series(-3, 2) n";
    owner.batch_execute(answers).await.unwrap();
    let purged = async |limit| purge::idempotency_keys(store, limit).await.unwrap();
    assert_eq!((purged(3).await, purged(3).await, purged(3).await), (3, 1, 0));
    let left = "select count(*) from idempotency_keys where expires_at > now()";
    assert_eq!(count(&owner, left).await, 2);
}

/// While the first that tidies up has not committed, a second one deletes what it left of six rows.
async fn beside_each_other(
    database: &Database,
    table: &str,
    first: &str,
    second: impl AsyncFnOnce() -> Result<u64, StoreError>,
) {
    let (owner, all) =
        (database.connect(Login::Owner).await, format!("select count(*) from {table}"));
    assert_eq!(count(&owner, &all).await, 6, "{table}");
    let busy = server_begins(database, &format!("select {first}")).await;
    assert_eq!(second().await.unwrap(), 2, "{table}");
    busy.batch_execute("commit").await.unwrap();
    assert_eq!(count(&owner, &all).await, 0, "{table}");
}

#[tokio::test]
async fn two_that_tidy_up_at_once_share_the_work() {
    let database = Database::new().await;
    let (store, owner) = (database.store(), database.connect(Login::Owner).await);
    for _ in 0..6 {
        let place = Place::of(&database, "a").await;
        let stream = place.post().await;
        fill(&place, &[stream], 1).await;
        place.close(stream).await;
    }
    let answers = "insert into idempotency_keys (project_id, principal, route, key, body_sha256, expires_at) \
         select id, 'platform', 'r', n::text, sha256('x'), now() from projects, generate_series(1, 6) n";
    owner.batch_execute(answers).await.unwrap();
    let later = now() + Duration::HOUR;
    let soon = "now() + interval '1 hour'";
    let first = |what: &str| format!("app.purge_{what}({soon}, 4)");
    let second = async || purge::events(store, later, 9).await;
    beside_each_other(&database, "mcp_events", &first("events"), second).await;
    let second = async || purge::streams(store, later, 9).await;
    beside_each_other(&database, "streams", &first("streams"), second).await;
    let asked = "insert into client_requests (project_id, id, user_id, session_id) \
         select project_id, gen_random_uuid(), user_id, id from sessions";
    owner.batch_execute(asked).await.unwrap();
    let second = async || purge::client_requests(store, later, 9).await;
    beside_each_other(&database, "client_requests", &first("client_requests"), second).await;
    owner.batch_execute("update sessions set expires_at = now()").await.unwrap();
    let second = async || purge::sessions(store, 9).await;
    beside_each_other(&database, "sessions", "app.purge_sessions(4)", second).await;
    let second = async || purge::signals(store, later, 9).await;
    beside_each_other(&database, "signals", &first("signals"), second).await;
    let second = async || purge::idempotency_keys(store, 9).await;
    let first = "app.purge_idempotency_keys(4)";
    beside_each_other(&database, "idempotency_keys", first, second).await;
}
