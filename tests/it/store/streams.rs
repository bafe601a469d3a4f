//! Streams: who opens, finds, renews and closes them.

use std::time::Duration;

use mbmcp::model::StreamId;
use mbmcp::store::StoreError;
use mbmcp::store::pg::events;
use mbmcp::store::pg::streams::{self, Head, Kind, NewStream};
use tokio::sync::oneshot;

use super::ground::{LONG, Place, count, fresh, now, somebody_waits};
use crate::harness::{Database, Login};

#[tokio::test]
async fn a_request_is_answered_by_one_stream() {
    let database = Database::new().await;
    let (place, other) = (Place::of(&database, "a").await, Place::of(&database, "a").await);
    let first = place.opens(Some("1"), LONG).await.unwrap();
    assert_eq!(place.opens(Some("1"), LONG).await, None);
    assert!(place.opens(Some("\"1\""), LONG).await.is_some(), "another id");
    assert!(other.opens(Some("1"), LONG).await.is_some(), "another session");
    assert!(place.opens(None, LONG).await.is_some() && place.opens(None, LONG).await.is_some());
    place.close(first).await;
    let dead = place.opens(Some("1"), Duration::ZERO).await;
    assert!(dead.is_some(), "the first is closed");
    assert!(place.opens(Some("1"), LONG).await.is_some(), "the second is dead");
    assert_eq!(place.opens(Some("1"), LONG).await, None);
}

#[tokio::test]
async fn of_two_streams_for_a_request_at_once_one_is_opened() {
    let database = Database::new().await;
    let (place, owner) = (Place::of(&database, "a").await, database.connect(Login::Owner).await);
    for commits in [true, false] {
        let request = format!("\"{commits}\"");
        let (told, opened) = oneshot::channel();
        let (go, may_go) = oneshot::channel::<()>();
        let (first, id) = (place.clone(), request.clone());
        let first = tokio::spawn(async move {
            let Place { store, tenant, session, owner } = &first;
            let (id, kind) = (Some(id.as_str()), Kind::Post);
            let new = NewStream {
                id: StreamId(fresh()),
                session,
                request_id: id,
                kind,
                owner: *owner,
                lease: LONG,
            };
            let opening = store.write(tenant, async |tx| {
                let opened = streams::insert(tx, tenant, &new).await?;
                told.send(opened).unwrap();
                may_go.await.unwrap();
                if commits { Ok(()) } else { Err(StoreError::Aborted) }
            });
            opening.await.is_ok()
        });
        assert!(opened.await.unwrap());
        let second = place.clone();
        let second = tokio::spawn(async move { second.opens(Some(&request), LONG).await });
        somebody_waits(&owner).await;
        go.send(()).unwrap();
        assert_eq!(first.await.unwrap(), commits);
        assert_eq!(second.await.unwrap().is_none(), commits);
    }
}

#[tokio::test]
async fn a_stream_is_found_in_its_session_by_its_user_alone() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let others = [
        Place::of(&database, "a").await,
        Place::of_viewer(&database, "a").await,
        Place::of(&database, "b").await,
    ];
    let before = now() + LONG - Duration::from_mins(1);
    let (post, get) = (place.opens(Some("\"x\""), LONG).await.unwrap(), place.get().await);
    let found = place.finds(post).await.unwrap();
    assert_eq!((found.request_id.as_deref(), found.kind), (Some("\"x\""), Kind::Post));
    assert_eq!((found.closed, found.orphaned, found.last_seq), (false, false, 0));
    assert!(found.alive_until > before && found.alive_until < before + Duration::from_mins(2));
    let found = place.finds(get).await.unwrap();
    assert_eq!((found.request_id, found.kind), (None, Kind::Get));
    assert_eq!(place.finds(StreamId(fresh())).await, None);
    for other in &others {
        assert_eq!(other.finds(post).await, None);
        // With the session's id in his hands another user gets no further.
        let thief = Place { session: place.session.clone(), ..other.clone() };
        if other.tenant == place.tenant {
            assert!(thief.finds(post).await.is_some(), "it is his");
            continue;
        }
        assert_eq!(thief.finds(post).await, None);
        assert!(!thief.finish(post, 1, "{}").await && !thief.orphan(post, "{}").await);
        thief.close(post).await;
    }
    assert!(place.finish(post, 1, "{}").await, "it was open all the time");
}

