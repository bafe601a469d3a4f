//! `subscriptions/listen`: what is promised, what is told, and to whom.

use mbmcp::mcp::wire::meta;
use mbmcp::model::{Ambient, Role, Scope};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{
    Client, Database, Events, Login, MODERN, Reply, Server, accepting, modern_meta, redis_url,
};

const TOOLS: &str = "notifications/tools/list_changed";
const RESOURCES: &str = "notifications/resources/list_changed";
const UPDATED: &str = "notifications/resources/updated";

/// A request to listen.
pub fn listening(client: &Client, id: &Value, notifications: &Value) -> RequestBuilder {
    let params = json!({ "_meta": modern_meta(), "notifications": notifications });
    let body = json!({
        "jsonrpc": "2.0", "id": id, "method": "subscriptions/listen", "params": params,
    });
    let request = client.request(Method::POST).header("content-type", "application/json");
    let request = request.header("mcp-protocol-version", MODERN);
    let request = request.header("mcp-method", "subscriptions/listen");
    request.header("accept", "application/json, text/event-stream").body(body.to_string())
}

/// A stream that is acknowledged.
pub async fn listen(client: &Client, notifications: Value) -> Events {
    let request = listening(client, &json!("listen"), &notifications);
    let mut events = Events::of(request.send().await.unwrap());
    let first = events.message().await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    events
}

/// The next change, as its method and what it is of.
async fn told(events: &mut Events) -> (String, String) {
    let message = events.message().await.expect("a change");
    assert_eq!(message["params"]["_meta"], json!({ meta::SUBSCRIPTION_ID: "listen" }), "{message}");
    assert!(message.get("id").is_none(), "{message}");
    let uri = message["params"]["uri"].as_str().unwrap_or_default();
    (message["method"].as_str().unwrap().to_owned(), uri.to_owned())
}

fn lists() -> Value {
    json!({ "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true })
}

fn updated(uri: &str) -> (String, String) {
    (UPDATED.to_owned(), uri.to_owned())
}

fn changed(method: &str) -> (String, String) {
    (method.to_owned(), String::new())
}

#[tokio::test]
async fn what_is_offered_is_acknowledged_first_whatever_is_there() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await);
    let there = "memory-bank://plan.md";
    client.modern().write("plan.md", "# Plan").await;
    for id in [json!(7), json!("seven"), json!(1_764_000_000_000_u64), json!(-1)] {
        for uri in [there, "memory-bank://none.md", "other://x", "no uri at all", ""] {
            let mut wanted = lists();
            wanted["resourceSubscriptions"] = json!([uri, uri]);
            wanted["unknown"] = json!(true);
            let response = listening(&client, &id, &wanted).send().await.unwrap();
            assert_eq!(response.headers()["x-accel-buffering"], "no");
            assert_eq!(response.headers()["cache-control"], "no-cache");
            assert!(!response.headers().contains_key("mcp-session-id"));
            let first = Events::of(response).message().await.unwrap();
            // Prompts never change.
            let honoured = json!({
                "toolsListChanged": true, "resourcesListChanged": true,
                "resourceSubscriptions": [uri, uri],
            });
            let params =
                json!({ "_meta": { meta::SUBSCRIPTION_ID: id }, "notifications": honoured });
            let method = "notifications/subscriptions/acknowledged";
            let wanted = json!({ "jsonrpc": "2.0", "method": method, "params": params });
            assert_eq!(first, wanted);
        }
    }
    for nothing in [json!({}), json!({ "toolsListChanged": false, "promptsListChanged": true })] {
        let mut events = Events::of(listening(&client, &json!(1), &nothing).send().await.unwrap());
        assert_eq!(events.message().await.unwrap()["params"]["notifications"], json!({}));
    }
}

#[tokio::test]
async fn changes_on_any_server_are_told_in_order() {
    let database = Database::new().await;
    tell(&database, &[]).await;
}

#[tokio::test]
async fn changes_on_any_server_are_told_in_order_by_redis() {
    let database = Database::new().await;
    let prefix = Ambient::default().uuid().unwrap().simple().to_string();
    tell(&database, &[("REDIS_URL", &redis_url()), ("REDIS_KEY_PREFIX", &prefix)]).await;
}

