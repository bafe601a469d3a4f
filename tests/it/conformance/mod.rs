//! The official conformance suite: against one server, and against two on one database behind a proxy
//! that brings each request to the next one, with Redis and without. `claims.txt` says what must pass.

mod claims;
pub mod fixture;
mod proxy;
mod suite;

use std::collections::BTreeSet;

use claims::{Claim, Required, SCORED};
use fixture::Fixture;
use futures_util::future::join_all;
use mbmcp::mcp::wire::meta::{CLIENT_CAPABILITIES, LOG_LEVEL, PROTOCOL_VERSION};
use mbmcp::mcp::wire::version;
use proxy::KeyProxy;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Database, Reply, Server, TestKey, redis_url};

/// What the suite runs against: a name, how many servers, and whether they share a Redis.
const SETUPS: [(&str, usize, bool); 3] = [
    ("one server", 1, false),
    ("two servers in turn, with Redis", 2, true),
    ("two servers in turn, without Redis", 2, false),
];

/// The suite's servers, and a key.
struct Replicas {
    key: TestKey,
    servers: Vec<Server>,
    _database: Database,
}

/// What is shown of a test, and how much of it passed.
#[derive(Default)]
struct Report {
    lines: Vec<String>,
    passed: usize,
    failed: usize,
}

impl Replicas {
    async fn start(count: usize, redis: bool) -> Self {
        let database = Database::new().await;
        let redis = redis.then(redis_url);
        let mut servers = Vec::new();
        for _ in 0..count {
            // Bound to the loopback, so that pages of the same machine are let in.
            let mut variables = vec![("MCP_HOST", "127.0.0.1")];
            variables.extend(redis.as_deref().map(|url| ("REDIS_URL", url)));
            let server = Server::of(Box::new(Fixture::new()), &database, &variables);
            servers.push(server.await.unwrap());
        }
        Self { key: database.editor("a").await, servers, _database: database }
    }

    async fn proxy(&self) -> KeyProxy {
        let urls: Vec<&str> = self.servers.iter().map(|server| server.url.as_str()).collect();
        KeyProxy::before(&urls, &self.key.key).await.unwrap()
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

impl Report {
    fn add(&mut self, passed: bool, line: String) {
        *(if passed { &mut self.passed } else { &mut self.failed }) += 1;
        self.lines.push(line);
    }

    /// Runs the suite against the setup `name`, all revisions at once.
    async fn run(&mut self, (name, servers, redis): (&str, usize, bool)) {
        self.lines.push(format!("{name}:"));
        let (replicas, revisions) = (Replicas::start(servers, redis).await, claims::revisions());
        let proxy = replicas.proxy().await;
        let url = format!("{}/mcp", proxy.url);
        let runs = revisions.iter().map(|revision| suite::run(revision, &url));
        let runs = join_all(runs).await;
        for (revision, run) in revisions.into_iter().zip(runs) {
            for scenario in claims::of(revision) {
                let outcome = run.outcome(Claim { revision, scenario });
                self.add(outcome.passed(), outcome.to_string());
            }
            match run.verdict {
                Ok(counts) => self.add(true, format!("passed  {revision} as a whole: {counts}")),
                Err(error) => self.add(false, format!("FAILED  {revision} as a whole: {error}")),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_scenarios_pass() {
    let mut report = Report::default();
    for setup in SETUPS {
        report.run(setup).await;
    }
    let Report { mut lines, passed, failed } = report;
    lines.push(format!("{passed} passed, {failed} failed\n"));
    // `scripts/conformance` shows it.
    let file = suite::installed().join("report.txt");
    std::fs::write(&file, lines.join("\n")).unwrap();
    assert_eq!(failed, 0, "scenarios failed: see {}", file.display());
}

#[test]
fn every_claim_is_a_scenario_of_the_suite() {
    let [legacy, modern] = SCORED.map(Required::of);
    assert_eq!((legacy.scored.len(), modern.scored.len()), (30, 37), "as the suite counts them");
    let mut seen = BTreeSet::new();
    for Claim { revision, scenario } in claims::all() {
        // What an older revision has, the next one has as well.
        let required = if revision == version::MODERN { &modern } else { &legacy };
        let known = required.scored.iter().chain(&required.others).any(|name| name == scenario);
        assert!(known, "{revision} has no scenario {scenario}");
        assert!(seen.insert((revision, scenario)), "{revision} {scenario} is claimed twice");
    }
}

#[test]
fn all_but_an_extension_is_claimed() {
    for revision in SCORED {
        let (claimed, required) = (claims::of(revision), Required::of(revision));
        let is_missing = |name: &String| !claimed.contains(name.as_str());
        let missing: Vec<_> = required.scored.into_iter().filter(is_missing).collect();
        assert!(missing.is_empty(), "{revision}: {missing:?}");
        // Of what does not count, tasks are left out: the server does not have them.
        let others = required.others.into_iter().filter(is_missing);
        let missing: Vec<_> = others.filter(|name| !name.starts_with("tasks-")).collect();
        assert!(missing.is_empty(), "{revision}: {missing:?}");
    }
}

/// The suite checks that a call which asks for nothing sends nothing before its answer; so that this
/// means something, the same tools do send when asked.
#[tokio::test]
async fn the_tools_that_must_be_silent_are_not_when_asked() {
    let replicas = Replicas::start(1, false).await;
    let said = replicas.call("test_logging_tool", json!({ LOG_LEVEL: "info" })).await;
    assert_eq!(said.matches("notifications/message").count(), 1, "{said}");
    let said = replicas.call("test_streaming_elicitation", json!({ "progressToken": 1 })).await;
    assert_eq!(said.matches("notifications/progress").count(), 3, "{said}");
    for tool in ["test_logging_tool", "test_streaming_elicitation"] {
        let said = replicas.call(tool, json!({})).await;
        assert!(said.starts_with('{') && !said.contains("notifications/"), "{said}");
    }
}
