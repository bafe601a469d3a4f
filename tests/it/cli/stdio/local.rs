//! The memory of this machine.

use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Stdio, introduction, passable_folder};
use crate::harness::{Database, Login, eventually, mbmcp};

fn postgres_runs(folder: &Path) -> bool {
    folder.join("pg/data/postmaster.pid").exists()
}

#[tokio::test]
async fn two_clients_at_once_share_a_fresh_memory_and_leave_nothing_running() {
    let parent = passable_folder();
    let folder = parent.path().join("data");
    let (mut first, mut second) = (Stdio::local(&folder), Stdio::local(&folder));
    tokio::join!(first.initialize(), second.initialize());
    let tools = first.ask(1, "tools/list", json!({})).await;
    assert!(tools["result"]["tools"].as_array().unwrap().len() >= 7, "{tools}");
    let write = json!({ "filename": "a.md", "content": "kept" });
    first.call(2, "write_memory_bank_file", write).await;
    let read = json!({ "filename": "a.md" });
    let seen = second.call(1, "read_memory_bank_file", read.clone()).await;
    assert_eq!(seen["content"], "kept");

    assert_eq!(first.end().await, Vec::<Value>::new());
    let still = second.call(2, "read_memory_bank_file", read.clone()).await;
    assert_eq!(still["content"], "kept", "the one that stays goes on");
    // A signal instead of an end.
    second.signal(Signal::SIGTERM);
    second.ended().await;
    assert!(!postgres_runs(&folder), "Postgres was left behind");

    let mut third = Stdio::local(&folder);
    third.initialize().await;
    assert_eq!(third.call(1, "read_memory_bank_file", read).await["content"], "kept");
    assert_eq!(third.log(), "", "nothing is said where nothing is wrong");
    third.end().await;
    assert!(!postgres_runs(&folder), "Postgres was left behind");
}

#[tokio::test]
async fn all_that_is_piped_in_is_answered() {
    let parent = passable_folder();
    let mut stdio = Stdio::local(&parent.path().join("data"));
    stdio.send(1, "initialize", introduction()).await;
    stdio.notify("notifications/initialized", json!({})).await;
    for id in 2..40 {
        stdio.send(id, "ping", json!({})).await;
    }
    let answers = stdio.end().await;
    let mut ids: Vec<u64> = answers.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..40).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| answer["error"].is_null()), "{answers:?}");
}

#[tokio::test]
async fn a_client_that_leaves_during_the_start_leaves_no_postgres() {
    let parent = passable_folder();
    // At once, while the database is made, and while an answer is waited for.
    for (number, asks) in [(0, false), (1, false), (2, true)] {
        let folder = parent.path().join(number.to_string());
        let mut stdio = Stdio::local(&folder);
        if number > 0 {
            eventually("the start", async || folder.join("pg").exists().then_some(())).await;
        }
        if asks {
            stdio.send(1, "initialize", introduction()).await;
            stdio.close();
            stdio.signal(Signal::SIGTERM);
        }
        stdio.close();
        stdio.ended().await;
        // The one that was just started is asked to stop and not waited for.
        let data = folder.join("pg/data").to_str().unwrap().to_owned();
        eventually("the end of Postgres", async || {
            (!postgres_runs(&folder) && !any_process_names(&data)).then_some(())
        })
        .await;
    }
}

/// Whether a process has `text` in its command line.
fn any_process_names(text: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.into_iter().any(|line| String::from_utf8_lossy(&line).contains(text))
}

#[tokio::test]
async fn a_database_that_is_named_is_used() {
    let database = Database::empty().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = mbmcp();
    // Without a command: what users of the older server expect.
    command.env("XDG_DATA_HOME", folder.path()).env("HOME", folder.path());
    command.env("DATABASE_URL", database.url(Login::Owner));
    let mut stdio = Stdio::spawn(command);
    stdio.initialize().await;
    let write = json!({ "filename": "a.md", "content": "x" });
    stdio.call(1, "write_memory_bank_file", write).await;
    stdio.end().await;
    let owner = database.connect(Login::Owner).await;
    let counts = "select (select count(*) from documents), (select count(*) from sessions where expires_at > now())";
    let row = owner.query_one(counts, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 0), "the session is ended");
}

#[tokio::test]
async fn without_a_command_the_transport_is_what_the_variable_says() {
    for (transport, code, word) in
        [("http", 78, "SERVER_SECRET"), ("sse", 78, "MCP_TRANSPORT=sse is not usable")]
    {
        let variables = [("MCP_TRANSPORT", transport), ("DATABASE_URL", "postgresql://nowhere")];
        let output = super::super::run(&[], &variables).await;
        assert_eq!(output.status.code(), Some(code));
        let said = super::super::text(&output.stderr);
        assert!(said.contains(word) && output.stdout.is_empty(), "{said}");
    }
}

#[tokio::test]
async fn a_line_that_is_no_message_loses_nothing_after_it() {
    let database = Database::empty().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = mbmcp();
    command.args(["stdio", "--data-dir"]).arg(folder.path().join("data"));
    command.env("DATABASE_URL", database.url(Login::Owner));
    let mut stdio = Stdio::spawn(command);
    stdio.initialize().await;
    stdio.line("").await;
    stdio.line("nonsense").await;
    let broken = stdio.next().await;
    assert_eq!(broken["error"]["code"], -32700, "{broken}");
    assert!(broken.get("id").is_none(), "the schema knows no null there: {broken}");
    stdio.line("[1]").await;
    let refused = stdio.next().await;
    assert_eq!(refused["error"]["code"], -32600, "{refused}");
    assert!(refused.get("id").is_none(), "{refused}");
    let content = "x".repeat(2 << 20);
    let write = json!({ "name": "write_memory_bank_file",
        "arguments": { "filename": "a.md", "content": content } });
    let large = stdio.ask(1, "tools/call", write).await;
    assert!(large["error"]["message"].as_str().unwrap().contains("at most 1048576"), "{large}");
    let unknown = stdio.ask(2, "no/such", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32601, "{unknown}");
    assert!(stdio.ask(3, "ping", json!({})).await["error"].is_null());
    assert_eq!(stdio.end().await, Vec::<Value>::new());
}
