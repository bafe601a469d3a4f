//! The isolation matrix: every tool and every route, called by tenant B with what is tenant A's.
//!
//! A case names something of A's and the like of it that never existed. The owner's own call must
//! succeed; B's two calls must get the same answer, but for the name itself. A tool or route
//! without a case fails the build.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mbmcp::mcp::tools::{Registry, Toolsets};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, Database, Events, Reply, Server};
use crate::mcp::listen::listening;

const OWN: &str = "secret-plans.md";
const MISSING: &str = "secret-plens.md";

/// A call of a tool with something of A's, and the same with something that never existed.
struct Case {
    tool: &'static str,
    own: Value,
    missing: Value,
}

/// The same for a method that is no tool.
struct MethodCase {
    method: &'static str,
    own: Value,
    missing: Value,
}

struct Stage {
    server: Server,
    alice: Client,
    cases: Vec<Case>,
    methods: Vec<MethodCase>,
}

impl Stage {
    async fn new(database: &Database) -> Self {
        let server = Server::on(database).await;
        let alice = server.session(&database.editor("a").await).await;
        let etag = alice.write(OWN, "# Zanzibar\n\nThe zanzibar launch\n").await["etag"].clone();
        alice.write("secret-more.md", "zanzibar again\n").await;
        let cursor = async |tool, arguments| alice.ok(tool, arguments).await["nextCursor"].clone();
        let list_cursor = cursor("list_memory_bank_files", json!({ "limit": 1 })).await;
        let found = json!({ "query": "zanzibar", "maxResults": 1 });
        let search_cursor = cursor("search_memory_bank", found).await;
        let cases = cases(&etag, &list_cursor, &search_cursor);
        Self { server, alice, cases, methods: methods() }
    }
}

fn cases(etag: &Value, list_cursor: &Value, search_cursor: &Value) -> Vec<Case> {
    let case = |tool, own, missing| Case { tool, own, missing };
    vec![
        case("whoami", json!({}), json!({})),
        case("initialize_memory_bank", json!({}), json!({})),
        case("get_memory_bank_status", json!({}), json!({})),
        case("list_memory_bank_files", json!({ "prefix": OWN }), json!({ "prefix": MISSING })),
        case(
            "list_memory_bank_files",
            json!({ "limit": 1, "cursor": list_cursor }),
            json!({ "limit": 1, "cursor": "bm90aGluZw.bm90aGluZw" }),
        ),
        case("read_memory_bank_file", json!({ "filename": OWN }), json!({ "filename": MISSING })),
        case("search_memory_bank", json!({ "query": "zanzibar" }), json!({ "query": "qqqqzzzz" })),
        case("search_memory_bank", json!({ "query": "zanzibra" }), json!({ "query": "qqqzzzzz" })),
        case(
            "search_memory_bank",
            json!({ "query": "launch", "mode": "literal", "files": [OWN] }),
            json!({ "query": "launch", "mode": "literal", "files": [MISSING] }),
        ),
        case(
            "search_memory_bank",
            json!({ "query": "zanzibar", "maxResults": 1, "cursor": search_cursor }),
            json!({ "query": "zanzibar", "maxResults": 1, "cursor": "bm90aGluZw.bm90aGluZw" }),
        ),
        // Last: where the wall has a hole it changes what the others look at.
        case(
            "write_memory_bank_file",
            json!({ "filename": OWN, "content": "x", "ifMatchEtag": etag }),
            json!({ "filename": MISSING, "content": "x", "ifMatchEtag": "1-000000000000" }),
        ),
    ]
}

fn methods() -> Vec<MethodCase> {
    let case = |method, own, missing| MethodCase { method, own, missing };
    let complete = |value: &str| {
        json!({
            "ref": { "type": "ref/resource", "uri": "memory-bank://{+path}" },
            "argument": { "name": "path", "value": value },
        })
    };
    let uri = |name: &str| json!({ "uri": format!("memory-bank://{name}") });
    vec![
        case("resources/list", json!({}), json!({})),
        case("resources/read", uri(OWN), uri(MISSING)),
        case("completion/complete", complete("secret-pla"), complete("secret-ple")),
    ]
}

