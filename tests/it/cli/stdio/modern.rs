//! The modern era against the real server: hosted, and in the same process.

use serde_json::{Value, json};

use super::{Stdio, with_meta};
use crate::harness::{Database, Login, Process, eventually, mbmcp};

/// How often the database runs something of the server now.
const RUNNING: &str = "select count(*) from pg_stat_activity where datname = current_database() \
    and application_name = 'mbmcp' and state <> 'idle'";

#[tokio::test]
async fn a_modern_client_works_with_a_hosted_server() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    let key = database.editor("a").await.key;
    works(Stdio::hosted(&server.url(), &key), &database).await;
}

#[tokio::test]
async fn a_modern_client_works_with_the_server_in_the_same_process() {
    let database = Database::empty().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = mbmcp();
    command.args(["stdio", "--data-dir"]).arg(folder.path().join("data"));
    command.env("DATABASE_URL", database.url(Login::Owner));
    works(Stdio::spawn(command), &database).await;
}

fn write(name: &str, content: &str) -> Value {
    let arguments = json!({ "filename": name, "content": content });
    with_meta(json!({ "name": "write_memory_bank_file", "arguments": arguments }))
}

async fn works(mut stdio: Stdio, database: &Database) {
    let discovered = stdio.ask(1, "server/discover", with_meta(json!({}))).await;
    let versions = discovered["result"]["supportedVersions"].as_array();
    assert!(versions.unwrap().contains(&json!("2026-07-28")), "{discovered}");
    let written = stdio.ask(2, "tools/call", write("Straße.md", "before")).await;
    assert_eq!(written["result"]["structuredContent"]["created"], true, "{written}");
    let read = with_meta(json!({ "uri": "memory-bank://Stra%C3%9Fe.md" }));
    let read = stdio.ask(3, "resources/read", read).await;
    assert_eq!(read["result"]["contents"][0]["text"], "before", "{read}");
    let unknown = stdio.ask(4, "no/such", with_meta(json!({}))).await;
    assert_eq!(unknown["error"]["code"], -32601, "{unknown}");
    let mut future = with_meta(json!({}));
    future["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    let refused = stdio.ask(5, "tools/list", future).await;
    assert_eq!(refused["error"]["code"], -32022, "{refused}");

    cancel(&mut stdio, database).await;
    let read = with_meta(json!({ "uri": "memory-bank://Stra%C3%9Fe.md" }));
    let read = stdio.ask(7, "resources/read", read).await;
    assert_eq!(read["result"]["contents"][0]["text"], "before", "{read}");
    listen(&mut stdio).await;
    assert_eq!(stdio.end().await, Vec::<Value>::new());
    let owner = database.connect(Login::Owner).await;
    let sessions = owner.query_one("select count(*) from sessions", &[]).await.unwrap();
    assert_eq!(sessions.get::<_, i64>(0), 0);
}

/// Cancels a write while it waits for a lock.
async fn cancel(stdio: &mut Stdio, database: &Database) {
    let mut blocker = database.connect(Login::Owner).await;
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("select from documents for update").await.unwrap();
    let watcher = database.connect(Login::Owner).await;
    let running = async |wanted: i64| {
        let seen: i64 = watcher.query_one(RUNNING, &[]).await.unwrap().get(0);
        (seen == wanted).then_some(())
    };
    stdio.send(6, "tools/call", write("Straße.md", "after")).await;
    eventually("the write's wait for the lock", async || running(1).await).await;
    stdio.notify("notifications/cancelled", json!({ "requestId": 6 })).await;
    eventually("the end of the call's statement", async || running(0).await).await;
    lock.rollback().await.unwrap();
}

/// Listens to changes until that is cancelled, and again up to the end.
async fn listen(stdio: &mut Stdio) {
    let wanted = with_meta(json!({ "notifications": { "resourcesListChanged": true } }));
    for (id, name) in [(8, "one.md"), (10, "two.md")] {
        stdio.send(id, "subscriptions/listen", wanted.clone()).await;
        let first = stdio.next().await;
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
        stdio.send(id + 1, "tools/call", write(name, "")).await;
        let both = [stdio.next().await, stdio.next().await];
        let told = both.iter().find(|message| message.get("method").is_some()).unwrap();
        assert_eq!(told["method"], "notifications/resources/list_changed", "{both:?}");
        let listen = &told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
        assert_eq!(listen, &json!(id), "{both:?}");
        assert!(both.iter().any(|message| message["id"] == id + 1), "{both:?}");
        if id == 8 {
            stdio.notify("notifications/cancelled", json!({ "requestId": id })).await;
        }
    }
}
