//! The life of a user, whom the operator alone administers.

use mbmcp::model::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Office, fresh, patch_if, wrong_field};
use crate::harness::{Database, Reply, RestClient, Server};

fn path(user: &Value) -> String {
    format!("/users/{}", user["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_user_is_made_listed_shown_changed_and_removed() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let admin = &office.platform;
    let new = json!({ "email": "ann@example.test", "displayName": "Ann" });
    let made = admin.post("/users", &new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let ann = made.json();
    assert_eq!(made.headers["location"], format!("/api/v1{}", path(&ann)));
    assert_eq!((&ann["email"], &ann["displayName"]), (&new["email"], &new["displayName"]));

    let shown = admin.get(&path(&ann)).await;
    assert_eq!(shown.json(), ann);
    let found = admin.get("/users?email=ann@example.test").await.json();
    assert_eq!(found["items"], json!([ann]));
    let none = admin.get("/users?email=nobody@example.test").await.json();
    assert_eq!(none, json!({ "items": [] }));

    let etag = shown.headers["etag"].to_str().unwrap();
    let patch = json!({ "email": "ann@example.org", "displayName": "Ann B." });
    let changed = patch_if(admin, &path(&ann), etag, &patch).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!((&changed.json()["email"], &changed.json()["id"]), (&patch["email"], &ann["id"]));
    let late = patch_if(admin, &path(&ann), etag, &json!({ "displayName": "Bob" })).await;
    assert_eq!((late.status, &late.json()["type"]), (412, &json!("/problems/changed")));
    assert_eq!(admin.get(&path(&ann)).await.json(), changed.json());

    assert_eq!(admin.delete(&path(&ann)).await.status, 204);
    for gone in [
        admin.get(&path(&ann)).await,
        admin.patch(&path(&ann), &patch).await,
        admin.delete(&path(&ann)).await,
        admin.get("/users/nonsense").await,
    ] {
        assert_eq!(gone.status, 404, "{}", gone.text);
        assert_eq!(gone.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn an_address_is_one_users() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let admin = &office.platform;
    let new = json!({ "email": "ann@example.test" });
    let create = async |key: &str| {
        let request = admin.request(Method::POST, "/users").header("idempotency-key", key);
        Reply::of(request.json(&new)).await
    };
    let ann = create("one").await.json();
    assert_eq!(ann["displayName"], "");
    let again = create("one").await;
    assert_eq!((again.status, again.json()), (201, ann));
    let other = admin.post("/users", &json!({ "email": "bob@example.test" })).await.json();
    for taken in [create("two").await, admin.patch(&path(&other), &new).await] {
        assert_eq!((taken.status, &taken.json()["type"]), (409, &json!("/problems/conflict")));
    }
    // Ten at once: one is made.
    let new = json!({ "email": "eve@example.test" });
    let made = futures_util::future::join_all((0..10).map(|_| admin.post("/users", &new))).await;
    let mut statuses: Vec<u16> = made.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [&[201][..], &[409; 9]].concat());
}

#[tokio::test]
async fn what_is_wrong_with_a_user_is_said() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let admin = &office.platform;
    let ann = admin.post("/users", &json!({ "email": "ann@example.test" })).await.json();
    for (body, field) in [
        (json!({ "email": "ann" }), "/email"),
        (json!({ "email": "a b@example.test" }), "/email"),
        (json!({ "email": format!("{}@example.test", "ä".repeat(160)) }), "/email"),
        (json!({ "email": "x@example.test", "displayName": "ä".repeat(101) }), "/displayName"),
        (json!({ "email": "x@example.test", "displayName": 1 }), "/displayName"),
        (json!({ "email": "x@example.test", "displayName": "a\0b" }), ""),
        (json!({ "email": "x@example.test", "id": fresh() }), ""),
    ] {
        let refused = admin.post("/users", &body).await;
        assert_eq!(wrong_field(&refused), (422, field.to_owned()), "{body}: {}", refused.text);
        let refused = admin.patch(&path(&ann), &body).await;
        assert_eq!(wrong_field(&refused), (422, field.to_owned()), "{body}: {}", refused.text);
    }
    assert_eq!(admin.post("/users", &json!({})).await.status, 422);
    assert_eq!(wrong_field(&admin.get("/users?email=a%00b").await), (422, "email".to_owned()));
    assert_eq!(admin.get(&path(&ann)).await.json(), ann);
}

#[tokio::test]
async fn a_user_stays_while_a_member_of_a_project() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let (admin, member) = (&office.platform, office.member(Role::Viewer).await);
    let user = format!("/users/{member}");
    let kept = admin.delete(&user).await;
    assert_eq!((kept.status, &kept.json()["type"]), (409, &json!("/problems/conflict")));
    assert_eq!(admin.delete(&format!("/projects/a/members/{member}")).await.status, 204);
    assert_eq!(admin.delete(&user).await.status, 204);
    // A deleted project holds nobody.
    let member = office.member(Role::Viewer).await;
    assert_eq!(admin.delete("/projects/a").await.status, 204);
    assert_eq!(admin.delete(&format!("/users/{member}")).await.status, 204);
}

#[tokio::test]
async fn the_list_of_users_has_pages() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    for _ in 0..4 {
        office.platform.post("/users", &json!({ "email": format!("{}@u.test", fresh()) })).await;
    }
    let (mut ids, mut next) = (Vec::new(), "/users?limit=2".to_owned());
    loop {
        let page = office.platform.get(&next).await.json();
        ids.extend(page["items"].as_array().unwrap().iter().map(|user| user["id"].to_string()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        next = format!("/users?limit=2&cursor={cursor}");
    }
    assert_eq!(ids.len(), 5, "with the owner of `a`");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    // A cursor of one list is none of another.
    let cursor = next.split("cursor=").nth(1).unwrap();
    let other = format!("/users?email=x@u.test&cursor={cursor}");
    assert_eq!(office.platform.get(&other).await.status, 422);
}

#[tokio::test]
async fn without_a_platform_token_there_is_no_operator() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.key("a", Role::Owner, &[Scope::Admin]).await;
    let (owner, nobody) = (RestClient::new(&server, &key.key), RestClient::new(&server, ""));
    let operator = RestClient::new(&server, crate::harness::ADMIN_TOKEN);
    let user = format!("/users/{}", key.tenant.user());
    for (method, path) in [
        (Method::GET, "/users"),
        (Method::POST, "/users"),
        (Method::GET, &user),
        (Method::PATCH, &user),
        (Method::DELETE, &user),
        (Method::POST, "/projects"),
        (Method::DELETE, "/projects/a"),
    ] {
        let ask = async |client: &RestClient| {
            Reply::of(client.request(method.clone(), path).json(&json!({}))).await.status
        };
        assert_eq!(ask(&owner).await, 404, "{method} {path}");
        assert_eq!((ask(&nobody).await, ask(&operator).await), (401, 401), "{method} {path}");
    }
}