/// What a caller can tell two answers apart by.
fn seen(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let varying = [
        "date",
        "x-request-id",
        "content-length",
        "ratelimit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ];
    let headers = reply.headers.iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.filter(|(name, _)| !varying.contains(&name.as_str())).collect();
    (reply.status, headers, reply.text.replace(MISSING, OWN))
}

/// What `client` learns from a method about A, if anything.
async fn method_leak(client: &Client, case: &MethodCase) -> Option<String> {
    let own = client.rpc(case.method, case.own.clone()).await;
    let missing = client.rpc(case.method, case.missing.clone()).await;
    let tells = own.text.contains("anzibar launch") || own.text.contains("secret-more");
    let differs = seen(&own) != seen(&missing);
    (tells || differs).then(|| format!("{}: {} / {}", case.method, own.text, missing.text))
}

/// What `client` learns from `case` about A, if anything.
async fn leak(client: &Client, case: &Case) -> Option<String> {
    let own = client.call(case.tool, case.own.clone()).await;
    let missing = client.call(case.tool, case.missing.clone()).await;
    let tells = own.text.contains("anzibar launch") || own.text.contains("secret-more");
    let differs = seen(&own) != seen(&missing);
    (tells || differs).then(|| format!("{}: {} / {}", case.tool, own.text, missing.text))
}

#[tokio::test]
async fn a_foreign_name_is_answered_like_one_that_never_existed() {
    let database = Database::new().await;
    let stage = Stage::new(&database).await;
    let bob = stage.server.session(&database.editor("b").await).await;
    // From here on, initialising changes nothing for either.
    bob.ok("initialize_memory_bank", json!({})).await;
    let mut leaks = Vec::new();
    for bob in [&bob, &bob.modern()] {
        for case in &stage.cases {
            leaks.extend(leak(bob, case).await);
        }
        for case in &stage.methods {
            leaks.extend(method_leak(bob, case).await);
        }
    }
    for case in &stage.methods {
        let control = stage.alice.rpc(case.method, case.own.clone()).await;
        assert!(control.text.contains("secret-"), "{}: {}", case.method, control.text);
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    for case in &stage.cases {
        let control = stage.alice.call(case.tool, case.own.clone()).await;
        let result = control.json()["result"].clone();
        assert_eq!(result["isError"], false, "the owner's own {}: {}", case.tool, control.text);
    }
}

#[tokio::test]
async fn a_planted_leak_is_noticed_by_every_case_that_names_something() {
    let database = Database::new().await;
    let stage = Stage::new(&database).await;
    // The fault: what should be B's key is one of A's project.
    let spy = stage
        .server
        .session(&database.key("a", mbmcp::model::Role::Owner, &[mbmcp::model::Scope::Write]).await)
        .await;
    for case in &stage.methods {
        assert!(method_leak(&spy, case).await.is_some(), "{} notices nothing", case.method);
    }
    for case in stage.cases.iter().filter(|case| case.own != case.missing) {
        assert!(leak(&spy, case).await.is_some(), "{} notices nothing", case.tool);
    }
}

#[tokio::test]
async fn sessions_of_another_tenant_are_sessions_that_never_existed() {
    let database = Database::new().await;
    let stage = Stage::new(&database).await;
    let bob = stage.server.session(&database.editor("b").await).await;
    let foreign = bob.with_session(stage.alice.session.as_deref().unwrap());
    let unknown = bob.with_session(&"0".repeat(43));
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    for (theirs, nobodys) in [
        (foreign.rpc("ping", json!({})).await, unknown.rpc("ping", json!({})).await),
        (foreign.post(notification).await, unknown.post(notification).await),
        (foreign.delete().await, unknown.delete().await),
    ] {
        assert_eq!(theirs.status, 404);
        assert_eq!(seen(&theirs), seen(&nobodys));
    }
    assert_eq!(stage.alice.rpc("ping", json!({})).await.status, 200);
    assert_eq!(stage.alice.delete().await.status, 204);
}

#[tokio::test]
async fn a_foreign_document_is_listened_to_like_one_that_never_existed() {
    let database = Database::new().await;
    let stage = Stage::new(&database).await;
    let bob = stage.server.client(&database.editor("b").await).modern();
    let acknowledged = async |client: &Client, name: &str| {
        let uris = json!([format!("memory-bank://{name}")]);
        let wanted = json!({ "resourcesListChanged": true, "resourceSubscriptions": uris });
        let request = listening(client, &json!(1), &wanted).send().await.unwrap();
        Events::of(request).message().await.unwrap().to_string().replace(MISSING, OWN)
    };
    let own = acknowledged(&stage.alice.modern(), OWN).await;
    assert_eq!(acknowledged(&bob, OWN).await, own);
    assert_eq!(acknowledged(&bob, MISSING).await, own);
    // What is told, and to whom: `mcp::listen`. States of other callers' calls: `mcp::rounds`.
}

#[tokio::test]
async fn what_one_tenant_does_changes_nothing_that_another_sees() {
    let database = Database::new().await;
    let stage = Stage::new(&database).await;
    let bob = stage.server.session(&database.editor("b").await).await;
    bob.write(OWN, "bob's own of the same name").await;
    let looks = async || {
        let mut all = Vec::new();
        for (tool, arguments) in [
            ("get_memory_bank_status", json!({})),
            ("list_memory_bank_files", json!({})),
            ("read_memory_bank_file", json!({ "filename": OWN })),
            ("search_memory_bank", json!({ "query": "zanzibar OR bob" })),
            ("search_memory_bank", json!({ "query": "zanzibra" })),
        ] {
            all.push(seen(&bob.call(tool, arguments).await));
        }
        all
    };
    let before = looks().await;
    stage.alice.write(OWN, "zanzibar, rewritten").await;
    stage.alice.write("bob.md", "bob zanzibra").await;
    stage.alice.ok("initialize_memory_bank", json!({})).await;
    assert_eq!(looks().await, before);
    let own = stage.alice.ok("read_memory_bank_file", json!({ "filename": OWN })).await;
    assert_eq!(own["content"], "zanzibar, rewritten");
}

#[tokio::test]
async fn every_tool_has_a_case() {
    let database = Database::new().await;
    let stage = Stage::new(&database).await;
    let tools = Registry::new().unwrap().list(&Toolsets::all(), |_| true);
    let tools: BTreeSet<String> = tools.into_iter().map(|tool| tool.name.into_owned()).collect();
    let cases: BTreeSet<String> = stage.cases.iter().map(|case| case.tool.to_owned()).collect();
    assert_eq!(cases, tools);
}

/// Methods that know nothing of any tenant's data, or that the tools' cases and those of sessions
/// cover.
const METHODS_ELSEWHERE: [&str; 7] = [
    "ping",
    "tools/list",
    "tools/call",
    "resources/templates/list",
    "prompts/list",
    "prompts/get",
    "unknown",
];

#[test]
fn every_method_has_a_case() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mcp/method.rs");
    let source = fs::read_to_string(file).unwrap();
    let names = source.split("fn name(").nth(1).unwrap().split("\n    }").next().unwrap();
    let served: BTreeSet<&str> = names.split('"').skip(1).step_by(2).collect();
    let methods = methods();
    let covered = methods.iter().map(|case| case.method).chain(METHODS_ELSEWHERE).collect();
    assert_eq!(served, covered);
}

/// The routes that this file, or a reason, covers.
pub const ROUTES: [(&str, &str); 44] = [
    // A key itself: `rest::self_revoke`.
    ("/api/v1/key", "delete"),
    // `rest::isolation` calls them with another project's names and ids.
    ("/api/v1/audit", "get"),
    ("/api/v1/projects/{project}/audit", "get"),
    ("/api/v1/projects/{project}/documents", "get"),
    ("/api/v1/projects/{project}/documents/{path}", "get"),
    ("/api/v1/projects/{project}/documents/{path}", "put"),
    ("/api/v1/projects/{project}/documents/{path}", "delete"),
    ("/api/v1/projects/{project}/keys", "get"),
    ("/api/v1/projects/{project}/keys", "post"),
    ("/api/v1/projects/{project}/keys/{key}", "get"),
    ("/api/v1/projects/{project}/keys/{key}", "patch"),
    ("/api/v1/projects/{project}/keys/{key}", "delete"),
    ("/api/v1/projects/{project}/keys/{key}/rotate", "post"),
    ("/api/v1/projects/{project}/limits", "get"),
    ("/api/v1/projects/{project}/sessions", "get"),
    ("/api/v1/projects/{project}/sessions/{session}", "delete"),
    ("/api/v1/projects/{project}/usage", "get"),
    ("/api/v1/projects/{project}/members", "get"),
    ("/api/v1/projects/{project}/members", "post"),
    ("/api/v1/projects/{project}/members/{user}", "get"),
    ("/api/v1/projects/{project}/members/{user}", "patch"),
    ("/api/v1/projects/{project}/members/{user}", "delete"),
    ("/api/v1/projects", "get"),
    ("/api/v1/projects", "post"),
    ("/api/v1/projects/{project}", "get"),
    ("/api/v1/projects/{project}", "patch"),
    ("/api/v1/projects/{project}", "delete"),
    ("/api/v1/users", "get"),
    ("/api/v1/users", "post"),
    ("/api/v1/users/{user}", "get"),
    ("/api/v1/users/{user}", "patch"),
    ("/api/v1/users/{user}", "delete"),
    ("/mcp", "get"),
    ("/mcp", "post"),
    ("/mcp", "delete"),
    // `http::edge` calls them with another project's name.
    ("/mcp/{project}", "get"),
    ("/mcp/{project}", "post"),
    ("/mcp/{project}", "delete"),
    // Tell nothing of any tenant: they know no caller, and the document and the files of its page
    // are in the binary.
    ("/api/docs", "get"),
    ("/api/docs/{file}", "get"),
    ("/api/openapi.json", "get"),
    ("/health", "get"),
    ("/live", "get"),
    ("/ready", "get"),
];

/// Those that need no key.
const OPEN: [&str; 6] =
    ["/api/docs", "/api/docs/{file}", "/api/openapi.json", "/health", "/live", "/ready"];

#[tokio::test]
async fn every_route_has_a_case_and_needs_a_key_unless_it_tells_nothing() {
    let mut found = BTreeSet::new();
    collect_routes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let covered = ROUTES.iter().map(|(path, method)| ((*path).into(), (*method).into())).collect();
    assert_eq!(found, covered);

    let database = Database::new().await;
    let server = Server::on(&database).await;
    for (path, method) in ROUTES.iter().filter(|(path, _)| !OPEN.contains(path)) {
        let method: Method = method.to_uppercase().parse().unwrap();
        let request = reqwest::Client::new().request(method, format!("{}{path}", server.url));
        assert_eq!(Reply::of(request).await.status, 401, "{path}");
    }
}

/// The paths and methods of every `.route("path", routing::method(…).method(…))` in the sources.
fn collect_routes(folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_routes(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        for route in text.split(".route(").skip(1) {
            let Some(route) = route.trim_start().strip_prefix('"') else { continue };
            let (path, rest) = route.split_once('"').unwrap();
            let end = rest.find(".route(").or(rest.find(".with_state")).unwrap_or(rest.len());
            for method in ["get", "post", "put", "patch", "delete"] {
                if rest[..end].contains(&format!("{method}(")) {
                    // OpenAPI has no sign for a parameter that takes slashes.
                    found.insert((path.replace("{*", "{"), method.to_owned()));
                }
            }
        }
    }
}
