//! The canonical line of each call.

use mbmcp::model::{Role, Scope};
use serde_json::{Value, json};

use crate::harness::{Database, Process, eventually};

#[tokio::test]
async fn each_call_is_one_line_without_key_or_content() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[("LOG_LEVEL", "info")]).await;
    let key = database.key("a", Role::Editor, &[Scope::Write]).await;
    let mut client = server.client(&key);
    let first = client.initialize().await.headers["x-request-id"].to_str().unwrap().to_owned();
    let reply = client
        .call("write_memory_bank_file", json!({ "filename": "plan.md", "content": "top secret" }))
        .await;
    let id = reply.headers["x-request-id"].to_str().unwrap();
    let line = eventually("the line of the call", async || {
        let log = server.log();
        let mut lines = log.lines().filter(|line| line.contains(id));
        let line = lines.next().map(str::to_owned);
        assert_eq!(lines.next(), None, "one line");
        line
    })
    .await;
    let line: Value = serde_json::from_str(&line).unwrap();
    for (field, expected) in [
        ("message", json!("call")),
        ("http_method", json!("POST")),
        ("route", json!("/mcp")),
        ("status", json!(200)),
        ("project_id", json!(key.tenant.project().to_string())),
        ("key_id", json!(key.id.to_string())),
        ("client", json!("it")),
        ("method", json!("tools/call")),
        ("tool", json!("write_memory_bank_file")),
    ] {
        assert_eq!(line[field], expected, "{field}: {line}");
    }
    assert!(line["queries"].as_u64().unwrap() >= 5 && line["duration_ms"].is_number(), "{line}");
    // The first call looks the key up, counts the sessions of the key and inserts one.
    let log = server.log();
    let first = log.lines().find(|line| line.contains(&first)).unwrap();
    let first: Value = serde_json::from_str(first).unwrap();
    assert_eq!(first["queries"], 3, "{first}");
    for private in ["top secret", "plan.md", &key.key, client.session.as_deref().unwrap()] {
        assert!(!server.log().contains(private), "{private}");
    }
}

#[tokio::test]
async fn a_fault_is_logged_once_without_the_values_of_rows_and_answered_without_sql() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    let mut client = server.client(&database.editor("a").await);
    client.initialize().await;
    let owner = database.connect(crate::harness::Login::Owner).await;
    // A constraint that the server knows nothing of: Postgres's detail quotes the whole row.
    let plant = "alter table documents add constraint planted check (path <> 'plan.md')";
    owner.batch_execute(plant).await.unwrap();
    let arguments = json!({ "filename": "plan.md", "content": "top secret" });
    let reply = client.call("write_memory_bank_file", arguments).await;
    assert_eq!((reply.status, reply.code()), (500, -32603));
    for word in ["planted", "documents", "insert", "top secret", "/"] {
        assert!(!reply.text.contains(word), "{}", reply.text);
    }
    let log = server.log();
    assert_eq!(log.matches("planted").count(), 1 + log.matches("`planted`").count(), "{log}");
    assert!(log.contains("documents.insert") && !log.contains("top secret"), "{log}");
}

#[tokio::test]
async fn a_client_that_left_and_a_key_in_a_path_are_logged_without_harm() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[("LOG_LEVEL", "info")]).await;
    let key = database.editor("a").await;
    let mut client = server.client(&key);
    client.initialize().await;
    for (path, status) in [("nope", 404), ("mcp", 401)] {
        let odd = format!("{}/{path}/{}", server.url(), key.key);
        assert_eq!(reqwest::get(odd).await.unwrap().status(), status);
    }

    client.write("a.md", "before").await;
    let owner = database.connect(crate::harness::Login::Owner).await;
    owner.batch_execute("begin; select from documents for update").await.unwrap();
    let arguments = json!({ "filename": "a.md", "content": "after" });
    let call = client.call("write_memory_bank_file", arguments);
    let gone = tokio::time::timeout(std::time::Duration::from_millis(300), call).await;
    assert!(gone.is_err());
    owner.batch_execute("rollback").await.unwrap();
    // In this era a client that leaves does not cancel its call.
    eventually("the write", async || {
        let row = owner.query_one("select content from documents", &[]).await.unwrap();
        (row.get::<_, &str>(0) == "after").then_some(())
    })
    .await;
    let log = eventually("the lines", async || {
        let log = server.log();
        (log.contains("\"status\":499") && log.contains("unmatched")).then_some(log)
    })
    .await;
    assert!(!log.contains(&key.key));
}
