//! A key that revokes itself.

use mbmcp::model::{Ambient, Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};

use super::Office;
use crate::harness::{Client, Database, Login, Reply, RestClient, Server, eventually, redis_url};

const KEY: &str = "/key";

#[tokio::test]
async fn any_key_revokes_itself_at_once_and_nothing_else() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    for (role, scope) in
        [(Role::Viewer, Scope::Read), (Role::Editor, Scope::Write), (Role::Owner, Scope::Admin)]
    {
        let other = database.key("a", role, &[Scope::Read]).await;
        let key = database.key("a", role, &[scope]).await;
        let client = RestClient::new(&office.server, &key.key);
        let mcp = office.server.client(&key).modern();
        assert_eq!(mcp.rpc("tools/list", json!({})).await.status, 200, "it is in the cache");

        let request = client.request(Method::DELETE, KEY).header("user-agent", "leak scanner");
        let reply = Reply::of(request).await;
        assert_eq!((reply.status, reply.text.as_str()), (204, ""));
        // Not some seconds later: now.
        assert_eq!(mcp.rpc("tools/list", json!({})).await.status, 401);
        assert_eq!(client.delete(KEY).await.status, 401);
        let path = format!("/projects/a/keys/{}", key.id);
        assert_eq!(office.owner.get(&path).await.json()["state"], "revoked");
        let path = format!("/projects/a/keys/{}", other.id);
        assert_eq!(office.owner.get(&path).await.json()["state"], "active");

        let entries = office.owner.get("/projects/a/audit?action=key.revoke&limit=1").await;
        let entry = &entries.json()["items"][0];
        let by = (&entry["actorKind"], &entry["keyId"], &entry["targetId"], &entry["actorUserId"]);
        let (id, user) = (json!(key.id), json!(key.tenant.user()));
        assert_eq!(by, (&json!("key"), &id, &id, &user));
        assert_eq!(entry["clientName"], "leak scanner");
        assert!(entry["ip"].is_string());
        assert_eq!(entry["before"]["revokedAt"], Value::Null);
        assert!(entry["after"]["revokedAt"].is_string());
        assert!(!entries.text.contains(&key.key), "{}", entries.text);
    }
}

#[tokio::test]
async fn the_platform_token_is_no_key_and_no_key_revokes_nothing() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    assert_eq!(office.platform.delete(KEY).await.status, 403);
    for stranger in ["", "mbmcp_live_x"] {
        assert_eq!(RestClient::new(&office.server, stranger).delete(KEY).await.status, 401);
    }
    let superuser = database.connect(Login::Superuser).await;
    let sql = "select count(*) from api_keys where revoked_at is not null";
    assert_eq!(superuser.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_key_that_was_revoked_is_refused_elsewhere_whatever_redis_remembers() {
    let database = Database::new().await;
    let prefix = format!("t{}", Ambient::default().uuid().unwrap().simple());
    let redis = [("REDIS_URL", redis_url()), ("REDIS_KEY_PREFIX", prefix)];
    let redis = [(redis[0].0, redis[0].1.as_str()), (redis[1].0, redis[1].1.as_str())];
    let office = Office::with(&database, &redis).await;
    // A replica that never asked Postgres for the key: what it knows it knows from Redis.
    let fresh = Server::with(&database, &redis).await;
    for by_owner in [false, true] {
        let key = database.key("a", Role::Viewer, &[Scope::Read]).await;
        let works = async |server: &Server| {
            server.client(&key).modern().rpc("tools/list", json!({})).await.status == 200
        };
        assert!(works(&office.server).await);
        if by_owner {
            let path = format!("/projects/a/keys/{}", key.id);
            assert_eq!(office.owner.delete(&path).await.status, 204);
        } else {
            assert_eq!(RestClient::new(&office.server, &key.key).delete(KEY).await.status, 204);
        }
        assert!(!works(&office.server).await);
        eventually("its end elsewhere", async || (!works(&fresh).await).then_some(())).await;
    }
}

#[tokio::test]
async fn a_key_that_an_owner_changes_is_changed_at_once_where_that_was_done() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let new = office.owner.post("/projects/a/keys", &office.new_key(&["read", "write"])).await;
    let new = new.json();
    let mcp = Client::new(&office.server.url, new["key"].as_str().unwrap()).modern();
    mcp.write("a.md", "text").await;
    let path = format!("/projects/a/keys/{}", new["id"].as_str().unwrap());
    office.owner.patch(&path, &json!({ "scopes": ["read"] })).await;
    let write = json!({ "filename": "a.md", "content": "x" });
    assert_eq!(
        mcp.call("write_memory_bank_file", write).await.code(),
        -32602,
        "no tool of its own"
    );
    office.owner.post(&format!("{path}/rotate"), &json!({})).await;
    assert_eq!(mcp.rpc("tools/list", json!({})).await.status, 401);
}
