//! Servers tell what they change: by MCP, by REST, documents and sessions.

use std::sync::Arc;

use mbmcp::config::RedisConfig;
use mbmcp::mcp::bus::Listener;
use mbmcp::model::{Role, Scope, Secret};
use mbmcp::store::kv::Redis;
use reqwest::Method;
use serde_json::json;

use super::{BY_HINTS, Parts, ROUNDS, Replica, rounds, uuid};
use crate::harness::{Database, Reply, RestClient, Server, TestKey, redis_url};
use crate::rest::handle;

/// A server, and a listener at another replica that hears its hints.
struct Pair {
    server: Server,
    key: TestKey,
    listener: Listener,
    _replica: Replica,
}

async fn pair(database: &Database) -> Pair {
    let (url, key_prefix) = (redis_url(), uuid().simple().to_string());
    let variables = [("REDIS_URL", &*url), ("REDIS_KEY_PREFIX", &key_prefix)];
    let server = Server::with(database, &variables).await;
    let redis = Redis::new(&RedisConfig { url: Secret::new(url), key_prefix }).unwrap();
    let parts = Parts { redis: Some(Arc::new(redis)), ..Parts::default() };
    let replica = Replica::of(database, parts);
    let scopes = [Scope::Read, Scope::Write, Scope::Admin];
    let key = database.key("a", Role::Owner, &scopes).await;
    let listener = replica.listen(&key).await;
    Pair { server, key, listener, _replica: replica }
}

impl Pair {
    /// Whether each of these changes is heard by a hint: `change` gives the target.
    async fn hears(
        &mut self,
        what: &str,
        change: impl AsyncFn(&Server, &TestKey, usize) -> String,
    ) {
        let Self { server, key, listener, .. } = self;
        let elapsed =
            rounds(listener, ROUNDS, async |round| change(server, key, round).await).await;
        assert!(elapsed < BY_HINTS, "{what}: {elapsed:?}");
    }
}

#[tokio::test]
async fn documents_that_are_written_and_deleted_are_announced() {
    let database = Database::new().await;
    let mut pair = pair(&database).await;
    let client = pair.server.session(&pair.key).await;
    pair.hears("a tool's write", async |_, _, round| {
        client.write(&format!("{round}.md"), "text").await;
        format!("{round}.md")
    })
    .await;
    let rest = RestClient::new(&pair.server, &pair.key.key);
    let path = |round: usize| format!("/projects/a/documents/rest-{round}.md");
    pair.hears("a write", async |_, _, round| {
        let body = json!({ "content": "text" });
        let put = rest.request(Method::PUT, &path(round)).header("if-none-match", "*").json(&body);
        assert_eq!(Reply::of(put).await.status, 201);
        format!("rest-{round}.md")
    })
    .await;
    pair.hears("a deletion", async |_, _, round| {
        let delete = rest.request(Method::DELETE, &path(round)).header("if-match", "*");
        assert_eq!(Reply::of(delete).await.status, 204);
        format!("rest-{round}.md")
    })
    .await;
}

#[tokio::test]
async fn sessions_that_end_are_announced() {
    let database = Database::new().await;
    let mut pair = pair(&database).await;
    pair.hears("an end by its client", async |server, key, _| {
        let client = server.session(key).await;
        assert_eq!(client.delete().await.status, 204);
        client.session.unwrap()
    })
    .await;
    let rest = RestClient::new(&pair.server, &pair.key.key);
    pair.hears("an end by an owner", async |server, key, _| {
        let session = server.session(key).await.session.unwrap();
        let ended = rest.delete(&format!("/projects/a/sessions/{}", handle(&session))).await;
        assert_eq!(ended.status, 204);
        session
    })
    .await;
}
