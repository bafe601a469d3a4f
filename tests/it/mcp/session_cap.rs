//! How many sessions a key may have open.

use serde_json::{Value, json};

use crate::harness::{Client, Database, Login, Reply, Server};

const CAP: &str = "MCP_MAX_SESSIONS_PER_KEY";

async fn initialize(client: &Client) -> Reply {
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "it", "version": "1" },
    });
    client.rpc("initialize", params).await
}

fn is_refused(reply: &Reply) -> bool {
    let refused = reply.json()["error"].is_object();
    if refused {
        assert_eq!((reply.status, reply.code()), (200, -32603), "{}", reply.text);
        assert!(reply.text.contains("end some with DELETE"), "{}", reply.text);
        assert!(!reply.headers.contains_key("mcp-session-id"));
    } else {
        assert!(reply.headers.contains_key("mcp-session-id"), "{}", reply.text);
    }
    refused
}

async fn count(owner: &tokio_postgres::Client) -> i64 {
    owner
        .query_one("select count(*) from sessions where expires_at > now()", &[])
        .await
        .unwrap()
        .get(0)
}

#[tokio::test]
async fn one_more_than_the_most_ends_the_longest_unused_or_is_refused() {
    let database = Database::new().await;
    let server = Server::with(&database, &[(CAP, "3")]).await;
    let other = Server::on(&database).await;
    let (key, second_key) = (database.editor("a").await, database.editor("a").await);
    let clients =
        [server.session(&key).await, server.session(&key).await, server.session(&key).await];
    assert!(is_refused(&initialize(&server.client(&key)).await));
    assert!(!is_refused(&initialize(&server.client(&second_key)).await));

    let mut listening = clients[1].at(&other.url).listen(None).await;
    assert!(listening.event().await.unwrap().id.is_some());
    let owner = database.connect(Login::Owner).await;
    for (client, minutes) in clients.iter().zip([59, 62, 61]) {
        let age = "update sessions set last_seen_at = now() - make_interval(secs => 60 * $2) where id = $1";
        owner.execute(age, &[&client.session, &minutes]).await.unwrap();
    }
    assert!(!is_refused(&initialize(&server.client(&key)).await));
    assert_eq!(listening.rest().await, Vec::<Value>::new());
    let mut answers = Vec::new();
    for client in &clients {
        answers.push(client.rpc("ping", json!({})).await.status);
    }
    // Which also used the others: none of them is left unused.
    assert_eq!(answers, [200, 404, 200]);
    assert!(is_refused(&initialize(&server.client(&key)).await));

    // What has expired is none, and what was ended makes room.
    let expire = "update sessions set expires_at = now() where id = $1";
    owner.execute(expire, &[&clients[0].session]).await.unwrap();
    assert!(!is_refused(&initialize(&server.client(&key)).await));
    assert!(is_refused(&initialize(&server.client(&key)).await));
    assert_eq!(clients[2].delete().await.status, 204);
    assert!(!is_refused(&initialize(&server.client(&key)).await));
}

#[tokio::test]
async fn there_are_never_more_however_many_come_at_once() {
    let database = Database::new().await;
    let servers = [
        Server::with(&database, &[(CAP, "20")]).await,
        Server::with(&database, &[(CAP, "20")]).await,
    ];
    let key = database.editor("a").await;
    let owner = database.connect(Login::Owner).await;
    // First there is room; then all is in use; then all is unused.
    for (room, age) in [(20, "1 minute"), (0, "2 hours"), (20, "0 hours")] {
        let clients: Vec<Client> = (0..50).map(|n| servers[n % 2].client(&key)).collect();
        let replies = futures_util::future::join_all(clients.iter().map(initialize)).await;
        let opened = replies.iter().filter(|reply| !is_refused(reply)).count();
        assert_eq!((opened, count(&owner).await), (room, 20));
        let age = format!("update sessions set last_seen_at = now() - interval '{age}'");
        owner.batch_execute(&age).await.unwrap();
    }
}

#[tokio::test]
async fn where_fewer_are_allowed_than_there_are_as_many_end_as_are_too_many() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    for _ in 0..6 {
        server.session(&key).await;
    }
    let owner = database.connect(Login::Owner).await;
    owner
        .batch_execute("update sessions set last_seen_at = now() - interval '2 hours'")
        .await
        .unwrap();
    let newest = server.session(&key).await;
    let strict = Server::with(&database, &[(CAP, "3")]).await;
    assert!(!is_refused(&initialize(&strict.client(&key)).await));
    assert_eq!(count(&owner).await, 3);
    assert_eq!(newest.rpc("ping", json!({})).await.status, 200);
}
