//! What a session remembers for its streams: subscriptions and the log level; and its end.

use mbmcp::store::pg::{sessions, streams};
use mbmcp::store::{StoreError, Tx};

use super::ground::{LONG, Place, count};
use crate::harness::{Database, Login};

async fn changes<T>(
    place: &Place,
    block: impl AsyncFnOnce(&Tx) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    place.store.write(&place.tenant, block).await
}

async fn subscriptions(place: &Place) -> Option<Vec<String>> {
    let Place { tenant, session, .. } = place;
    changes(place, async |tx| sessions::subscriptions(tx, tenant, session).await).await.unwrap()
}

#[tokio::test]
async fn a_session_subscribes_to_each_resource_once_and_to_so_many_at_most() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let Place { tenant, session, .. } = &place;
    let subscribe = async |uri: &str| {
        changes(&place, async |tx| sessions::subscribe(tx, tenant, session, uri).await).await
    };
    for _ in 0..2 {
        subscribe("memory://a").await.unwrap();
        subscribe("memory://b").await.unwrap();
    }
    assert_eq!(subscriptions(&place).await.unwrap(), ["memory://a", "memory://b"]);
    for _ in 0..2 {
        changes(&place, async |tx| sessions::unsubscribe(tx, tenant, session, "memory://a").await)
            .await
            .unwrap();
        assert_eq!(subscriptions(&place).await.unwrap(), ["memory://b"]);
    }
    for at in 1..256 {
        subscribe(&format!("memory://{at}")).await.unwrap();
    }
    let refused = subscribe("memory://one-more").await.unwrap_err();
    assert_eq!(refused.constraint(), Some("sessions_subscriptions_count"));
    assert!(subscribe("memory://b").await.is_ok(), "it has that");
    assert_eq!(subscriptions(&place).await.unwrap().len(), 256);
}

#[tokio::test]
async fn a_session_is_found_with_what_its_client_said() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let Place { tenant, session, .. } = &place;
    let find = async || {
        changes(&place, async |tx| sessions::find(tx, tenant, session).await).await.unwrap()
    };
    let found = find().await.unwrap();
    assert_eq!(found.protocol_version, "2025-11-25");
    assert_eq!(found.capabilities, serde_json::json!({"elicitation": {}}));
    assert_eq!(found.log_level, None);
    let set = async |level: &str| {
        changes(&place, async |tx| sessions::set_log_level(tx, tenant, session, level).await).await
    };
    set("warning").await.unwrap();
    assert_eq!(find().await.unwrap().log_level.as_deref(), Some("warning"));
    assert_eq!(set("loud").await.unwrap_err().constraint(), Some("sessions_log_level_known"));
}

#[tokio::test]
async fn nobody_else_changes_a_session() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    for other in [Place::of_viewer(&database, "a").await, Place::of(&database, "b").await] {
        let thief = Place { session: place.session.clone(), ..other };
        let Place { tenant, session, .. } = &thief;
        let tried = changes(&thief, async |tx| {
            sessions::subscribe(tx, tenant, session, "memory://a").await?;
            sessions::set_log_level(tx, tenant, session, "debug").await
        });
        tried.await.unwrap();
        assert_eq!(subscriptions(&thief).await, None);
    }
    assert_eq!(subscriptions(&place).await, Some(Vec::new()));
}

#[tokio::test]
async fn one_that_was_ended_is_over_for_all_who_began_before_as_well() {
    let database = Database::new().await;
    let (place, other) = (Place::of(&database, "a").await, Place::of(&database, "a").await);
    let stream = place.post().await;
    let Place { tenant, session, .. } = &place;
    let late = changes(&place, async |tx| {
        assert!(sessions::find(tx, tenant, session).await?.is_some(), "control");
        assert!(place.writes(async |tx| sessions::end(tx, tenant, session).await).await);
        assert!(!place.writes(async |tx| sessions::end(tx, tenant, session).await).await, "once");
        sessions::touch(tx, tenant, session, LONG).await?;
        assert_eq!(sessions::find(tx, tenant, session).await?, None);
        streams::finish(tx, tenant, stream, 1, "{}").await
    });
    assert!(!late.await.unwrap(), "what it changes is undone");
    assert_eq!(place.finds(stream).await, None);
    let owner = database.connect(Login::Owner).await;
    assert_eq!(count(&owner, "select count(*) from streams where closed_at is null").await, 1);
    assert!(other.finish(other.post().await, 1, "{}").await, "control");
}
