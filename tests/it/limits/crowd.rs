//! Many calls at once: one project does not take all connections, and nobody queues for ever.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio_postgres::Client as Connection;

use crate::harness::{Client, Database, Login, Reply, Server, eventually};

/// Holds the document that writers then wait for.
struct Lock {
    owner: Connection,
    /// Inside a transaction Postgres tells the same all the time.
    watching: Connection,
}

impl Lock {
    async fn new(database: &Database) -> Self {
        let owner = database.connect(Login::Superuser).await;
        owner.batch_execute("begin; select from documents for update").await.unwrap();
        Self { owner, watching: database.connect(Login::Superuser).await }
    }

    /// Statements that wait for it.
    async fn waiting(&self) -> i64 {
        let sql = "select count(*) from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock'";
        self.watching.query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn release(self) {
        self.owner.batch_execute("rollback").await.unwrap();
    }
}

fn write(client: &Client, number: u64) -> impl Future<Output = Reply> + use<> {
    let client = client.numbered(number);
    let arguments = json!({ "filename": "a.md", "content": number.to_string() });
    async move { client.call("write_memory_bank_file", arguments).await }
}

#[tokio::test]
async fn a_project_whose_calls_hang_leaves_connections_to_others() {
    let database = Database::new().await;
    let variables = [
        ("DB_MAX_CONNECTIONS", "4"),
        ("DB_ACQUIRE_TIMEOUT_MS", "500"),
        ("DB_LOCK_TIMEOUT_MS", "8000"),
    ];
    let server = Server::with(&database, &variables).await;
    let [loud, quiet] = [
        server.session(&database.editor("a").await).await,
        server.session(&database.editor("b").await).await,
    ];
    loud.write("a.md", "before").await;
    let lock = Lock::new(&database).await;
    let mut writes = JoinSet::new();
    for number in 0..30 {
        writes.spawn(write(&loud, number));
    }
    eventually("writers", async || (lock.waiting().await > 0).then_some(())).await;
    for number in 0..20 {
        let start = Instant::now();
        quiet.write(&format!("{number}.md"), "x").await;
        assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
        assert!(lock.waiting().await <= 2, "half of the connections");
    }
    // Those that had no turn in time were told so.
    let mut refused = Vec::new();
    while refused.len() < 28 {
        refused.push(writes.join_next().await.unwrap().unwrap());
    }
    for reply in &refused {
        assert_eq!((reply.status, reply.code()), (503, -32603), "{}", reply.text);
        assert_eq!(reply.headers["retry-after"], "1");
        assert!(reply.text.contains("of this project at once"), "{}", reply.text);
    }
    lock.release().await;
    let done = writes.join_all().await;
    assert_eq!(done.iter().map(|reply| reply.status).collect::<Vec<_>>(), [200, 200]);
    loud.write("a.md", "after").await;
}

#[tokio::test]
async fn whoever_would_wait_too_long_is_sent_away_at_once() {
    let database = Database::new().await;
    let variables = [
        ("DB_MAX_CONNECTIONS", "1"),
        ("DB_MAX_CONNECTIONS_PER_PROJECT", "100"),
        ("DB_ACQUIRE_TIMEOUT_MS", "9000"),
        ("DB_LOCK_TIMEOUT_MS", "8000"),
    ];
    let server = Server::with(&database, &variables).await;
    let key = database.editor("a").await;
    let client = server.session(&key).await;
    client.write("a.md", "before").await;
    let lock = Lock::new(&database).await;
    let mut blocked = JoinSet::new();
    blocked.spawn(write(&client, 1));
    eventually("a writer", async || (lock.waiting().await == 1).then_some(())).await;
    let mut calls = JoinSet::new();
    for number in 2..42 {
        let client = client.numbered(number);
        calls.spawn(async move { client.rpc("ping", json!({})).await });
    }
    for _ in 0..40 - 32 {
        let reply = calls.join_next().await.unwrap().unwrap();
        assert_eq!((reply.status, reply.code()), (503, -32603), "{}", reply.text);
        assert_eq!(reply.headers["retry-after"], "1");
        assert!(reply.text.contains("more calls than it can answer"), "{}", reply.text);
    }
    let rest = crate::harness::RestClient::new(&server, &key.key);
    let refused = rest.get("/projects/a/documents").await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    assert_eq!(refused.headers["retry-after"], "1");
    lock.release().await;
    assert_eq!(blocked.join_next().await.unwrap().unwrap().status, 200);
    // Who could wait is answered.
    assert!(calls.join_all().await.iter().all(|reply| reply.status == 200));
}
