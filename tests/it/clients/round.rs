//! Every official client, in every era it speaks, does the round (write, read, search, list the
//! resources, complete) and is answered as it expects; then another tenant sees nothing of it.

use serde_json::{Value, json};

use super::{Era, Job, Official, Seen, call, read, search};
use crate::harness::{Database, Process, TestKey, eventually};

const NAME: &str = "guides/zebra crossing.md";
const FOREIGN: &str = "guides/walrus lagoon.md";

#[tokio::test]
async fn the_typescript_client_of_the_legacy_line() {
    round(Official::TypeScript1, Era::Legacy).await;
}

#[tokio::test]
async fn the_typescript_client_of_v2() {
    round(Official::TypeScript2, Era::Legacy).await;
}

#[tokio::test]
async fn the_python_client() {
    round(Official::Python, Era::Legacy).await;
}

#[tokio::test]
async fn the_rmcp_client() {
    round(Official::Rmcp, Era::Legacy).await;
}

#[tokio::test]
async fn mcp_remote() {
    round(Official::McpRemote, Era::Legacy).await;
}

#[tokio::test]
async fn the_inspector() {
    round(Official::Inspector, Era::Legacy).await;
}

#[tokio::test]
async fn the_typescript_client_of_v2_in_the_modern_era() {
    round(Official::TypeScript2, Era::Modern).await;
}

#[tokio::test]
async fn the_python_client_in_the_modern_era() {
    round(Official::Python, Era::Modern).await;
}

#[tokio::test]
async fn the_rmcp_client_in_the_modern_era() {
    round(Official::Rmcp, Era::Modern).await;
}

#[tokio::test]
async fn mcp_remote_in_the_modern_era() {
    round(Official::McpRemote, Era::Modern).await;
}

#[tokio::test]
async fn the_inspector_in_the_modern_era() {
    round(Official::Inspector, Era::Modern).await;
}

async fn round(client: Official, era: Era) {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    let (a, b) = (database.editor("a").await, database.editor("b").await);
    remembers(client, era, &server, &a).await;
    sees_nothing(client, era, &server, &b).await;
    was_answered_as_it_expects(client, era, &server).await;
}

fn write(name: &str, text: &str) -> Value {
    call("write_memory_bank_file", &json!({ "filename": name, "content": text }))
}

fn check_completed(client: Official, seen: &Seen, expected: &str) {
    let expected = (client != Official::Inspector).then(|| vec![expected.to_owned()]);
    assert_eq!(seen.completed, expected, "{client:?}");
}

async fn remembers(client: Official, era: Era, server: &Process, key: &TestKey) {
    let text = "# Caf\u{e9} and cafe\u{301} \u{1f468}\u{200d}\u{1f4bb}\r\n\r\n## On foot\r\n\
                \tover the zebra crossing, without an end of line";
    let calls = [write(NAME, text), read(NAME), search("\"zebra crossing\"", "words")];
    let job = Job { calls: &calls, prefix: "guides/ze" };
    let seen = client.session(era, server, key, &job).await;

    let results: Vec<&Value> =
        seen.results.iter().map(|result| &result["structuredContent"]).collect();
    let [written, shown, found] = results[..] else { panic!("{seen:?}") };
    assert_eq!((&written["version"], &written["created"]), (&json!(1), &json!(true)));
    assert!(written["etag"].is_string(), "{written}");
    assert_eq!((&shown["content"], &shown["etag"]), (&json!(text), &written["etag"]));
    let [hit] = super::hits(found) else { panic!("{found}") };
    let heading = text.split("\r\n").next().unwrap().trim_start_matches("# ");
    let place = json!([NAME, format!("{heading} > On foot"), 4]);
    assert_eq!(json!([hit["filename"], hit["heading"], hit["line"]]), place);
    assert_eq!(seen.resources, ["memory-bank://guides/zebra%20crossing.md"]);
    assert_eq!(seen.last.as_deref(), Some(text));
    check_completed(client, &seen, NAME);
}

/// Another tenant, who has a document as well.
async fn sees_nothing(client: Official, era: Era, server: &Process, key: &TestKey) {
    let calls = [
        write(FOREIGN, "about the walrus lagoon"),
        read(NAME),
        search("zebra crossing", "words"),
        search("zebra", "literal"),
    ];
    let job = Job { calls: &calls, prefix: "guides/" };
    let seen = client.session(era, server, key, &job).await;

    assert_ne!(seen.results[0]["isError"], true, "{seen:?}");
    assert_eq!(seen.results[1]["isError"], true, "{seen:?}");
    let sentence = seen.results[1]["content"][0]["text"].as_str().unwrap();
    assert!(sentence.contains("does not exist"), "{sentence}");
    for found in &seen.results[2..] {
        assert_eq!(found["structuredContent"]["results"], json!([]), "{found}");
    }
    assert_eq!(seen.resources, ["memory-bank://guides/walrus%20lagoon.md"]);
    assert_eq!(seen.last.as_deref(), Some("about the walrus lagoon"));
    check_completed(client, &seen, FOREIGN);
}

/// By the server's log: the client spoke in this era, ended each session if it ever does, and got
/// no refusal but that of a stream where there is none. So it never looked for a login either.
async fn was_answered_as_it_expects(client: Official, era: Era, server: &Process) {
    let ends = !matches!(client, Official::McpRemote | Official::Inspector);
    let lines = eventually("the lines of the calls", async || {
        let lines = calls(&server.log());
        let count =
            |field: &str, value: &str| lines.iter().filter(|line| line[field] == value).count();
        let (begun, ended) = (count("method", "initialize"), count("http_method", "DELETE"));
        (!ends || begun == ended).then_some(lines)
    })
    .await;
    let handshakes = lines.iter().filter(|line| line["method"] == "initialize").count();
    assert_eq!(handshakes > 0, era == Era::Legacy, "{lines:?}");
    for line in &lines {
        let got = (&line["http_method"], &line["route"], line["status"].as_u64().unwrap());
        let fine = match got {
            (method, route, 200) => (method == "POST" || method == "GET") && route == "/mcp",
            (method, route, 202) => method == "POST" && route == "/mcp",
            (method, route, 204) => method == "DELETE" && route == "/mcp",
            // From 2026-07-28 on there is no stream but that of a request.
            (method, route, 405) => method == "GET" && route == "/mcp" && era == Era::Modern,
            // It asks for more of a stream that is complete, until it is told that there is none.
            (method, route, 400) => {
                method == "GET" && route == "/mcp" && client == Official::McpRemote
            }
            // It looks for a login first, and there is none.
            (method, _, 404) => method == "GET" && client == Official::McpRemote,
            _ => false,
        };
        assert!(fine, "{client:?}: {line}");
    }
}

/// The lines of calls to anything but the check of the server's start.
fn calls(log: &str) -> Vec<Value> {
    // The last may not be whole yet.
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == "call" && line["route"] != "/ready").collect()
}
