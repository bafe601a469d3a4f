//! What a session remembers for its streams: subscriptions and the log level.

use mbmcp::store::pg::sessions;
use mbmcp::store::{StoreError, Tx};

use super::ground::Place;
use crate::harness::Database;

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
