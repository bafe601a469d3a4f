//! Looking up keys.

use futures_util::future::join_all;
use mbmcp::access::key::ApiKey;
use mbmcp::model::Entropy;
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Client, Database, Login, Reply, Server, eventually};

#[tokio::test]
async fn fifty_callers_with_a_key_that_is_not_cached_make_one_look_up() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let fresh = Server::on(&database).await;
    let client = client.at(&fresh.url);

    // Look-ups wait here, so that they can be counted.
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("begin; lock table api_keys").await.unwrap();
    let ping = move |n| {
        let client = client.numbered(n);
        async move { client.rpc("ping", json!({})).await }
    };
    let calls = tokio::spawn(async move { join_all((0..50).map(ping)).await });
    let waiting = async || -> i64 {
        let sql = "select count(*) from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock'";
        owner.query_one(sql, &[]).await.unwrap().get(0)
    };
    eventually("the look-up", async || (waiting().await > 0).then_some(())).await;
    for _ in 0..20 {
        assert_eq!(waiting().await, 1);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    owner.batch_execute("rollback").await.unwrap();
    assert!(calls.await.unwrap().iter().all(|reply| reply.status == 200));
}

#[tokio::test]
async fn a_look_up_that_failed_is_not_remembered() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("DB_STATEMENT_TIMEOUT_MS", "200")]).await;
    let key = database.editor("a").await;
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("begin; lock table api_keys").await.unwrap();
    let client = server.client(&key);
    let status = async || client.rpc("ping", json!({})).await.status;
    assert_eq!(status().await, 503);
    owner.batch_execute("rollback").await.unwrap();
    assert_eq!(status().await, 400, "the key is good; a session is missing");
}

#[tokio::test]
async fn look_ups_stand_in_no_endless_queue_and_the_server_is_ready_meanwhile() {
    let database = Database::new().await;
    let variables = [
        ("DB_MAX_CONNECTIONS", "1"),
        ("DB_ACQUIRE_TIMEOUT_MS", "9000"),
        ("DB_LOCK_TIMEOUT_MS", "8000"),
    ];
    let server = Server::with(&database, &variables).await;
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("begin; lock table api_keys").await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut calls = JoinSet::new();
    for number in 0..40 {
        let key = ApiKey::generate(&Entropy::default(), false).unwrap();
        let client = Client::over(http.clone(), &format!("{}/mcp", server.url), key.reveal());
        let call = client.nothing().header("x-forwarded-for", format!("192.0.2.{number}"));
        calls.spawn(Reply::of(call));
    }
    // One has the connection, 32 wait for it.
    for _ in 0..40 - 33 {
        let reply = calls.join_next().await.unwrap().unwrap();
        assert_eq!(reply.status, 503, "{}", reply.text);
        assert_eq!(reply.headers["retry-after"], "1");
    }
    let ready = http.get(format!("{}/ready", server.url)).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    owner.batch_execute("rollback").await.unwrap();
    assert!(calls.join_all().await.iter().all(|reply| reply.status == 401));
}
