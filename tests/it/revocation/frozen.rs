//! A replica that cannot ask Postgres any more.

use std::time::{Duration, Instant};

use mbmcp::access::watch::BLIND;
use serde_json::json;
use tokio::time::timeout;

use super::DEADLINE;
use super::load::{Load, Shot};
use crate::harness::{Database, Login, Proxy, Server};
use crate::mcp::listen::listen;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_remembered_is_believed_for_less_than_a_second_by_who_cannot_ask() {
    for silent in [false, true] {
        let database = Database::new().await;
        let (proxy, key) = (Proxy::before(&database), database.editor("a").await);
        let superuser = database.connect(Login::Superuser).await;
        superuser.batch_execute("update api_keys set rate_limit = 100000").await.unwrap();
        let variables = [
            ("DATABASE_URL", proxy.url()),
            ("DB_STATEMENT_TIMEOUT_MS", "100"),
            ("DB_LOCK_TIMEOUT_MS", "100"),
            ("DB_ACQUIRE_TIMEOUT_MS", "500"),
        ];
        let server = Server::with(&database, &variables).await;
        let mut stream =
            listen(&server.client(&key).modern(), json!({ "toolsListChanged": true })).await;
        let load = Load::on(&server.client(&key));
        load.let_in(30).await;
        if silent {
            proxy.silence();
        } else {
            proxy.freeze();
        }
        superuser.execute("update api_keys set revoked_at = now()", &[]).await.unwrap();
        let committed = Instant::now();
        tokio::time::sleep_until((committed + DEADLINE * 2).into()).await;
        let shots = load.stop().await;
        let late: Vec<&Shot> =
            shots.iter().filter(|shot| shot.sent > committed + DEADLINE).collect();
        assert!(late.len() > 20 && late.iter().all(|shot| shot.status / 100 != 2), "{late:?}");
        // Where new connections can be had, the key is looked up again.
        let ends = timeout(BLIND * 2, stream.rest()).await;
        assert!(ends.is_ok(), "who holds a stream is let go: {silent}");
        assert!(committed.elapsed() < BLIND * 2 + Duration::from_secs(5));
    }
}