async fn tell(database: &Database, variables: &[(&str, &str)]) {
    let servers =
        [Server::with(database, variables).await, Server::with(database, variables).await];
    let key = database.editor("a").await;
    let [here, there] = servers.each_ref().map(|server| server.client(&key).modern());
    let (plan, other) = ("memory-bank://plan.md", "memory-bank://notes/a%20b.md");
    let wanted = json!({ "resourcesListChanged": true, "resourceSubscriptions": [plan, other] });
    let mut streams = [listen(&here, wanted.clone()).await, listen(&there, wanted).await];
    let owner = database.connect(Login::Superuser).await;
    let delete = "delete from documents where path = 'plan.md'";
    for (number, writer) in [&here, &there].into_iter().enumerate() {
        writer.write("plan.md", "# Plan").await;
        for events in &mut streams {
            assert_eq!(told(events).await, changed(RESOURCES));
            assert_eq!(told(events).await, updated(plan));
        }
        writer.write("plan.md", "# Plan, again").await;
        for events in &mut streams {
            assert_eq!(told(events).await, updated(plan));
        }
        // What nobody subscribed to changes the list alone, and only once.
        let unheard = format!("unheard{number}.md");
        writer.write(&unheard, "").await;
        writer.write(&unheard, "more").await;
        for events in &mut streams {
            assert_eq!(told(events).await, changed(RESOURCES));
        }
        owner.execute(delete, &[]).await.unwrap();
        for events in &mut streams {
            assert_eq!(told(events).await, changed(RESOURCES));
            assert_eq!(told(events).await, updated(plan));
        }
    }
    there.write("notes/a b.md", "").await;
    for events in &mut streams {
        assert_eq!(told(events).await, changed(RESOURCES));
        assert_eq!(told(events).await, updated(other));
    }
}

#[tokio::test]
async fn a_resource_is_told_of_by_the_uris_that_its_client_has_for_it() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await).modern();
    // As a client writes them that expands the template itself (RFC 6570 §3.2.3).
    let uris = ["memory-bank://progress", "memory-bank://progress.md", "memory-bank://a(b)%21.md"];
    let mut events = listen(&client, json!({ "resourceSubscriptions": uris })).await;
    client.write("progress.md", "").await;
    assert_eq!(told(&mut events).await, updated(uris[0]));
    assert_eq!(told(&mut events).await, updated(uris[1]));
    client.write("a(b)!.md", "").await;
    assert_eq!(told(&mut events).await, updated(uris[2]));
    for uri in uris {
        let read = client.rpc("resources/read", json!({ "uri": uri })).await.json();
        assert_eq!(read["result"]["contents"][0]["uri"], uri);
    }
}

#[tokio::test]
async fn nothing_is_told_that_was_not_asked_for() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let client = server.client(&key).modern();
    let mut tools = listen(&client, json!({ "toolsListChanged": true })).await;
    let mut resources = listen(&client, json!({ "resourcesListChanged": true })).await;
    let uri = "memory-bank://plan.md";
    let mut plan = listen(&client, json!({ "resourceSubscriptions": [uri] })).await;
    client.write("plan.md", "# Plan").await;
    assert_eq!(told(&mut plan).await, updated(uri));
    assert_eq!(told(&mut resources).await, changed(RESOURCES));
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("update memberships set role = 'viewer'").await.unwrap();
    // Had it been told of the document, that would stand before.
    assert_eq!(told(&mut tools).await, changed(TOOLS));
    owner.batch_execute("update memberships set role = 'editor'").await.unwrap();
    assert_eq!(told(&mut tools).await, changed(TOOLS));
    client.write("another.md", "").await;
    client.write("plan.md", "# Plan, again").await;
    assert_eq!(told(&mut resources).await, changed(RESOURCES));
    assert_eq!(told(&mut plan).await, updated(uri));
}

#[tokio::test]
async fn tools_change_for_those_whose_rights_do() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let scopes = [Scope::Read, Scope::Write];
    let another = database.key("a", Role::Owner, &scopes).await;
    let client = server.client(&key).modern();
    let mut own = listen(&client, lists()).await;
    let mut others = listen(&server.client(&another).modern(), lists()).await;
    let owner = database.connect(Login::Superuser).await;
    let key_id = key.id.0;
    for (change, tells) in [
        ("update memberships set role = 'viewer' where role = 'editor'", true),
        ("update memberships set role = 'editor' where role = 'viewer'", true),
        // What is as it was is no change, nor is a key's use.
        ("update memberships set role = role", false),
        ("update api_keys set last_used_at = now(), label = 'another'", false),
    ] {
        assert!(owner.execute(change, &[]).await.unwrap() > 0, "{change}");
        if tells {
            assert_eq!(told(&mut own).await, changed(TOOLS), "{change}");
        }
    }
    let scopes = "update api_keys set scopes = array['read'] where id = $1";
    assert_eq!(owner.execute(scopes, &[&key_id]).await.unwrap(), 1);
    assert_eq!(told(&mut own).await, changed(TOOLS));
    server.client(&another).modern().write("plan.md", "").await;
    assert_eq!(told(&mut own).await, changed(RESOURCES));
    assert_eq!(told(&mut others).await, changed(RESOURCES));
}

