//! A server that dies behind Traefik.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_postgres::Client as Postgres;

use super::Stack;
use crate::harness::{Client, Login, eventually};

/// Holds each commit of a write until nobody has the lock 1.
const HOLD: &str = "create function hold() returns trigger language plpgsql as $$ \
    begin perform pg_advisory_xact_lock_shared(1); return null; end $$; \
    create constraint trigger hold after insert on document_revisions deferrable initially deferred \
    for each row execute function hold(); select pg_advisory_lock(1)";

/// How often something was written.
async fn revisions(owner: &Postgres) -> i64 {
    owner.query_one("select count(*) from document_revisions", &[]).await.unwrap().get(0)
}

/// The status of a write of a new document.
async fn write(client: Client, filename: String) -> u16 {
    let arguments = json!({ "filename": filename, "content": "x" });
    client.call("write_memory_bank_file", arguments).await.status
}

#[tokio::test]
async fn calls_go_on_without_a_killed_server_and_none_is_made_twice() {
    let mut stack = Stack::start().await;
    let client = stack.session().await;
    let owner = stack.database.connect(Login::Owner).await;
    owner.batch_execute(HOLD).await.unwrap();
    // One at each server, as far as it can go without being over.
    let calls = ["a.md", "b.md"].map(|name| tokio::spawn(write(client.clone(), name.to_owned())));
    eventually("both commits", async || {
        let sql = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
        (owner.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 2).then_some(())
    })
    .await;
    stack.servers[0].kill().await;
    let killed = Instant::now();
    owner.batch_execute("select pg_advisory_unlock(1)").await.unwrap();
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.unwrap());
    }
    statuses.sort_unstable();
    // Both were committed. Sent again, the unanswered one would have been written twice.
    assert_eq!(statuses, [200, 502]);
    eventually("both revisions", async || (revisions(&owner).await == 2).then_some(())).await;

    // Until Traefik notices, every other call fails at once.
    let (mut written, mut in_a_row) = (0, 0);
    while in_a_row < 10 {
        let status = write(client.clone(), format!("{written}.md")).await;
        assert!([200, 502].contains(&status), "{status}");
        in_a_row = if status == 200 { in_a_row + 1 } else { 0 };
        written += i64::from(status == 200);
        assert!(killed.elapsed() < Duration::from_secs(5), "interval and time-out of the check");
    }
    assert_eq!(revisions(&owner).await, 2 + written);

    // No server starts on what is not ours.
    owner.batch_execute("drop function hold cascade").await.unwrap();
    stack.servers[0].restart().await;
    let before = stack.servers[0].log().matches("\"tool\"").count();
    eventually("calls to the server that is back", async || {
        client.ok("whoami", json!({})).await;
        (stack.servers[0].log().matches("\"tool\"").count() > before).then_some(())
    })
    .await;
}
