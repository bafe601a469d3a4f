//! The life of a key.

use std::time::Duration;

use mbmcp::model::{Role, Scope};
use serde_json::{Value, json};

use super::Office;
use crate::harness::{Client, Database, RestClient, eventually};

const KEYS: &str = "/projects/a/keys";

fn path(key: &Value) -> String {
    format!("{KEYS}/{}", key["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_key_is_issued_listed_shown_changed_and_revoked() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    for admin in [&office.owner, &office.platform] {
        let made = admin.post(KEYS, &office.new_key(&["read", "write"])).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let issued = made.json();
        let secret = issued["key"].as_str().unwrap();
        assert!(
            made.headers["location"].to_str().unwrap().ends_with(issued["id"].as_str().unwrap())
        );
        assert_eq!((&issued["state"], &issued["environment"]), (&json!("active"), &json!("live")));

        let mut client = Client::new(&office.server.url, secret);
        client.initialize().await;
        client.write("a.md", "text").await;

        let shown = admin.get(&path(&issued)).await;
        assert_eq!(shown.json()["hint"], issued["hint"]);
        assert!(!shown.text.contains(secret) && shown.headers.contains_key("etag"));
        let listed = admin.get(KEYS).await;
        assert!(listed.text.contains(issued["id"].as_str().unwrap()));
        assert!(!listed.text.contains(secret));

        let patch = json!({ "label": "renamed", "scopes": ["read"], "rateLimit": 10 });
        let changed = admin.patch(&path(&issued), &patch).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert_eq!(
            (&changed.json()["label"], &changed.json()["rateLimit"]),
            (&json!("renamed"), &json!(10))
        );
        let wider = admin.patch(&path(&issued), &json!({ "scopes": ["read", "write"] })).await;
        assert_eq!((wider.status, &wider.json()["errors"][0]["field"]), (422, &json!("/scopes")));

        assert_eq!(admin.delete(&path(&issued)).await.status, 204);
        assert_eq!(admin.delete(&path(&issued)).await.status, 204);
        assert_eq!(admin.get(&path(&issued)).await.json()["state"], "revoked");
        assert_eq!(admin.patch(&path(&issued), &json!({ "label": "x" })).await.status, 409);
        eventually("the revocation", async || {
            (client.rpc("ping", json!({})).await.status == 401).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn scopes_stay_within_the_role_of_the_user() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    for (role, scopes, status) in [
        (Role::Viewer, vec!["read"], 201),
        (Role::Viewer, vec!["write"], 422),
        (Role::Editor, vec!["read", "write"], 201),
        (Role::Editor, vec!["admin"], 422),
        (Role::Owner, vec!["read", "write", "admin"], 201),
    ] {
        let user = database.key("a", role, &[Scope::Read]).await.tenant.user();
        let new = json!({ "userId": user, "scopes": scopes });
        let reply = office.owner.post(KEYS, &new).await;
        assert_eq!(reply.status, status, "{role} {scopes:?}: {}", reply.text);
    }
    let stranger = database.key("b", Role::Owner, &[Scope::Read]).await.tenant.user();
    let reply = office.owner.post(KEYS, &json!({ "userId": stranger, "scopes": ["read"] })).await;
    assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (422, &json!("/userId")));
}

#[tokio::test]
async fn a_rotated_key_works_until_its_grace_ends_and_never_past_its_own_end() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let admin = &office.owner;
    let old = admin.post(KEYS, &office.new_key(&["read"])).await.json();
    let rotate = |key: &Value| format!("{}/rotate", path(key));
    let new = admin.post(&rotate(&old), &json!({ "graceSeconds": 3600 })).await;
    assert_eq!(new.status, 201, "{}", new.text);
    let new = new.json();
    assert_eq!((&new["scopes"], &new["label"]), (&old["scopes"], &old["label"]));
    let works = async |key: &Value| {
        let client = Client::new(&office.server.url, key["key"].as_str().unwrap()).modern();
        client.rpc("tools/list", json!({})).await.status == 200
    };
    assert!(works(&old).await && works(&new).await);
    let shown = admin.get(&path(&old)).await.json();
    assert_eq!((&shown["state"], &shown["rotatedTo"]), (&json!("rotated"), &new["id"]));
    assert_eq!(admin.get(&path(&new)).await.json()["state"], "active");
    for seconds in [2_592_001, -1] {
        let reply = admin.post(&rotate(&new), &json!({ "graceSeconds": seconds })).await;
        let field = &reply.json()["errors"][0]["field"];
        assert_eq!((reply.status, field), (422, &json!("/graceSeconds")));
    }
    let again = admin.post(&rotate(&old), &json!({})).await;
    assert_eq!(again.status, 409, "{}", again.text);
    let longer = admin.patch(&path(&old), &json!({ "expiresAt": null })).await;
    assert_eq!(longer.status, 409, "{}", longer.text);

    // Without grace the old one ends at once.
    let newest = admin.post(&rotate(&new), &json!({})).await.json();
    eventually("the end of the rotated key", async || (!works(&new).await).then_some(())).await;
    assert!(works(&newest).await);
    assert_eq!(admin.get(&path(&new)).await.json()["state"], "expired");

    // The grace ends with the old key.
    let soon = mbmcp::model::Ambient::default().clock.now() + Duration::from_mins(10);
    let soon = mbmcp::model::clock::rfc3339(soon);
    let mut short = office.new_key(&["read"]);
    short["expiresAt"] = json!(soon);
    let short = admin.post(KEYS, &short).await.json();
    admin.post(&rotate(&short), &json!({ "graceSeconds": 86_400 })).await;
    let shown = admin.get(&path(&short)).await.json();
    assert_eq!(shown["expiresAt"], short["expiresAt"], "{shown}");
}

#[tokio::test]
async fn the_operator_may_demand_an_end() {
    let database = Database::new().await;
    let office = Office::with(&database, &[("KEY_MAX_LIFETIME_DAYS", "30")]).await;
    let made = office.owner.post(KEYS, &office.new_key(&["read"])).await.json();
    assert!(made["expiresAt"].is_string(), "{made}");
    let mut late = office.new_key(&["read"]);
    late["expiresAt"] = json!("2999-01-01T00:00:00Z");
    let refused = office.owner.post(KEYS, &late).await;
    assert_eq!(
        (refused.status, &refused.json()["errors"][0]["field"]),
        (422, &json!("/expiresAt"))
    );
    let rotated = office.owner.post(&format!("{}/rotate", path(&made)), &json!({})).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text);
    let made = rotated.json();
    let same = json!({ "expiresAt": made["expiresAt"] });
    assert_eq!(office.owner.patch(&path(&made), &same).await.status, 200);
    let patched =
        office.owner.patch(&path(&made), &json!({ "expiresAt": late["expiresAt"] })).await;
    assert_eq!(patched.status, 422, "{}", patched.text);
}

#[tokio::test]
async fn a_key_that_was_revoked_elsewhere_makes_no_others() {
    let database = Database::new().await;
    let redis = crate::harness::redis_url();
    let office = Office::with(&database, &[("REDIS_URL", &redis)]).await;
    let other = Office::with(&database, &[("REDIS_URL", &redis)]).await;
    let thief = database.key("a", Role::Owner, &[Scope::Admin]).await;
    let narrowed = database.key("a", Role::Owner, &[Scope::Admin, Scope::Read]).await;
    // This server knows both keys by heart.
    let clients = [&thief, &narrowed].map(|key| RestClient::new(&office.server, &key.key));
    for client in &clients {
        assert_eq!(client.get(KEYS).await.status, 200);
    }
    assert_eq!(other.owner.delete(&format!("{KEYS}/{}", thief.id)).await.status, 204);
    let fewer = json!({ "scopes": ["read"] });
    assert_eq!(other.owner.patch(&format!("{KEYS}/{}", narrowed.id), &fewer).await.status, 200);
    for (client, status) in clients.iter().zip([401, 403]) {
        let reply = client.post(KEYS, &office.new_key(&["read", "write", "admin"])).await;
        assert_eq!(reply.status, status, "{}", reply.text);
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let wrong = json!({ "userId": "nobody", "scopes": ["fly"], "rateLimit": 0, "colour": "red" });
    let reply = office.owner.post(KEYS, &wrong).await;
    assert_eq!(
        (reply.status, &reply.headers["content-type"]),
        (422, &"application/problem+json".parse().unwrap())
    );
    let problem = reply.json();
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    for field in ["/userId", "/scopes/0", "/rateLimit", ""] {
        assert!(fields.contains(&json!(field)), "{field}: {problem}");
    }
    for (query, field) in [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?cursor=x", "cursor"),
        ("?limit=x", "query"),
    ] {
        let reply = office.owner.get(&format!("{KEYS}{query}")).await;
        assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (422, &json!(field)));
    }
}

#[tokio::test]
async fn what_no_project_or_key_can_be_called_is_not_there() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    for admin in [&office.owner, &office.platform] {
        for path in [
            "/projects/a/keys/x",
            "/projects/a/keys/%ff",
            "/projects/%ff/keys",
            "/projects/%00/keys",
        ] {
            let reply = admin.get(path).await;
            assert_eq!((reply.status, &reply.json()["status"]), (404, &json!(404)), "{path}");
        }
    }
}

