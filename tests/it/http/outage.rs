//! What is answered while the database is away, and after its return.

use serde_json::json;

use crate::harness::{Client, Database, Login, Proxy, Reply, Server, eventually};

#[tokio::test]
async fn an_outage_is_said_in_json_and_ends_by_itself() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("DB_ACQUIRE_TIMEOUT_MS", "500")]).await;
    let client = server.session(&database.editor("a").await).await;
    client.write("a.md", "x").await;
    let get = async |path: &str| {
        Reply::of(reqwest::Client::new().get(format!("{}{path}", server.url))).await
    };
    assert_eq!(get("/ready").await.status, 200);

    database.admit(false).await;
    let call = client.rpc("ping", json!({})).await;
    assert_eq!(call.status, 503, "{}", call.text);
    assert!(call.text.contains("try again"), "{}", call.text);
    for word in ["SQL", "postgres", "connection limit"] {
        assert!(!call.text.contains(word), "{}", call.text);
    }
    let health = eventually("the outage in /health", async || {
        let health = get("/health").await;
        (health.status == 503).then_some(health)
    })
    .await;
    assert_eq!(
        (&health.json()["status"], &health.json()["db"]),
        (&json!("error"), &json!("error"))
    );
    assert_eq!(get("/ready").await.status, 503);
    assert_eq!(get("/live").await.status, 200);

    database.admit(true).await;
    eventually("the end of the outage", async || {
        (client.rpc("ping", json!({})).await.status == 200).then_some(())
    })
    .await;
    let read = client.ok("read_memory_bank_file", json!({ "filename": "a.md" })).await;
    assert_eq!(read["content"], "x");
}

#[tokio::test]
async fn a_wrong_checksum_is_refused_without_the_database() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("DB_ACQUIRE_TIMEOUT_MS", "500")]).await;
    let good = database.editor("a").await;
    database.admit(false).await;
    let ask = async |key: &str| Client::new(&server.url, key).rpc("ping", json!({})).await.status;
    let mut mistyped = good.key.clone();
    mistyped.replace_range(20..21, if &mistyped[20..21] == "a" { "b" } else { "a" });
    for wrong in [mistyped.as_str(), "nonsense", &good.key[..48]] {
        assert_eq!(ask(wrong).await, 401, "{wrong}");
    }
    assert_eq!(ask(&good.key).await, 503, "a well-formed key is looked up");
}

#[tokio::test]
async fn a_stop_is_announced_and_lets_calls_finish() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;
    client.write("a.md", "x").await;
    // A writer that waits for a lock while the server stops.
    owner.batch_execute("begin; select from documents for update").await.unwrap();
    let waiting = client.clone();
    let write = tokio::spawn(async move { waiting.write("a.md", "y").await });
    let blocked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' \
                   and datname = current_database()";
    eventually("the writer's wait", async || {
        (owner.query_one(blocked, &[]).await.unwrap().get::<_, i64>(0) > 0).then_some(())
    })
    .await;
    server.lifecycle.stopping.cancel();
    owner.batch_execute("rollback").await.unwrap();
    assert_eq!(write.await.unwrap()["version"], 2);
    eventually("the closed port", async || {
        reqwest::get(format!("{}/live", server.url)).await.err().map(drop)
    })
    .await;
}

#[tokio::test]
async fn connections_that_the_network_lost_without_a_word_are_replaced() {
    let database = Database::new().await;
    let proxy = Proxy::before(&database);
    let variables = [
        ("DATABASE_URL", proxy.url()),
        ("DB_MAX_CONNECTIONS", "2"),
        ("DB_STATEMENT_TIMEOUT_MS", "100"),
        ("DB_LOCK_TIMEOUT_MS", "100"),
    ];
    let server = Server::with(&database, &variables).await;
    let client = server.session(&database.editor("a").await).await;
    client.write("a.md", "before").await;
    proxy.freeze();
    assert_eq!(client.rpc("ping", json!({})).await.status, 503);
    eventually("new connections", async || {
        (client.rpc("ping", json!({})).await.status == 200).then_some(())
    })
    .await;
    client.write("a.md", "after").await;
}
