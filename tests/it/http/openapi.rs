//! The OpenAPI document: it is the committed one, and the server answers as it says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::edge::made_up;
use crate::harness::{Client, Database, MODERN, Reply, Server, accepting, eventually, mbmcp};
use crate::tenancy::ROUTES;

/// Statuses that no request of a test brings about: something must break, or take very long.
const UNSEEN: [&str; 2] = ["500", "504"];
/// Headers that are sent with some answers only: each is documented where it is.
const HEADERS: [&str; 6] = [
    "Mcp-Session-Id",
    "WWW-Authenticate",
    "Retry-After",
    "Allow",
    "RateLimit",
    "X-RateLimit-Reset",
];
const VERSION: &str = "mcp-protocol-version";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn document() -> Value {
    serde_json::from_str(&mbmcp::http::openapi::json().unwrap()).unwrap()
}

/// The paths and methods of the document.
fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = METHODS.into_iter().filter(|method| item.get(method).is_some());
        operations.extend(methods.map(|method| (path.clone(), method.to_owned())));
    }
    operations
}

#[test]
fn the_committed_document_is_that_of_the_code() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let committed = fs::read_to_string(file).unwrap();
    let made = mbmcp::http::openapi::json().unwrap() + "\n";
    assert!(committed == made, "openapi/openapi.json is not that of the code: run `make openapi`");
}

#[tokio::test]
async fn the_command_prints_the_document() {
    let output = mbmcp().arg("openapi").output().await.unwrap();
    assert!(output.status.success());
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, document());
}

#[test]
fn every_route_is_documented_and_nothing_else() {
    // The matrix holds them against the sources.
    let routes = ROUTES.iter().map(|(path, method)| ((*path).into(), (*method).into())).collect();
    assert_eq!(operations(&document()), routes);
}

/// Compares replies with the document.
struct Checked {
    document: Value,
    /// Of each operation, the statuses that were seen.
    seen: BTreeMap<(String, String), BTreeSet<String>>,
    wrong: Vec<String>,
}

impl Checked {
    fn new() -> Self {
        Self { document: document(), seen: BTreeMap::new(), wrong: Vec::new() }
    }

    /// Checks the reply to `method` at the route `path`.
    fn reply(&mut self, path: &str, method: &str, reply: &Reply) {
        let status = reply.status.to_string();
        let key = (path.to_owned(), method.to_owned());
        self.seen.entry(key).or_default().insert(status.clone());
        let answer = &self.document["paths"][path][method]["responses"][&status];
        for problem in self.problems(self.resolve(answer), reply) {
            let Reply { headers, text, .. } = reply;
            self.wrong.push(format!("{method} {path}, {status}: {problem}: {headers:?} {text}"));
        }
    }

    fn problems(&self, answer: &Value, reply: &Reply) -> Vec<String> {
        if answer.is_null() {
            return vec!["the status is not documented".to_owned()];
        }
        let mut problems = Vec::new();
        for name in HEADERS.into_iter().chain(["X-Request-Id"]) {
            if reply.headers.contains_key(name) && answer["headers"].get(name).is_none() {
                problems.push(format!("{name} is not documented"));
            }
        }
        if reply.text.is_empty() != answer.get("content").is_none() {
            problems.push("one of them has no body".to_owned());
        }
        if !reply.text.is_empty() {
            let kind = reply.headers["content-type"].to_str().unwrap();
            let events = kind == "text/event-stream";
            let body = if events { Value::from(reply.text.as_str()) } else { reply.json() };
            match answer["content"].get(kind) {
                None => problems.push("the type is not documented".to_owned()),
                Some(content) => problems.extend(self.mismatch(&content["schema"], &body)),
            }
        }
        problems
    }

    /// What a reference stands for.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(place) = value["$ref"].as_str() else { return value };
        self.document.pointer(place.trim_start_matches('#')).expect(place)
    }

    fn mismatch(&self, schema: &Value, body: &Value) -> Option<String> {
        let root = json!({ "allOf": [schema], "components": self.document["components"] });
        let validator = jsonschema::draft202012::new(&root).unwrap();
        validator.validate(body).err().map(|error| error.to_string())
    }

    /// The statuses of the document that were not seen.
    fn unseen(&self) -> Vec<String> {
        let mut unseen = Vec::new();
        // Those of the REST API are called by its own tests.
        let operations = operations(&self.document);
        for (path, method) in operations.into_iter().filter(|(path, _)| !path.contains("/api/")) {
            let documented =
                self.document["paths"][&path][&method]["responses"].as_object().unwrap();
            let seen = &self.seen[&(path.clone(), method.clone())];
            let missing = documented.keys().filter(|status| !seen.contains(*status));
            let missing = missing.filter(|status| !UNSEEN.contains(&status.as_str()));
            unseen.extend(missing.map(|status| format!("{method} {path} never answered {status}")));
        }
        unseen
    }
}