#[tokio::test]
async fn a_list_has_pages_that_belong_to_who_asked() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    for _ in 0..5 {
        office.owner.post(KEYS, &office.new_key(&["read"])).await;
    }
    let mut seen = Vec::new();
    let mut next = format!("{KEYS}?limit=2");
    loop {
        let page = office.owner.get(&next).await;
        seen.extend(page.json()["items"].as_array().unwrap().clone());
        let Some(link) = page.headers.get("link") else { break };
        let link = link.to_str().unwrap();
        assert!(link.ends_with("; rel=\"next\""), "{link}");
        let url = link.split_once('>').unwrap().0.trim_start_matches('<');
        next = url.trim_start_matches("/api/v1").to_owned();
        assert!(next.contains(page.json()["nextCursor"].as_str().unwrap()));
    }
    let mut ids: Vec<_> = seen.iter().map(|key| key["id"].to_string()).collect();
    assert_eq!(ids.len(), 6);
    ids.dedup();
    assert_eq!(ids.len(), 6);
    let stolen = RestClient::new(&office.server, crate::harness::ADMIN_TOKEN).get(&next).await;
    assert_eq!(stolen.status, 422, "{}", stolen.text);
}

#[tokio::test]
async fn a_change_may_depend_on_what_was_seen() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let key = office.owner.post(KEYS, &office.new_key(&["read"])).await.json();
    let etag = office.owner.get(&path(&key)).await.headers["etag"].clone();
    let change = async |label: &str| {
        let request = office.owner.request(reqwest::Method::PATCH, &path(&key));
        let request = request.header("if-match", etag.clone()).json(&json!({ "label": label }));
        crate::harness::Reply::of(request).await
    };
    // What the key does by itself changes nothing of that.
    let superuser = database.connect(crate::harness::Login::Superuser).await;
    superuser.batch_execute("update api_keys set last_used_at = now()").await.unwrap();
    let first = change("one").await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(office.owner.get(&path(&key)).await.headers["etag"], first.headers["etag"]);
    let odd = json!({ "expiresAt": "2999-01-01T00:00:00.123456789+02:00" });
    let odd = office.owner.patch(&path(&key), &odd).await;
    assert_eq!(office.owner.get(&path(&key)).await.headers["etag"], odd.headers["etag"]);
    for beyond in ["9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00", "tomorrow"] {
        let reply = office.owner.patch(&path(&key), &json!({ "expiresAt": beyond })).await;
        assert_eq!(reply.status, 422, "{beyond}: {}", reply.text);
    }
    assert_ne!(first.headers["etag"], etag);
    assert_eq!(change("two").await.status, 412);
    assert_eq!(office.owner.get(&path(&key)).await.json()["label"], "one");
}