#[tokio::test]
async fn a_stream_is_closed_once_and_says_where_it_ended() {
    let database = Database::new().await;
    let (place, colleague) =
        (Place::of(&database, "a").await, Place::of_viewer(&database, "a").await);
    let (silent, said) = (place.post().await, place.post().await);
    events::store(database.store(), &[place.event(said, 1, "{}"), place.event(said, 2, "{}")])
        .await
        .unwrap();
    colleague.close(said).await;
    assert!(!place.finds(said).await.unwrap().closed, "another's");
    for _ in 0..2 {
        for (stream, last) in [(silent, 0), (said, 2)] {
            place.close(stream).await;
            let found = place.finds(stream).await.unwrap();
            assert!(found.closed && !found.orphaned);
            assert_eq!((found.last_seq, found.next_seq), (last, last + 1));
        }
        assert!(!place.finish(said, 3, "{}").await && !place.orphan(said, "{}").await);
    }
    assert_eq!(place.events(said).await.len(), 2);
}

#[tokio::test]
async fn heads_tell_how_far_streams_have_come() {
    let database = Database::new().await;
    let (ours, theirs) = (Place::of(&database, "a").await, Place::of(&database, "b").await);
    let (open, dead, closed) = (ours.post().await, ours.abandoned().await, theirs.post().await);
    let mut batch = vec![ours.event(dead, 3, "{}"), theirs.event(closed, 8, "{}")];
    batch[1].last = true;
    events::store(database.store(), &batch).await.unwrap();
    let (a, b) = (ours.tenant.project(), theirs.tenant.project());
    let asked = [(a, open), (a, dead), (b, closed), (a, StreamId(fresh())), (b, open)];
    let mut heads = streams::heads(database.store(), &asked).await.unwrap();
    heads.sort_by_key(|head| asked.iter().position(|(_, id)| *id == head.stream));
    let head = |stream, last_seq, closed, orphaned| Head { stream, last_seq, closed, orphaned };
    let all =
        [head(open, 0, false, false), head(dead, 3, false, true), head(closed, 8, true, false)];
    assert_eq!(heads, all, "neither what is gone nor what is in another project");
    assert!(ours.finds(dead).await.unwrap().orphaned);
    assert_eq!(streams::heads(database.store(), &[]).await.unwrap(), []);
}

#[tokio::test]
async fn only_its_owner_renews_a_lease_and_only_of_an_open_stream() {
    let database = Database::new().await;
    let (place, other) = (Place::of(&database, "a").await, Place::of(&database, "b").await);
    let (dead, closed, foreign) =
        (place.abandoned().await, place.abandoned().await, other.abandoned().await);
    place.close(closed).await;
    let project = place.tenant.project();
    let named = [(project, dead), (project, closed), (other.tenant.project(), foreign)];
    let owner = database.connect(Login::Owner).await;
    let live = "select count(*) from streams where lease_until > now() + interval '50 minutes'";
    streams::renew(database.store(), fresh(), &named, LONG).await.unwrap();
    assert_eq!(count(&owner, live).await, 0, "a stranger");
    streams::renew(database.store(), place.owner, &named, LONG).await.unwrap();
    assert_eq!(count(&owner, live).await, 1);
    assert!(!place.finds(dead).await.unwrap().orphaned);
    assert!(other.finds(foreign).await.unwrap().orphaned, "another replica's");
    assert!(!place.orphan(dead, "{}").await, "it lives again");
    streams::renew(database.store(), place.owner, &[], LONG).await.unwrap();
}
