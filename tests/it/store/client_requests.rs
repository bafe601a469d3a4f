//! What a client is asked: one answer, of the session that was asked, taken once.

use mbmcp::store::pg::client_requests::{self, Taken};
use mbmcp::store::pg::sessions;
use serde_json::{Value, json};
use uuid::Uuid;

use super::ground::{Place, fresh};
use crate::harness::Database;

impl Place {
    async fn asks(&self) -> Uuid {
        let id = fresh();
        let (tenant, session) = (&self.tenant, &self.session);
        self.writes(async |tx| client_requests::insert(tx, tenant, id, session).await).await;
        id
    }

    async fn answers(&self, id: Uuid, answer: &Value) -> bool {
        let (tenant, session) = (&self.tenant, &self.session);
        self.writes(async |tx| client_requests::answer(tx, tenant, session, id, answer).await).await
    }

    async fn takes(&self, id: Uuid) -> Taken {
        let tenant = &self.tenant;
        self.writes(async |tx| client_requests::take(tx, tenant, id).await).await
    }
}

#[tokio::test]
async fn an_answer_is_given_once_and_taken_once() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    for answer in [json!({"action": "accept"}), Value::Null] {
        let id = place.asks().await;
        assert_eq!(place.takes(id).await, Taken::Waiting);
        assert!(place.answers(id, &answer).await);
        assert!(!place.answers(id, &json!("second thoughts")).await);
        assert_eq!(place.takes(id).await, Taken::Answered(answer));
        assert_eq!(place.takes(id).await, Taken::Gone);
        assert!(!place.answers(id, &json!("too late")).await);
    }
    let id = place.asks().await;
    let tenant = &place.tenant;
    place.writes(async |tx| client_requests::delete(tx, tenant, id).await).await;
    assert_eq!(place.takes(id).await, Taken::Gone);
}

#[tokio::test]
async fn only_the_session_that_was_asked_answers_and_only_its_user_takes() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let id = place.asks().await;
    let same_user = Place::of(&database, "a").await;
    assert!(!same_user.answers(id, &json!(1)).await, "another session");
    for other in [Place::of_viewer(&database, "a").await, Place::of(&database, "b").await] {
        let thief = Place { session: place.session.clone(), ..other };
        assert!(!thief.answers(id, &json!(1)).await);
        assert_eq!(thief.takes(id).await, Taken::Gone);
        let tenant = &thief.tenant;
        thief.writes(async |tx| client_requests::delete(tx, tenant, id).await).await;
    }
    assert!(place.answers(id, &json!(2)).await);
    assert_eq!(place.takes(id).await, Taken::Answered(json!(2)));
}

#[tokio::test]
async fn a_request_ends_with_its_session_and_has_no_boundless_answer() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let id = place.asks().await;
    let (tenant, session) = (&place.tenant, &place.session);
    let large = Value::String("x".repeat(1024 * 1024));
    let refused = place
        .store
        .write(tenant, async |tx| client_requests::answer(tx, tenant, session, id, &large).await);
    assert_eq!(refused.await.unwrap_err().constraint(), Some("client_requests_answer_size"));
    assert!(place.writes(async |tx| sessions::end(tx, tenant, session).await).await);
    assert_eq!(place.takes(id).await, Taken::Gone);
}
