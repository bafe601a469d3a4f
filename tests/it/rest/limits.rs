//! What is limited, and how much of it is used.

use mbmcp::model::document::{MAX_DOCUMENTS, MAX_PROJECT_BYTES};
use mbmcp::model::{Role, Scope};
use serde_json::json;

use super::Office;
use crate::harness::Database;

const LIMITS: &str = "/projects/a/limits";

#[tokio::test]
async fn limits_are_those_that_are_enforced_with_what_is_used() {
    let database = Database::new().await;
    let variables = [
        ("MCP_MAX_BODY_BYTES", "700000"),
        ("MCP_SESSION_TTL_HOURS", "3"),
        ("RATE_LIMIT_PER_IP", "5000"),
        ("RATE_LIMIT_INITIALIZE", "70"),
    ];
    let office = Office::with(&database, &variables).await;
    let editor = database.editor("a").await;
    let client = office.server.session(&editor).await;
    client.write("a.md", "four").await;
    client.write("b.md", "fünf").await;
    let slow = json!({ "userId": office.key.tenant.user(), "scopes": ["read"], "rateLimit": 7 });
    let slow = office.owner.post("/projects/a/keys", &slow).await.json();
    let gone = office.owner.post("/projects/a/keys", &office.new_key(&["read"])).await.json();
    office.owner.delete(&format!("/projects/a/keys/{}", gone["id"].as_str().unwrap())).await;
    // Of others nothing is counted.
    let theirs = office.server.session(&database.editor("b").await).await;
    theirs.write("a.md", "many many bytes").await;

    let limits = office.owner.get(LIMITS).await.json();
    assert_eq!(limits["documents"], json!({ "limit": MAX_DOCUMENTS, "used": 2 }));
    assert_eq!(limits["bytes"], json!({ "limit": MAX_PROJECT_BYTES, "used": 9 }));
    assert_eq!(limits["documentBytes"], 512 * 1024);
    assert_eq!(
        limits["requests"],
        json!({
            "bodyBytes": 700_000,
            "seconds": 30,
            "sessionHours": 3,
            "callsPerAddress": 5000,
            "sessionsPerKey": 70,
        })
    );
    let rate = |key: &serde_json::Value, calls: i32, left: i32| json!({ "keyId": key, "callsPerMinute": calls, "left": left });
    let own = json!(office.key.id);
    assert_eq!(
        limits["rates"],
        json!({
            "enforced": true,
            "keys": [
                // It made two keys, revoked one and asks now.
                rate(&own, 100_000, 99_996),
                // It opened a session and wrote twice.
                rate(&json!(editor.id), 100_000, 99_997),
                rate(&slow["id"], 7, 7),
            ],
        })
    );
    // What a project remembers is none of the operator's business.
    let seen = office.platform.get(LIMITS).await.json();
    assert_eq!(seen["documents"], json!({ "limit": MAX_DOCUMENTS, "used": null }));
    assert_eq!(seen["bytes"]["used"], json!(null));
    assert_eq!(seen["rates"], limits["rates"], "the operator's calls are charged to no key");
}

#[tokio::test]
async fn the_limit_of_bodies_is_the_one_that_is_shown() {
    let database = Database::new().await;
    let office = Office::with(&database, &[("MCP_MAX_BODY_BYTES", "2048")]).await;
    let most = office.owner.get(LIMITS).await.json()["requests"]["bodyBytes"].as_u64().unwrap();
    let key = database.key("a", Role::Owner, &[Scope::Read]).await;
    let client = office.server.client(&key);
    for (bytes, status) in [(most, 400), (most + 1, 413)] {
        let body = " ".repeat(usize::try_from(bytes).unwrap());
        assert_eq!(client.post(body).await.status, status);
    }
}
