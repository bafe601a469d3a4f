//! Events of many streams in one call: which are stored, and that a repetition changes nothing.

use mbmcp::model::StreamId;
use mbmcp::store::pg::events::{self, NewEvent};
use mbmcp::store::{Store, Tx};

use super::ground::{LONG, Place, count, fresh, now};
use crate::harness::{Database, Login};

/// What is stored of `events`, in their order.
async fn stored(store: &Store, events: &[NewEvent]) -> Vec<(StreamId, i64)> {
    let mut stored = events::store(store, events).await.unwrap().events;
    stored.sort_by_key(|one| events.iter().position(|event| (event.stream, event.seq) == *one));
    stored
}

#[tokio::test]
async fn events_are_stored_once_however_often_they_come() {
    let database = Database::new().await;
    let (ours, theirs) = (Place::of(&database, "a").await, Place::of(&database, "b").await);
    let (post, get, other) = (ours.post().await, ours.get().await, theirs.post().await);
    let mut batch = vec![
        ours.event(post, 1, r#"{"n": 1}"#),
        ours.event(get, 1, r#"{"n": "é"}"#),
        theirs.event(other, 7, "{}"),
        ours.event(post, 2, r#"{"n": 2}"#),
    ];
    batch[3].last = true;
    let all = [(post, 1), (get, 1), (other, 7), (post, 2)];
    for _ in 0..3 {
        assert_eq!(stored(database.store(), &batch).await, all);
        let sent = [(1, r#"{"n": 1}"#.to_owned()), (2, r#"{"n": 2}"#.to_owned())];
        assert_eq!(ours.events(post).await, sent);
        assert_eq!(ours.events(get).await, [(1, r#"{"n": "é"}"#.to_owned())]);
        assert_eq!(theirs.events(other).await, [(7, "{}".to_owned())]);
    }
    let found = ours.finds(post).await.unwrap();
    assert!(found.closed && !found.orphaned);
    assert_eq!((found.last_seq, found.next_seq), (2, 3));
    assert!(found.alive_until <= now() && !ours.finds(get).await.unwrap().closed);
    assert!(!theirs.finds(other).await.unwrap().closed);

    // A place that is taken by another event is not told as stored, and keeps what it has.
    batch[1].payload = "{}".to_owned();
    batch[3].payload = "{}".to_owned();
    assert_eq!(stored(database.store(), &batch).await, [(post, 1), (other, 7)]);
    assert_eq!(ours.events(get).await, [(1, r#"{"n": "é"}"#.to_owned())]);
    assert_eq!(stored(database.store(), &[]).await, []);
}

#[tokio::test]
async fn events_of_streams_that_are_gone_or_closed_are_passed_over() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let (open, closed, gone) = (place.post().await, place.post().await, place.post().await);
    place.close(closed).await;
    let owner = database.connect(Login::Owner).await;
    owner.execute("delete from streams where id = $1", &[&gone.0]).await.unwrap();
    let never = StreamId(fresh());
    let batch: Vec<NewEvent> =
        [never, closed, open, gone].map(|stream| place.event(stream, 1, "{}")).into();
    assert_eq!(stored(database.store(), &batch).await, [(open, 1)]);
    assert_eq!(count(&owner, "select count(*) from mcp_events").await, 1);
    // A last event closes its stream for those that come later, not for those beside it.
    let mut more = [place.event(open, 2, "{}"), place.event(open, 3, "{}")];
    more[1].last = true;
    assert_eq!(stored(database.store(), &more).await, [(open, 2), (open, 3)]);
    assert_eq!(stored(database.store(), &[place.event(open, 4, "{}")]).await, []);
}

#[tokio::test]
async fn no_event_lands_on_the_stream_of_another_user_or_project() {
    let database = Database::new().await;
    let ours = Place::of(&database, "a").await;
    let (colleague, theirs) =
        (Place::of_viewer(&database, "a").await, Place::of(&database, "b").await);
    let (mine, his, foreign) = (ours.post().await, colleague.post().await, theirs.post().await);
    let mut batch =
        vec![ours.event(his, 1, "{}"), ours.event(foreign, 1, "{}"), theirs.event(mine, 1, "{}")];
    // The right project and stream with the wrong user; the right user of a stream elsewhere.
    batch.push(NewEvent { user: colleague.tenant.user(), ..ours.event(mine, 1, "{}") });
    batch.push(NewEvent { project: ours.tenant.project(), ..theirs.event(foreign, 1, "{}") });
    assert_eq!(stored(database.store(), &batch).await, []);
    let owner = database.connect(Login::Owner).await;
    assert_eq!(count(&owner, "select count(*) from mcp_events").await, 0);
    assert_eq!(
        stored(database.store(), &[ours.event(mine, 1, "{}")]).await,
        [(mine, 1)],
        "control"
    );
    for event in &batch {
        let sql = "insert into mcp_events (project_id, stream_id, user_id, seq, payload) \
                   values ($1, $2, $3, 99, '{}')";
        let (project, stream, user) = (event.project.0, event.stream.0, event.user.0);
        let mixed = owner.execute(sql, &[&project, &stream, &user]).await.unwrap_err();
        let refused = mixed.as_db_error().and_then(|error| error.constraint());
        assert_eq!(refused, Some("mcp_events_stream_fkey"), "not even by hand");
    }
}

#[tokio::test]
async fn only_the_newest_get_stream_of_a_session_takes_events() {
    let database = Database::new().await;
    let (place, other) = (Place::of(&database, "a").await, Place::of(&database, "a").await);
    let (older, post) = (place.get().await, place.post().await);
    let newer = place.get().await;
    let elsewhere = other.get().await;
    let all = async |seq| {
        let batch = [
            place.event(older, seq, "{}"),
            place.event(newer, seq, "{}"),
            place.event(post, seq, "{}"),
            other.event(elsewhere, seq, "{}"),
        ];
        stored(database.store(), &batch).await
    };
    assert_eq!(all(1).await, [(newer, 1), (post, 1), (elsewhere, 1)]);
    let newest = place.get().await;
    assert_eq!(all(2).await, [(post, 2), (elsewhere, 2)]);
    place.close(newest).await;
    assert_eq!(all(3).await, [(newer, 3), (post, 3), (elsewhere, 3)]);
    // A newer one whose writer died takes nobody's messages.
    let dead = place.opens(None, std::time::Duration::ZERO).await.unwrap();
    assert_eq!(all(4).await, [(newer, 4), (post, 4), (elsewhere, 4)]);
    let streams = [(place.tenant.project(), dead)];
    mbmcp::store::pg::streams::renew(database.store(), place.owner, &streams, LONG).await.unwrap();
    assert_eq!(all(5).await, [(post, 5), (elsewhere, 5)], "it lives after all");
}

#[tokio::test]
async fn events_are_read_in_their_order_from_where_one_was() {
    let database = Database::new().await;
    let (place, colleague) =
        (Place::of(&database, "a").await, Place::of_viewer(&database, "a").await);
    let stream = place.post().await;
    let batch: Vec<NewEvent> = (0..30).rev().map(|seq| place.event(stream, seq, "{}")).collect();
    assert_eq!(stored(database.store(), &batch).await.len(), 30);
    let after = async |place: &Place, seq, limit| {
        let after = async |tx: &Tx| events::after(tx, &place.tenant, stream, seq, limit).await;
        let events = place.reads(after).await;
        events.into_iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(after(&place, -1, 100).await, (0..30).collect::<Vec<_>>());
    assert_eq!(after(&place, 9, 5).await, [10, 11, 12, 13, 14]);
    assert_eq!(after(&place, 29, 5).await, [0; 0]);
    assert_eq!(after(&colleague, -1, 5).await, [0; 0], "another's");
}

#[tokio::test]
async fn one_event_that_cannot_be_stored_fails_all_and_names_why() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let stream = place.post().await;
    let large = format!("\"{}\"", "x".repeat(16 * 1024 * 1024));
    for (payload, says) in
        [("{", "22P02"), (r#""\u0000""#, "22P05"), (large.as_str(), "mcp_events_payload_size")]
    {
        let batch = [place.event(stream, 1, "{}"), place.event(stream, 2, payload)];
        let error = events::store(database.store(), &batch).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(place.events(stream).await, []);
    }
}
