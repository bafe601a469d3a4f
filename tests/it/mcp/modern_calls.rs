//! Modern calls over time: rights as they are now, disconnects, slow calls, toolsets.

use std::time::Duration;

use mbmcp::model::{Role, Scope};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Client, Database, Login, Reply, Server, eventually};

/// How often the database runs something of the server now.
const RUNNING: &str = "select count(*) from pg_stat_activity where datname = current_database() \
    and application_name = 'mbmcp' and state <> 'idle'";

#[tokio::test]
async fn the_role_is_that_of_now() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await).modern();
    client.write("a.md", "text").await;
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("update memberships set role = 'viewer'").await.unwrap();
    let write = json!({ "name": "write_memory_bank_file", "arguments": {} });
    let reply = client.rpc("tools/call", write).await;
    assert_eq!(reply.code(), -32602, "{}", reply.text);
    let tools = client.rpc("tools/list", json!({})).await;
    assert!(!tools.text.contains("write_memory_bank_file"));
    owner.batch_execute("delete from memberships").await.unwrap();
    let gone = client.rpc("tools/list", json!({})).await;
    assert_eq!((gone.status, gone.code()), (401, -32600), "{}", gone.text);
    assert!(gone.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn a_reader_is_offered_no_tool_that_writes() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let reader = server.client(&database.key("a", Role::Editor, &[Scope::Read]).await).modern();
    let tools = reader.rpc("tools/list", json!({})).await;
    assert!(tools.text.contains("read_memory_bank_file"));
    assert!(!tools.text.contains("write_memory_bank_file"));
    let admin = server.client(&database.key("a", Role::Owner, &[Scope::Admin]).await).modern();
    let reply = admin.rpc("resources/list", json!({})).await;
    assert_eq!((reply.status, reply.code()), (404, -32601), "{}", reply.text);
}

/// Starts a write that waits for a lock, and leaves `patience` after it began to wait.
async fn leave_during_a_write(client: &Client, database: &Database, patience: Duration) {
    client.write("plan.md", "before").await;
    let mut blocker = database.connect(Login::Owner).await;
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("select from documents for update").await.unwrap();
    let watcher = database.connect(Login::Owner).await;
    let running = async |wanted: i64| {
        let seen: i64 = watcher.query_one(RUNNING, &[]).await.unwrap().get(0);
        (seen == wanted).then_some(())
    };
    let arguments = json!({ "filename": "plan.md", "content": "after" });
    let leaver = client.clone();
    let call = tokio::spawn(async move { leaver.call("write_memory_bank_file", arguments).await });
    eventually("the write's wait for the lock", async || running(1).await).await;
    tokio::time::sleep(patience).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled(), "the call had ended");

    // A second later nothing runs, while the lock is still held.
    let ended = eventually("the end of the call's statement", async || running(0).await);
    timeout(Duration::from_secs(1), ended).await.expect("it runs for more than a second");
    lock.rollback().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let read = client.ok("read_memory_bank_file", json!({ "filename": "plan.md" })).await;
    assert_eq!(read["content"], "before");
}

#[tokio::test]
async fn a_client_that_leaves_before_its_answer_has_stored_nothing() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await).modern();
    // Before the answer's first byte.
    leave_during_a_write(&client, &database, Duration::from_millis(50)).await;
    // In the middle of the stream that a slow call is answered by.
    leave_during_a_write(&client, &database, Duration::from_millis(700)).await;
}