#[tokio::test]
async fn who_may_not_read_is_told_of_no_resource() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.key("a", Role::Owner, &[Scope::Admin]).await;
    let mut wanted = lists();
    wanted["resourceSubscriptions"] = json!(["memory-bank://plan.md"]);
    let request = listening(&server.client(&key), &json!(1), &wanted);
    let mut events = Events::of(request.send().await.unwrap());
    let honoured = events.message().await.unwrap()["params"]["notifications"].clone();
    assert_eq!(honoured, json!({ "toolsListChanged": true }));
}

#[tokio::test]
async fn each_tenant_hears_of_its_own() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let [alice, bob] = [database.editor("a").await, database.editor("b").await];
    let [alice, bob] = [alice, bob].map(|key| server.client(&key).modern());
    let uri = "memory-bank://plan.md";
    let mut wanted = lists();
    wanted["resourceSubscriptions"] = json!([uri, "memory-bank://own.md"]);
    let mut theirs = listen(&bob, wanted.clone()).await;
    let mut own = listen(&alice, wanted).await;
    alice.write("plan.md", "# Plan").await;
    alice.write("plan.md", "# Plan, again").await;
    assert_eq!(told(&mut own).await, changed(RESOURCES));
    bob.write("own.md", "").await;
    assert_eq!(told(&mut theirs).await, changed(RESOURCES));
    assert_eq!(told(&mut theirs).await, updated("memory-bank://own.md"));
}

#[tokio::test]
async fn an_import_is_told_in_a_few_words() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await).modern();
    client.write("plan.md", "# Plan").await;
    let uri = "memory-bank://copy/1000.md";
    let wanted = json!({ "resourcesListChanged": true, "resourceSubscriptions": [uri] });
    let mut events = listen(&client, wanted).await;
    let owner = database.connect(Login::Superuser).await;
    let import = "insert into signals (project_id, id, kind, target) \
        select project_id, gen_random_uuid(), 'resource_created', format('copy/%s.md', n) \
        from memberships, generate_series(1, 1000) n";
    assert_eq!(owner.execute(import, &[]).await.unwrap(), 1000);
    let mut words = 0;
    while told(&mut events).await != updated(uri) {
        words += 1;
        assert!(words < 100, "one word for each document");
    }
}

#[tokio::test]
async fn what_cannot_be_listened_to_is_refused() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await);
    let uris = |count: usize, length: usize| json!({ "resourceSubscriptions": vec!["u".repeat(length); count] });
    for (wanted, name) in [
        (uris(257, 9), "resourceSubscriptions"),
        (uris(1, 2049), "resourceSubscriptions"),
        (json!({ "resourceSubscriptions": "memory-bank://a.md" }), "notifications"),
        (json!({ "toolsListChanged": "yes" }), "notifications"),
        (json!(null), "notifications"),
        (json!(7), "notifications"),
    ] {
        let reply = Reply::of(listening(&client, &json!("x"), &wanted)).await;
        assert_eq!((reply.status, reply.code()), (200, -32602), "{wanted}: {}", reply.text);
        assert_eq!(reply.json()["id"], "x");
        assert!(name == "notifications" || reply.text.contains("256 URIs"), "{}", reply.text);
    }
    let without = client.modern().rpc("subscriptions/listen", json!({})).await;
    assert_eq!(without.code(), -32602, "{}", without.text);
    let most = Events::of(listening(&client, &json!(1), &uris(256, 2048)).send().await.unwrap());
    drop(most);

    for accept in ["application/json", "*/*", "text/html"] {
        let request = listening(&client, &json!(1), &lists());
        let reply = Reply::of(accepting(request, accept)).await;
        assert_eq!((reply.status, reply.code()), (406, -32600), "{accept}: {}", reply.text);
    }
    let session = server.session(&database.editor("a").await).await;
    let legacy = session.rpc("subscriptions/listen", json!({ "notifications": {} })).await;
    assert_eq!((legacy.status, legacy.code()), (200, -32601), "{}", legacy.text);
}
