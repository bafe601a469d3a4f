//! Looking up keys.

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{Database, Login, Server, eventually};

#[tokio::test]
async fn fifty_callers_with_one_unknown_key_make_one_look_up() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let fresh = Server::on(&database).await;
    let client = client.at(&fresh.url);

    // Look-ups wait here, so that they can be counted.
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("begin; lock table api_keys").await.unwrap();
    let calls =
        tokio::spawn(async move { join_all((0..50).map(|_| client.rpc("ping", json!({})))).await });
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
