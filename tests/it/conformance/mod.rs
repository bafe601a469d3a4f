//! The official conformance suite against two replicas on one database, behind a proxy that brings
//! each request to the next one. `claims.txt` says what must pass.

mod claims;
mod fixture;
mod proxy;
mod suite;

use std::collections::BTreeSet;

use claims::{Claim, Required};
use fixture::Fixture;
use futures_util::StreamExt as _;
use futures_util::stream;
use mbmcp::mcp::wire::meta::{CLIENT_CAPABILITIES, LOG_LEVEL, PROTOCOL_VERSION};
use mbmcp::mcp::wire::version;
use proxy::KeyProxy;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Database, Reply, Server, TestKey};

/// Scenarios at once.
const AT_ONCE: usize = 3;
/// The revisions for which the suite says what counts.
const SCORED: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// Two replicas of the suite's server, and a key.
struct Replicas {
    key: TestKey,
    servers: [Server; 2],
    _database: Database,
}

impl Replicas {
    async fn start() -> Self {
        let database = Database::new().await;
        let server = async || {
            // Bound to the loopback, so that pages of the same machine are let in.
            let variables = [("MCP_HOST", "127.0.0.1")];
            Server::of(Box::new(Fixture::new()), &database, &variables).await.unwrap()
        };
        let servers = [server().await, server().await];
        Self { key: database.editor("a").await, servers, _database: database }
    }

    async fn proxy(&self) -> KeyProxy {
        let [one, two] = &self.servers;
        KeyProxy::before(&[&one.url, &two.url], &self.key.key).await.unwrap()
    }

    /// Calls a tool as a modern client does, with more in its `_meta`; all that comes back.
    async fn call(&self, tool: &str, mut meta: Value) -> String {
        meta[PROTOCOL_VERSION] = version::MODERN.into();
        meta[CLIENT_CAPABILITIES] = json!({});
        let params = json!({ "name": tool, "_meta": meta });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let request = self.servers[0].client(&self.key).request(Method::POST).json(&body);
        let request = request.header("accept", "application/json, text/event-stream");
        let request = request.header("mcp-protocol-version", version::MODERN);
        let request = request.header("mcp-method", "tools/call").header("mcp-name", tool);
        Reply::of(request).await.text
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_scenarios_pass() {
    let (claims, replicas) = (claims::all(), Replicas::start().await);
    let proxy = replicas.proxy().await;
    let url = format!("{}/mcp", proxy.url);
    let runs = stream::iter(&claims).map(|claim| suite::run(*claim, &url));
    let outcomes: Vec<_> = runs.buffered(AT_ONCE).collect().await;
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    let mut report: Vec<String> = outcomes.iter().map(ToString::to_string).collect();
    report.extend(SCORED.iter().map(|revision| unclaimed(revision, &claims)));
    report.push(format!("{} passed, {failed} failed\n", outcomes.len() - failed));
    // `scripts/conformance` shows it.
    let file = suite::installed().join("report.txt");
    std::fs::write(&file, report.join("\n")).unwrap();
    assert_eq!(failed, 0, "scenarios failed: see {}", file.display());
}

/// The scenarios that would count for `revision` and are not claimed yet, in one line.
fn unclaimed(revision: &str, claims: &[Claim]) -> String {
    let required = Required::of(revision);
    let names = required.unclaimed(revision, claims);
    let scored = required.scored.len();
    format!("{revision}: {} of {scored} not yet claimed: {}", names.len(), names.join(", "))
}

#[test]
fn every_claim_is_a_scenario_of_the_suite() {
    let [legacy, modern] = SCORED.map(Required::of);
    assert_eq!((legacy.scored.len(), modern.scored.len()), (30, 37), "as the suite counts them");
    let mut seen = BTreeSet::new();
    for Claim { revision, scenario, .. } in claims::all() {
        // What an older revision has, the next one has as well.
        let required = if revision == version::MODERN { &modern } else { &legacy };
        let known = required.scored.iter().chain(&required.others).any(|name| name == scenario);
        assert!(known, "{revision} has no scenario {scenario}");
        assert!(seen.insert((revision, scenario)), "{revision} {scenario} is claimed twice");
    }
}

/// The suite checks that a call which asks for nothing sends nothing before its answer; so that this
/// means something, the same tools do send when asked.
#[tokio::test]
async fn the_tools_that_must_be_silent_are_not_when_asked() {
    let replicas = Replicas::start().await;
    let said = replicas.call("test_logging_tool", json!({ LOG_LEVEL: "info" })).await;
    assert_eq!(said.matches("notifications/message").count(), 1, "{said}");
    let said = replicas.call("test_streaming_elicitation", json!({ "progressToken": 1 })).await;
    assert_eq!(said.matches("notifications/progress").count(), 3, "{said}");
    for tool in ["test_logging_tool", "test_streaming_elicitation"] {
        let said = replicas.call(tool, json!({})).await;
        assert!(said.starts_with('{') && !said.contains("notifications/"), "{said}");
    }
}
