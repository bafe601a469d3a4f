//! Creations that are sent again.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::Office;
use crate::harness::{Database, Login, Reply, RestClient};

const KEYS: &str = "/projects/a/keys";

async fn create(admin: &RestClient, path: &str, key: &str, body: &Value) -> Reply {
    let request = admin.request(Method::POST, path).header("idempotency-key", key);
    Reply::of(request.json(body)).await
}

#[tokio::test]
async fn fifty_at_once_make_one_key() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    for admin in [&office.owner, &office.platform] {
        let new = office.new_key(&["read"]);
        let before = office.owner.get(KEYS).await.json()["items"].as_array().unwrap().len();
        let replies = join_all((0..50).map(|_| create(admin, KEYS, "once", &new))).await;
        assert!(replies.iter().all(|reply| reply.status == 201), "{replies:?}");
        let (fresh, replayed): (Vec<_>, Vec<_>) =
            replies.iter().partition(|reply| !reply.headers.contains_key("idempotency-replayed"));
        assert_eq!((fresh.len(), replayed.len()), (1, 49));
        let mut first = fresh[0].json();
        assert!(first["key"].is_string());
        first.as_object_mut().unwrap().remove("key");
        for reply in replayed {
            assert_eq!(reply.headers["idempotency-replayed"], "true");
            assert_eq!(reply.headers["location"], fresh[0].headers["location"]);
            assert_eq!(reply.json(), first);
        }
        let after = office.owner.get(KEYS).await.json()["items"].as_array().unwrap().len();
        assert_eq!(after, before + 1);
    }
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_principal() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let new = office.new_key(&["read"]);
    let first = create(&office.owner, KEYS, "k", &new).await.json();
    let other = create(&office.owner, KEYS, "k", &office.new_key(&["write"])).await;
    assert_eq!(
        (other.status, &other.json()["type"]),
        (422, &json!("/problems/idempotency-key-reused"))
    );
    let by_id = format!("/projects/{}/keys", office.key.tenant.project());
    assert_eq!(create(&office.owner, &by_id, "k", &new).await.status, 422);
    let platform = create(&office.platform, KEYS, "k", &new).await;
    assert_eq!(platform.status, 201);
    assert_ne!(platform.json()["id"], first["id"]);
    let rotate = format!("{KEYS}/{}/rotate", first["id"].as_str().unwrap());
    assert_eq!(create(&office.owner, &rotate, "k", &json!({})).await.status, 201);
    for bad in ["", &"x".repeat(256)] {
        assert_eq!(create(&office.owner, KEYS, bad, &new).await.status, 400);
    }
}

#[tokio::test]
async fn a_request_that_failed_leaves_its_key_unused() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let wrong = json!({ "userId": office.key.tenant.project(), "scopes": ["read"] });
    assert_eq!(create(&office.owner, KEYS, "k", &wrong).await.status, 422);
    let right = create(&office.owner, KEYS, "k", &office.new_key(&["read"])).await;
    assert_eq!((right.status, right.json()["key"].is_string()), (201, true));
}

#[tokio::test]
async fn a_repeat_while_the_first_runs_is_told_so() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    // The first holds its row and does not end.
    let mut owner = database.connect(Login::Superuser).await;
    let first = owner.transaction().await.unwrap();
    let insert = "insert into idempotency_keys (project_id, principal, route, key, body_sha256, \
                  expires_at) values ($1, $2, 'keys.create', 'k', sha256(''), now() + '1 day')";
    let tenant = &office.key.tenant;
    let principal = format!("user:{}", tenant.user());
    first.execute(insert, &[&tenant.project().0, &principal]).await.unwrap();
    let reply = create(&office.owner, KEYS, "k", &office.new_key(&["read"])).await;
    assert_eq!(
        (reply.status, &reply.json()["type"]),
        (409, &json!("/problems/request-in-progress"))
    );
    assert!(reply.headers.contains_key("retry-after"));
    first.rollback().await.unwrap();
    assert_eq!(create(&office.owner, KEYS, "k", &office.new_key(&["read"])).await.status, 201);
}