/// A route of MCP, called at `path`.
struct Endpoint<'a> {
    server: &'a Server,
    route: &'static str,
    path: &'static str,
    /// Has no session.
    fresh: Client,
    /// Has one, until it ends it.
    client: Client,
    /// Has a key with one call a minute.
    poor: Client,
}

impl<'a> Endpoint<'a> {
    async fn new(
        server: &'a Server,
        (route, path): (&'static str, &'static str),
        [key, poor]: [&str; 2],
        checked: &mut Checked,
    ) -> Self {
        let [fresh, poor] = [key, poor].map(|key| Client::at_path(&server.url, path, key));
        let mut client = fresh.clone();
        checked.reply(route, "post", &client.initialize().await);
        Self { server, route, path, fresh, client, poor }
    }

    /// A client with a key of the right form that nobody was given.
    fn stranger(&self) -> Client {
        Client::at_path(&self.server.url, self.path, &made_up())
    }

    async fn post(&self, checked: &mut Checked) {
        let client = &self.client;
        let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let no_document = json!({ "filename": "none.md" });
        for (status, reply) in [
            (200, client.rpc("tools/list", json!({})).await),
            (200, client.call("read_memory_bank_file", no_document).await),
            (200, client.rpc("nonsense", json!({})).await),
            (202, client.post(notification).await),
            (400, client.post("{").await),
            (401, self.stranger().post("{}").await),
            (403, from_elsewhere(client, Method::POST).await),
            (404, client.with_session(&"0".repeat(43)).rpc("ping", json!({})).await),
            (404, client.modern().rpc("ping", json!({})).await),
            (406, self.listening_without_streams().await),
            (413, client.post(" ".repeat(2 << 20)).await),
            (415, Reply::of(client.request(Method::POST).body("{}")).await),
            (429, self.held_off(Method::POST).await),
            (429, self.limited(Method::POST).await),
        ] {
            assert_eq!(reply.status, status, "{}", reply.text);
            checked.reply(self.route, "post", &reply);
        }
    }

    /// A stream that is over, so that its rest ends.
    async fn written(&self) -> String {
        let arguments = json!({ "filename": "a.md", "content": "a" });
        let mut stream = self.client.stream(1, "write_memory_bank_file", arguments).await;
        let beginning = stream.event().await.unwrap().id.unwrap();
        stream.rest().await;
        beginning
    }

    async fn get(&self, checked: &mut Checked) {
        let (client, beginning) = (&self.client, self.written().await);
        let listening = |client: &Client, after: &str| Reply::of(client.listening(Some(after)));
        for (status, reply) in [
            (200, listening(client, &beginning).await),
            (400, listening(client, "none").await),
            (401, listening(&self.stranger(), &beginning).await),
            (403, from_elsewhere(client, Method::GET).await),
            (404, listening(&client.with_session(&"0".repeat(43)), &beginning).await),
            (405, Reply::of(client.listening(None).header(VERSION, MODERN)).await),
            (429, self.held_off(Method::GET).await),
            (429, self.limited(Method::GET).await),
        ] {
            assert_eq!(reply.status, status, "{}", reply.text);
            checked.reply(self.route, "get", &reply);
        }
    }

    async fn delete(&self, checked: &mut Checked) {
        let client = &self.client;
        for (status, reply) in [
            (400, self.fresh.delete().await),
            (401, self.stranger().delete().await),
            (403, from_elsewhere(client, Method::DELETE).await),
            (404, client.with_session(&"0".repeat(43)).delete().await),
            (405, Reply::of(client.request(Method::DELETE).header(VERSION, MODERN)).await),
            (429, self.held_off(Method::DELETE).await),
            (429, self.limited(Method::DELETE).await),
            (204, client.delete().await),
        ] {
            assert_eq!(reply.status, status, "{}", reply.text);
            checked.reply(self.route, "delete", &reply);
        }
    }

    /// The reply to who would listen, but reads no streams.
    async fn listening_without_streams(&self) -> Reply {
        let request = self.client.modern().rpc_request("subscriptions/listen", json!({}));
        Reply::of(accepting(request, "application/json")).await
    }