#[tokio::test]
async fn what_a_client_has_sent_beside_does_not_hide_that_it_left() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await).modern();
    client.write("plan.md", "before").await;
    let arguments = json!({ "filename": "plan.md", "content": "after" });
    let params = json!({ "name": "write_memory_bank_file", "arguments": arguments });
    let request = client.rpc_request("tools/call", params).build().unwrap();
    let lines = request.headers().iter();
    let lines = lines.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()));
    let head = format!("POST /mcp HTTP/1.1\r\nHost: a\r\n{}", lines.collect::<String>());
    let body = String::from_utf8(request.body().unwrap().as_bytes().unwrap().to_vec()).unwrap();
    let message = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    // Nothing, the beginning of another request, or a whole one.
    for beside in ["", "\r\n", &message] {
        let mut blocker = database.connect(Login::Owner).await;
        let lock = blocker.transaction().await.unwrap();
        lock.batch_execute("select from documents for update").await.unwrap();
        let mut stream =
            TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(message.as_bytes()).await.unwrap();
        let watcher = database.connect(Login::Owner).await;
        let running = async |wanted: i64| {
            let seen: i64 = watcher.query_one(RUNNING, &[]).await.unwrap().get(0);
            (seen == wanted).then_some(())
        };
        eventually("the write's wait for the lock", async || running(1).await).await;
        stream.write_all(beside.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(stream);
        let ended = eventually("the end of the call's statement", async || running(0).await);
        timeout(Duration::from_secs(1), ended).await.expect("it runs for more than a second");
        lock.rollback().await.unwrap();
        let read = client.ok("read_memory_bank_file", json!({ "filename": "plan.md" })).await;
        assert_eq!(read["content"], "before", "{beside:?}");
    }
}

#[tokio::test]
async fn a_status_of_its_own_waits_for_a_busy_database() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("DB_MAX_CONNECTIONS", "2")]).await;
    let client = server.client(&database.editor("a").await).modern();
    client.write("plan.md", "before").await;
    let mut blocker = database.connect(Login::Owner).await;
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("select from documents for update").await.unwrap();
    let busy = client.clone();
    let arguments = json!({ "filename": "plan.md", "content": "after" });
    let write = tokio::spawn(async move { busy.call("write_memory_bank_file", arguments).await });
    let watcher = database.connect(Login::Owner).await;
    eventually("the write's wait for the lock", async || {
        let seen: i64 = watcher.query_one(RUNNING, &[]).await.unwrap().get(0);
        (seen == 1).then_some(())
    })
    .await;
    // Knows nothing of the database.
    assert_eq!(client.rpc("no/such", json!({})).await.status, 404);
    watcher.batch_execute("delete from memberships").await.unwrap();
    let late = client.clone();
    let refused = tokio::spawn(async move { late.rpc("tools/list", json!({})).await });
    tokio::time::sleep(Duration::from_millis(600)).await;
    lock.rollback().await.unwrap();
    assert_eq!(refused.await.unwrap().status, 401);
    write.await.unwrap();
}

#[tokio::test]
async fn a_call_that_takes_long_is_answered_by_a_stream() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await).modern();
    client.write("plan.md", "before").await;
    for (accept, kind) in [
        ("application/json, text/event-stream", "text/event-stream"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
    ] {
        let mut blocker = database.connect(Login::Owner).await;
        let lock = blocker.transaction().await.unwrap();
        lock.batch_execute("select from documents for update").await.unwrap();
        let arguments = json!({ "filename": "plan.md", "content": accept });
        let params = json!({ "name": "write_memory_bank_file", "arguments": arguments });
        let request = client.rpc_request("tools/call", params).build().unwrap();
        let mut slow = request.try_clone().unwrap();
        slow.headers_mut().insert("accept", accept.parse().unwrap());
        let call = tokio::spawn(async move {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            Reply::of(reqwest::RequestBuilder::from_parts(http, slow)).await
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        lock.rollback().await.unwrap();
        let reply = call.await.unwrap();
        assert_eq!((reply.status, &reply.headers["content-type"]), (200, &kind.parse().unwrap()));
        if kind == "text/event-stream" {
            assert_eq!(reply.headers["x-accel-buffering"], "no");
            let caching: Vec<_> = reply.headers.get_all("cache-control").iter().collect();
            assert_eq!(caching, ["no-cache"]);
            let data = reply.text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            let answer: serde_json::Value = serde_json::from_str(data).unwrap();
            assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(1), &json!(false)));
            assert!(
                !reply.text.contains("id:"),
                "modern streams cannot be resumed: {}",
                reply.text
            );
        } else {
            assert_eq!(reply.json()["result"]["isError"], false);
        }
        let read = client.ok("read_memory_bank_file", json!({ "filename": "plan.md" })).await;
        assert_eq!(read["content"], accept);
    }
}

