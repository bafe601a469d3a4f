//! One writer at the end of a stream: who was taken for dead stores nothing more, and of two that
//! come at once one waits for the other; but who stores events waits for nobody.

use mbmcp::store::pg::events::{self, Stored};
use mbmcp::store::pg::streams;

use super::ground::{LONG, Place, count, server_begins, somebody_waits, store_by_sql};
use crate::harness::{Database, Login};

#[tokio::test]
async fn who_was_taken_for_dead_finishes_nothing_and_stores_nothing() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let stream = place.abandoned().await;
    let first = place.event(stream, 1, "{}");
    events::store(database.store(), std::slice::from_ref(&first)).await.unwrap();
    assert!(place.orphan(stream, r#"{"error": 1}"#).await);
    let end = [(1, "{}".to_owned()), (2, r#"{"error": 1}"#.to_owned())];
    let found = place.finds(stream).await.unwrap();
    assert_eq!((found.closed, found.orphaned, found.next_seq), (true, false, 3));

    assert!(!place.finish(stream, 2, r#"{"result": 1}"#).await);
    assert!(!place.finish(stream, 3, r#"{"result": 1}"#).await);
    let late = [first, place.event(stream, 2, "{}"), place.event(stream, 3, "{}")];
    let stored = events::store(database.store(), &late).await.unwrap();
    assert_eq!(stored.events, [(stream, 1)], "which was stored in its time");
    assert!(!place.orphan(stream, r#"{"error": 2}"#).await, "once");
    assert_eq!(place.events(stream).await, end);
}

#[tokio::test]
async fn a_finished_stream_is_nobodys_orphan() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let stream = place.abandoned().await;
    // Nobody has said yet that its writer is dead.
    assert!(place.finish(stream, 1, r#"{"result": 1}"#).await);
    assert!(!place.orphan(stream, r#"{"error": 1}"#).await);
    assert!(!place.finish(stream, 2, "{}").await, "once");
    let found = place.finds(stream).await.unwrap();
    assert_eq!((found.closed, found.last_seq, found.next_seq), (true, 1, 2));
    assert_eq!(place.events(stream).await, [(1, r#"{"result": 1}"#.to_owned())]);
}

#[tokio::test]
async fn a_stream_with_a_living_writer_is_nobodys_orphan() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let stream = place.post().await;
    assert!(!place.orphan(stream, "{}").await);
    assert!(!place.finds(stream).await.unwrap().closed);
    let owner = database.connect(Login::Owner).await;
    for lease in ["now() - interval '1 ms'", "null"] {
        let end = format!(
            "update streams set lease_until = {lease}, \
             lease_owner = case when {lease} is null then null else lease_owner end, \
             closed_at = null; delete from mcp_events"
        );
        owner.batch_execute(&end).await.unwrap();
        assert!(place.finds(stream).await.unwrap().orphaned);
        assert!(place.orphan(stream, "{}").await, "{lease}");
    }
}

#[tokio::test]
async fn who_finishes_waits_for_who_says_that_he_is_dead() {
    let database = Database::new().await;
    let owner = database.connect(Login::Owner).await;
    let place = Place::of(&database, "a").await;
    for (end, finishes) in [("commit", false), ("rollback", true)] {
        let stream = place.abandoned().await;
        let closing = format!("update streams set closed_at = now() where id = '{stream}'");
        let closer = place.begins(&database, &closing).await;
        let writer = place.clone();
        let finish = tokio::spawn(async move { writer.finish(stream, 2, "{}").await });
        somebody_waits(&owner).await;
        assert_eq!(count(&owner, "select count(*) from mcp_events").await, 0);
        closer.batch_execute(end).await.unwrap();
        assert_eq!(finish.await.unwrap(), finishes, "{end}");
        let seqs: Vec<i64> = place.events(stream).await.iter().map(|event| event.0).collect();
        assert_eq!(seqs, if finishes { vec![2] } else { vec![] });
        owner.batch_execute("delete from mcp_events").await.unwrap();
    }
}

#[tokio::test]
async fn an_orphans_end_comes_behind_events_that_were_just_being_stored() {
    let database = Database::new().await;
    let owner = database.connect(Login::Owner).await;
    let place = Place::of(&database, "a").await;
    let (orphan, closed) = (place.abandoned().await, place.post().await);
    let storing =
        [store_by_sql(&place, orphan, 1, "{}"), store_by_sql(&place, closed, 1, "{}")].join("; ");
    let storer = server_begins(&database, &storing).await;
    let (first, second) = (place.clone(), place.clone());
    let orphaning = tokio::spawn(async move { first.orphan(orphan, r#"{"error": 1}"#).await });
    let closing = tokio::spawn(async move { second.close(closed).await });
    somebody_waits(&owner).await;
    storer.batch_execute("commit").await.unwrap();
    assert!(orphaning.await.unwrap());
    closing.await.unwrap();
    let end = [(1, "{}".to_owned()), (2, r#"{"error": 1}"#.to_owned())];
    assert_eq!(place.events(orphan).await, end);
    assert_eq!(place.finds(orphan).await.unwrap().next_seq, 3);
    assert_eq!(place.finds(closed).await.unwrap().next_seq, 2);
}

#[tokio::test]
async fn a_batch_that_is_repeated_while_it_is_being_committed_is_stored_once() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    for end in ["commit", "rollback"] {
        let stream = place.post().await;
        let first = server_begins(&database, &store_by_sql(&place, stream, 1, "{}")).await;
        let batch = [place.event(stream, 1, "{}")];
        let busy = events::store(&place.store, &batch).await.unwrap();
        assert_eq!(busy, Stored { events: vec![], busy: vec![stream] });
        first.batch_execute(end).await.unwrap();
        let again = events::store(&place.store, &batch).await.unwrap();
        assert_eq!(again, Stored { events: vec![(stream, 1)], busy: vec![] }, "{end}");
        assert_eq!(place.events(stream).await, [(1, "{}".to_owned())]);
    }
}

#[tokio::test]
async fn who_locks_streams_of_one_tenant_keeps_those_of_no_other_waiting() {
    let database = Database::new().await;
    let (ours, theirs) = (Place::of(&database, "a").await, Place::of(&database, "b").await);
    let (locked, free) = (ours.post().await, theirs.post().await);
    let (older, newest) = (theirs.get().await, theirs.get().await);
    let owner = database.connect(Login::Owner).await;
    // As whoever deletes a membership locks them, until all their events are gone.
    owner.batch_execute("begin").await.unwrap();
    let delete = "delete from memberships where project_id = $1";
    owner.execute(delete, &[&ours.tenant.project().0]).await.unwrap();
    let batch = [
        ours.event(locked, 1, "{}"),
        theirs.event(free, 1, "{}"),
        theirs.event(older, 1, "{}"),
        theirs.event(newest, 1, "{}"),
    ];
    let mut stored = events::store(database.store(), &batch).await.unwrap();
    stored.events.sort_unstable();
    let mut expected = vec![(free, 1), (newest, 1)];
    expected.sort_unstable();
    assert_eq!(stored, Stored { events: expected, busy: vec![locked] });

    let (a, b) = ((ours.tenant.project(), locked), (theirs.tenant.project(), free));
    let renew = async |place: &Place| {
        streams::renew(database.store(), place.owner, &[a, b], LONG * 2).await.unwrap()
    };
    assert_eq!((renew(&ours).await, renew(&theirs).await), (vec![a], vec![]));
    let longer = "select count(*) from streams where lease_until > now() + interval '90 minutes'";
    let watcher = database.connect(Login::Owner).await;
    assert_eq!(count(&watcher, longer).await, 1);
    owner.batch_execute("rollback").await.unwrap();
    assert_eq!(renew(&ours).await, []);
    assert_eq!(count(&watcher, longer).await, 2);
}