    /// The reply to a key that has no call left.
    async fn limited(&self, method: Method) -> Reply {
        self.poor.post("{}").await;
        Reply::of(self.poor.request(method)).await
    }

    /// The reply to a wrong key from where there have been too many.
    async fn held_off(&self, method: Method) -> Reply {
        for _ in 0..60 {
            let request = self.stranger().request(method.clone());
            let reply = Reply::of(request.header("x-forwarded-for", "198.51.100.7")).await;
            if reply.status == 429 {
                return reply;
            }
        }
        panic!("wrong keys are never held off");
    }

    /// While the database is away: with a session, and with a key that must be looked up.
    async fn outage(&self, checked: &mut Checked) {
        for client in [&self.client, &self.stranger()] {
            checked.reply(self.route, "post", &client.rpc("ping", json!({})).await);
            checked.reply(self.route, "get", &Reply::of(client.listening(None)).await);
            checked.reply(self.route, "delete", &client.delete().await);
        }
    }
}

/// The reply to a page of an origin that may not call.
async fn from_elsewhere(client: &Client, method: Method) -> Reply {
    Reply::of(client.request(method).header("origin", "https://evil.test")).await
}

#[tokio::test]
async fn the_server_answers_as_documented_and_all_that_is_documented() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("DB_ACQUIRE_TIMEOUT_MS", "500")]).await;
    let (key, other) = (database.editor("a").await.key, database.editor("b").await.key);
    let poor = database.limited("a", 1).await.key;
    let mut checked = Checked::new();
    let mut endpoints = Vec::new();
    for place in [("/mcp", "/mcp"), ("/mcp/{project}", "/mcp/a")] {
        let endpoint = Endpoint::new(&server, place, [&key, &poor], &mut checked).await;
        endpoint.post(&mut checked).await;
        endpoint.get(&mut checked).await;
        endpoint.delete(&mut checked).await;
        endpoints.push(endpoint);
    }
    let foreign = Client::at_path(&server.url, "/mcp/a", &other).delete().await;
    assert_eq!(foreign.status, 404);
    checked.reply("/mcp/{project}", "delete", &foreign);

    let get = |path: &str| reqwest::Client::new().get(format!("{}{path}", server.url));
    for path in ["/health", "/live", "/ready"] {
        checked.reply(path, "get", &Reply::of(get(path)).await);
        let from_page = get(path).header("origin", "https://evil.test");
        checked.reply(path, "get", &Reply::of(from_page).await);
    }
    database.admit(false).await;
    for endpoint in &endpoints {
        endpoint.outage(&mut checked).await;
    }
    for path in ["/health", "/ready"] {
        let reply = eventually("the outage", async || {
            let reply = Reply::of(get(path)).await;
            (reply.status == 503).then_some(reply)
        });
        checked.reply(path, "get", &reply.await);
    }
    let wrong = [checked.unseen(), checked.wrong].concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_is_not_documented_is_answered_with_405() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let documented = operations(&document());
    let paths: BTreeSet<&String> = documented.iter().map(|(path, _)| path).collect();
    for path in paths {
        // Not one for all: one of them revokes it.
        let key = database.editor("a").await;
        // What the paths name, as they stand in the document.
        server.session(&key).await.write("{path}", "").await;
        let named = path.replace("{project}", "a").replace("{file}", "browser.js");
        let client = Client::at_path(&server.url, &named, &key.key);
        let undocumented =
            |method: &&str| !documented.contains(&(path.clone(), (*method).to_owned()));
        let (first, last): (Vec<_>, Vec<_>) = METHODS.into_iter().partition(undocumented);
        for method in [first, last].concat() {
            let reply = Reply::of(client.request(method.to_uppercase().parse().unwrap())).await;
            if documented.contains(&(path.clone(), method.to_owned())) {
                let routed = reply.status != 405 && !reply.text.contains("nothing at this path");
                assert!(routed, "{method} {path}: {}", reply.text);
                continue;
            }
            assert_eq!(reply.status, 405, "{method} {path}: {}", reply.text);
            let allowed = reply.headers["allow"].to_str().unwrap().to_lowercase();
            let allowed = allowed.split(',').filter(|method| *method != "head").map(str::to_owned);
            let allowed: BTreeSet<_> = allowed.map(|method| (path.clone(), method)).collect();
            assert!(allowed.is_subset(&documented), "{method} {path}: {allowed:?}");
            assert!(!allowed.is_empty());
        }
    }
}
