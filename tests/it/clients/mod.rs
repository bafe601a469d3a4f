//! The official clients against the real binary: programs of their own, which `scripts/client-tools`
//! installs, and rmcp's. Every session lists the tools, so that a client that can checks each
//! structured result against its output schema.

mod imported;
mod inspector;
mod programs;
mod round;
mod rust;
mod two_tenants;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Process, TestKey};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Official {
    /// npm `@modelcontextprotocol/sdk`.
    TypeScript1,
    /// npm `@modelcontextprotocol/client`.
    TypeScript2,
    /// `PyPI` `mcp`.
    Python,
    /// The crate.
    Rmcp,
    /// npm `mcp-remote`, started by the first.
    McpRemote,
    /// npm `@modelcontextprotocol/inspector --cli`.
    Inspector,
}

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Era {
    /// With a handshake and a session.
    Legacy,
    /// Each request stands for itself.
    Modern,
}

/// What a client does between listing the tools and looking at resources and prompts.
struct Job<'a> {
    calls: &'a [Value],
    /// The beginning of a name to complete.
    prefix: &'a str,
}

/// What a client saw.
#[derive(Debug, Deserialize)]
struct Seen {
    tools: Vec<String>,
    /// One of each call.
    results: Vec<Value>,
    /// The URIs of the first page.
    resources: Vec<String>,
    /// The text of the last of them.
    last: Option<String>,
    prompts: Vec<String>,
    /// Nothing from a client that cannot ask.
    completed: Option<Vec<String>>,
}

impl Official {
    /// One session, or what is one to somebody who uses the client.
    async fn session(self, era: Era, server: &Process, key: &TestKey, job: &Job<'_>) -> Seen {
        let seen = match self {
            Self::Rmcp => rust::session(era, server, key, job).await,
            Self::Inspector => inspector::session(era, server, key, job).await,
            program => programs::session(program, era, server, key, job).await,
        };
        let known = |names: &[String], name: &str| names.iter().any(|other| other == name);
        let whole = known(&seen.tools, "search_memory_bank") && known(&seen.prompts, "hand_off");
        assert!(whole, "{self:?}: {seen:?}");
        assert_eq!(seen.results.len(), job.calls.len());
        assert_eq!(seen.last.is_some(), !seen.resources.is_empty());
        seen
    }

    /// A session of the legacy era that makes these calls; all results.
    async fn calls(self, server: &Process, key: &TestKey, calls: &[Value]) -> Vec<Value> {
        let seen = self.session(Era::Legacy, server, key, &Job { calls, prefix: "" }).await;
        assert_eq!(seen.completed.unwrap().len(), seen.resources.len());
        seen.results
    }

    /// The same, where every call must succeed; their structured results.
    async fn ok(self, server: &Process, key: &TestKey, calls: &[Value]) -> Vec<Value> {
        let results = self.calls(server, key, calls).await;
        let good = |(call, result): (&Value, Value)| {
            assert_ne!(result["isError"], true, "{self:?}, {call}: {result}");
            result["structuredContent"].clone()
        };
        calls.iter().zip(results).map(good).collect()
    }
}

fn call(tool: &str, arguments: &Value) -> Value {
    json!({ "tool": tool, "arguments": arguments })
}

fn read(filename: &str) -> Value {
    call("read_memory_bank_file", &json!({ "filename": filename }))
}

fn search(query: &str, mode: &str) -> Value {
    call("search_memory_bank", &json!({ "query": query, "mode": mode, "maxResults": 100 }))
}

fn hits(found: &Value) -> &[Value] {
    found["results"].as_array().unwrap()
}

/// Where `scripts/client-tools` puts the clients.
fn tools() -> PathBuf {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("client-tools");
    assert!(tools.join("stamp").exists(), "no MCP clients: run `make test`");
    tools
}

/// A client that begins a login keeps something of it.
fn check_no_login_began(home: &Path) {
    for entry in walkdir::WalkDir::new(home) {
        let entry = entry.unwrap();
        assert!(entry.file_type().is_dir(), "a client kept {}", entry.path().display());
    }
}

/// Node, where the clients in JavaScript are.
fn node(home: &Path) -> Command {
    let mut command = Command::new(tools().join("node"));
    // What a client keeps vanishes with the test.
    command.current_dir(tools().join("typescript")).env("HOME", home);
    command.envs([("NO_PROXY", "*"), ("no_proxy", "*")]).kill_on_drop(true);
    command
}