#[tokio::test]
async fn answers_are_streams_or_not_as_the_operator_wants_it() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let kind = |reply: &Reply| reply.headers["content-type"].to_str().unwrap().to_owned();
    let streams = Server::with(&database, &[("MCP_JSON_RESPONSE", "false")]).await;
    let client = streams.client(&key).modern();
    for method in ["server/discover", "tools/list", "resources/list"] {
        let reply = client.rpc(method, json!({})).await;
        assert_eq!((reply.status, &*kind(&reply)), (200, "text/event-stream"), "{method}");
        assert_eq!(reply.json()["result"]["resultType"], "complete", "{}", reply.text);
        assert_eq!(reply.text.matches("data:").count(), 1, "{}", reply.text);
    }
    // A status of its own is said by JSON.
    let unknown = client.rpc("no/such", json!({})).await;
    assert_eq!((unknown.status, &*kind(&unknown)), (404, "application/json"));

    let plain = Server::with(&database, &[("MCP_JSON_RESPONSE", "true")]).await;
    let client = plain.client(&key).modern();
    client.write("plan.md", "before").await;
    let mut blocker = database.connect(Login::Owner).await;
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("select from documents for update").await.unwrap();
    let slow = client.clone();
    let arguments = json!({ "filename": "plan.md", "content": "after" });
    let call = tokio::spawn(async move { slow.call("write_memory_bank_file", arguments).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    lock.rollback().await.unwrap();
    let reply = call.await.unwrap();
    assert_eq!((reply.status, &*kind(&reply)), (200, "application/json"), "{}", reply.text);
}

#[tokio::test]
async fn toolsets_are_chosen_by_the_url() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let at = |query: &str| Client::at_path(&server.url, &format!("/mcp?{query}"), &key.key);
    for query in ["toolsets=documents", "toolsets=all", "other=1&toolsets=documents%2Cdocuments"] {
        let client = at(query).modern();
        let me = client.ok("whoami", json!({})).await;
        assert_eq!(me["toolsets"], json!(["documents"]), "{query}");
        let tools = client.rpc("tools/list", json!({})).await.json();
        // The URL is no part of what caches know a list by.
        assert_eq!(tools["result"]["ttlMs"], 0, "{query}");
    }
    for query in ["toolsets=", "toolsets=graph", "toolsets=documents,x"] {
        let reply = at(query).modern().rpc("tools/list", json!({})).await;
        assert_eq!((reply.status, reply.code()), (400, -32600), "{query}: {}", reply.text);
        assert!(reply.text.contains("`documents`"), "{}", reply.text);
    }
    let plain = at("").modern().rpc("tools/list", json!({})).await.json();
    assert_eq!(plain["result"]["ttlMs"], 60_000);
}

#[tokio::test]
async fn a_session_keeps_the_toolsets_of_its_initialize() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let mut client = Client::at_path(&server.url, "/mcp?toolsets=documents", &key.key);
    client.initialize().await;
    let owner = database.connect(Login::Owner).await;
    // As if it had been opened with none of the toolsets that this server has.
    owner.batch_execute("update sessions set toolsets = '{gone}'").await.unwrap();
    let tools = client.rpc("tools/list", json!({})).await.json()["result"]["tools"].clone();
    let names: Vec<_> = tools.as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    assert_eq!(names, ["whoami"]);
    let hidden = client.call("list_memory_bank_files", json!({})).await;
    let unknown = client.call("list_memory_bank_filez", json!({})).await;
    assert_eq!(hidden.text.replace("filesz", "files"), unknown.text.replace("filez", "files"));
}
