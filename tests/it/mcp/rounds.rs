//! Calls in several rounds: what is asked, what counts as an answer, and what the state is worth.

use std::time::Duration;

use mbmcp::app::Parts;
use mbmcp::mcp::wire::meta;
use mbmcp::model::{Ambient, Clock, Role, Scope};
use serde_json::{Value, json};

use super::asker::Asker;
use crate::harness::{Client, Database, Login, Reply, Server, accepting, modern_meta};

const WRITE: &str = "write_memory_bank_file";

/// Two servers of one database, and clients of theirs with one key.
async fn replicas(database: &Database) -> ([Server; 2], [Client; 2]) {
    let key = database.editor("a").await;
    let mut servers = Vec::new();
    for _ in 0..2 {
        servers.push(Server::of(Asker::boxed(), database, &[]).await.unwrap());
    }
    let servers: [Server; 2] = servers.try_into().ok().unwrap();
    let clients = [0, 1].map(|at: usize| servers[at].client(&key).modern());
    (servers, clients)
}

/// The parameters of a client that can be asked anything.
fn able(mut params: Value) -> Value {
    let mut meta = modern_meta();
    meta[meta::CLIENT_CAPABILITIES] = json!({ "elicitation": {}, "sampling": {}, "roots": {} });
    params["_meta"] = meta;
    params
}

fn write(content: &str) -> Value {
    able(json!({ "name": WRITE, "arguments": { "filename": "plan.md", "content": content } }))
}

/// `params` for another round, with `responses` and the state of `asked`, if it has one.
fn again(params: &Value, asked: &Reply, responses: Value) -> Value {
    let mut params = params.clone();
    params["inputResponses"] = responses;
    if let Some(state) = asked.json()["result"].get("requestState") {
        params["requestState"] = state.clone();
    }
    params
}

fn sure() -> Value {
    json!({ "sure": { "action": "accept", "content": { "sure": true } } })
}

/// The keys that a reply asks.
fn asks(reply: &Reply) -> Vec<String> {
    let result = &reply.json()["result"];
    assert_eq!(result["resultType"], "input_required", "{}", reply.text);
    let asked = result["inputRequests"].as_object().unwrap();
    asked.keys().cloned().collect()
}

fn version(reply: &Reply) -> Value {
    let result = &reply.json()["result"];
    assert_eq!(result["isError"], false, "{}", reply.text);
    result["structuredContent"]["version"].clone()
}

/// The text of a tool's answer, as JSON.
fn told(reply: &Reply) -> Value {
    let text = reply.json()["result"]["content"][0]["text"].clone();
    serde_json::from_str(text.as_str().unwrap_or_else(|| panic!("{}", reply.text))).unwrap()
}

async fn versions(database: &Database) -> i64 {
    let owner = database.connect(Login::Superuser).await;
    let count = "select count(*) from document_revisions";
    owner.query_one(count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_change_waits_for_its_answer_and_is_made_once() {
    let database = Database::new().await;
    let (_servers, [here, there]) = replicas(&database).await;
    let params = write("# Plan");
    let asked = here.rpc("tools/call", params.clone()).await;
    let result = asked.json()["result"].clone();
    assert_eq!(asks(&asked), ["sure"]);
    let request = &result["inputRequests"]["sure"];
    assert_eq!(request["method"], "elicitation/create");
    assert_eq!(request["params"]["requestedSchema"]["required"], json!(["sure"]));
    assert!(result["requestState"].is_string());
    assert_eq!(result["_meta"][meta::SERVER_INFO]["name"], "memory-bank-mcp");
    let mut fields: Vec<&String> = result.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["_meta", "inputRequests", "requestState", "resultType"]);
    assert_eq!(versions(&database).await, 0);

    // To decline is an answer: the tool refuses, and may still be told otherwise.
    let declined = json!({ "sure": { "action": "decline" } });
    let refused = there.rpc("tools/call", again(&params, &asked, declined)).await;
    assert_eq!(refused.json()["result"]["isError"], true, "{}", refused.text);
    let retry = again(&params, &asked, sure());
    assert_eq!(version(&there.rpc("tools/call", retry.clone()).await), 1);
    for client in [&here, &there] {
        let used = client.rpc("tools/call", retry.clone()).await;
        assert_eq!((used.code(), used.status), (-32602, 200), "{}", used.text);
    }
    assert_eq!(versions(&database).await, 1);
}

#[tokio::test]
async fn of_answers_that_come_at_once_one_makes_the_change() {
    let database = Database::new().await;
    let (_servers, [here, there]) = replicas(&database).await;
    let params = write("# Plan");
    let asked = here.rpc("tools/call", params.clone()).await;
    // A state of a later round is of the same call.
    let later = here.rpc("tools/call", again(&params, &asked, json!({}))).await;
    let retries = [&asked, &later].map(|asked| again(&params, asked, sure()));
    let calls = (0..8).map(|n| {
        let client = if n % 2 == 0 { &here } else { &there };
        client.rpc("tools/call", retries[n / 4].clone())
    });
    let replies = futures_util::future::join_all(calls).await;
    let done = replies.iter().filter(|reply| reply.json().get("result").is_some()).count();
    assert_eq!((done, versions(&database).await), (1, 1), "{replies:?}");
}

#[tokio::test]
async fn a_change_is_not_made_by_answers_to_nothing() {
    let database = Database::new().await;
    let (_servers, [here, _]) = replicas(&database).await;
    let mut params = write("# Plan");
    params["inputResponses"] = sure();
    for _ in 0..2 {
        assert_eq!(asks(&here.rpc("tools/call", params.clone()).await), ["sure"]);
    }
    assert_eq!(versions(&database).await, 0);
}

#[tokio::test]
async fn a_state_is_good_for_its_caller_and_its_call_alone() {
    let database = Database::new().await;
    let ([server, _], [here, there]) = replicas(&database).await;
    let scopes = [Scope::Read, Scope::Write];
    let others = [
        database.key("a", Role::Owner, &scopes).await,
        database.editor("b").await,
        database.editor("a").await,
    ];
    let params = write("# Plan");
    let asked = here.rpc("tools/call", params.clone()).await;
    let retry = again(&params, &asked, sure());
    let unknown = |state: Value| {
        let mut params = retry.clone();
        params["requestState"] = state;
        params
    };
    let refusal = here.rpc("tools/call", unknown(json!("bm90aGluZw.bm90aGluZw"))).await;
    assert_eq!((refusal.status, refusal.code()), (200, -32602), "{}", refusal.text);
    let mut refused = Vec::new();
    for key in &others {
        refused.push(server.client(key).modern().rpc("tools/call", retry.clone()).await);
    }
    let state = retry["requestState"].as_str().unwrap();
    let (payload, signature) = state.split_once('.').unwrap();
    for broken in ["", ".", &format!("{state}-TAMPERED"), &format!("x{payload}.{signature}")] {
        refused.push(there.rpc("tools/call", unknown(json!(broken))).await);
    }
    for (name, arguments) in [
        (WRITE, json!({ "filename": "plan.md", "content": "# Another" })),
        (WRITE, json!({ "filename": "plans.md", "content": "# Plan" })),
        ("survey", retry["arguments"].clone()),
        ("whoami", json!({})),
    ] {
        let mut other = retry.clone();
        (other["name"], other["arguments"]) = (json!(name), arguments);
        refused.push(there.rpc("tools/call", other).await);
    }
    for other in refused {
        assert_eq!(other.json()["error"], refusal.json()["error"]);
    }
    assert_eq!(versions(&database).await, 0);
    let number = there.rpc("tools/call", unknown(json!(7))).await;
    assert_eq!(number.code(), -32602, "{}", number.text);
    assert_eq!(version(&there.rpc("tools/call", retry).await), 1);
}

#[tokio::test]
async fn a_state_is_good_for_ten_minutes() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let now = Server::of(Asker::boxed(), &database, &[]).await.unwrap();
    let params = write("# Plan");
    let mut outcomes = Vec::new();
    for age in [Duration::from_mins(11), Duration::from_mins(9)] {
        let ambient =
            Ambient { clock: Clock::fixed(Clock::default().now() - age), ..Ambient::default() };
        let (parts, url) = (Parts::of(Asker::boxed()), database.url(Login::Server));
        let past = Server::amid(ambient, parts, &url, &[]).await.unwrap();
        let asked = past.client(&key).modern().rpc("tools/call", params.clone()).await;
        let retry = again(&params, &asked, sure());
        outcomes.push(now.client(&key).modern().rpc("tools/call", retry).await);
    }
    assert_eq!(outcomes[0].code(), -32602, "{}", outcomes[0].text);
    assert_eq!(version(&outcomes[1]), 1);
}

#[tokio::test]
async fn what_does_not_answer_is_asked_again() {
    let database = Database::new().await;
    let (_servers, [here, there]) = replicas(&database).await;
    let params = write("# Plan");
    let mut asked = here.rpc("tools/call", params.clone()).await;
    let accept = |content: Value| json!({ "sure": { "action": "accept", "content": content } });
    for responses in [
        json!(null),
        json!({}),
        json!({ "wrong": { "action": "accept", "content": { "sure": true } } }),
        json!({ "sure": null }),
        json!({ "sure": 12345 }),
        json!({ "sure": "yes" }),
        json!({ "sure": {} }),
        json!({ "sure": { "action": "agree" } }),
        json!({ "sure": { "action": "accept" } }),
        accept(json!({ "sure": "yes" })),
        accept(json!({ "other": true })),
    ] {
        asked = there.rpc("tools/call", again(&params, &asked, responses.clone())).await;
        assert_eq!(asks(&asked), ["sure"], "{responses}");
    }
    let broken = here.rpc("tools/call", again(&params, &asked, json!(7))).await;
    assert_eq!(broken.code(), -32602, "{}", broken.text);
    assert_eq!(versions(&database).await, 0);
    let mut more = sure();
    more["unknown"] = json!({ "action": "accept", "content": { "x": 1 } });
    assert_eq!(version(&here.rpc("tools/call", again(&params, &asked, more)).await), 1);
}

#[tokio::test]
async fn what_was_answered_is_not_asked_again() {
    let database = Database::new().await;
    let (_servers, [here, there]) = replicas(&database).await;
    let params = able(json!({ "name": "everything" }));
    let asked = here.rpc("tools/call", params.clone()).await;
    assert_eq!(asks(&asked), ["capital", "roots", "sure"]);
    // Nothing was answered, nothing would be changed: nothing need be carried.
    assert!(asked.json()["result"].get("requestState").is_none(), "{}", asked.text);
    let mut responses = sure();
    responses["roots"] = json!({ "roots": [{ "uri": "file:///home" }] });
    responses["capital"] = json!({ "role": "assistant", "content": "Paris", "model": "m" });
    let partly = there.rpc("tools/call", again(&params, &asked, responses.clone())).await;
    assert_eq!(asks(&partly), ["capital"]);
    let paris = json!({ "type": "text", "text": "Paris" });
    let capital = json!({ "role": "assistant", "content": paris, "model": "m" });
    let rest = json!({ "capital": capital });
    let mut params = params;
    params["arguments"] = json!({});
    let done = here.rpc("tools/call", again(&params, &partly, rest)).await;
    responses["capital"] = capital;
    assert_eq!(told(&done), responses);
    // Without anything to carry, an answer needs no question before it.
    let at_once = there.rpc("tools/call", again(&params, &asked, responses.clone())).await;
    assert_eq!(told(&at_once), responses);
}

#[tokio::test]
async fn rounds_follow_each_other_on_any_server() {
    let database = Database::new().await;
    let (_servers, [here, there]) = replicas(&database).await;
    let params = able(json!({ "name": "survey", "arguments": {} }));
    let first = here.rpc("tools/call", params.clone()).await;
    assert_eq!(asks(&first), ["name"]);
    let name = json!({ "name": { "action": "accept", "content": { "name": "Ada" } } });
    let second = there.rpc("tools/call", again(&params, &first, name.clone())).await;
    assert_eq!(asks(&second), ["age"]);
    assert!(second.text.contains("Dear \\\"Ada\\\""), "{}", second.text);
    let states = [&first, &second].map(|reply| reply.json()["result"]["requestState"].clone());
    assert_ne!(states[0], states[1]);
    let young = json!({ "age": { "action": "accept", "content": { "age": 3 } } });
    let third = here.rpc("tools/call", again(&params, &second, young)).await;
    assert_eq!(asks(&third), ["age"]);
    let mut given = json!({ "age": { "action": "accept", "content": { "age": 36 } } });
    let done = there.rpc("tools/call", again(&params, &third, given.clone())).await;
    given["name"] = name["name"].clone();
    assert_eq!(told(&done), json!({ "answers": given, "state": { "step": 2 } }));
}

#[tokio::test]
async fn only_what_the_request_declares_is_asked() {
    let database = Database::new().await;
    let (_servers, [here, _]) = replicas(&database).await;
    let everything = json!({ "elicitation": { "form": {} }, "sampling": {}, "roots": {} });
    let confirmation = json!({ "elicitation": { "form": {} } });
    for (tool, declared, wanted) in [
        (WRITE, json!({}), Some(&confirmation)),
        (WRITE, json!({ "sampling": {}, "roots": {} }), Some(&confirmation)),
        (WRITE, json!({ "elicitation": { "url": {} } }), Some(&confirmation)),
        (WRITE, json!({ "elicitation": {} }), None),
        (WRITE, json!({ "elicitation": { "form": {}, "url": {} } }), None),
        ("everything", json!({ "elicitation": {}, "roots": {} }), Some(&everything)),
        ("everything", everything.clone(), None),
    ] {
        let mut params = write("# Plan");
        params["name"] = tool.into();
        params["_meta"][meta::CLIENT_CAPABILITIES] = declared.clone();
        params["inputResponses"] = sure();
        // So that a slow machine does not begin a stream, which has its status already.
        let request = accepting(here.rpc_request("tools/call", params), "application/json");
        let reply = Reply::of(request).await;
        let Some(wanted) = wanted else {
            asks(&reply);
            continue;
        };
        assert_eq!((reply.status, reply.code()), (400, -32021), "{declared}: {}", reply.text);
        assert_eq!(&reply.json()["error"]["data"], &json!({ "requiredCapabilities": wanted }));
        assert_eq!(reply.json()["id"], 1);
    }
}

#[tokio::test]
async fn prompts_and_resources_ask_too_and_nothing_else_does() {
    let database = Database::new().await;
    let (_servers, [here, there]) = replicas(&database).await;
    let asked = here.rpc("tools/call", write("# Plan")).await;
    version(&here.rpc("tools/call", again(&write("# Plan"), &asked, sure())).await);
    let uri = "memory-bank://plan.md";
    for (method, params, holds) in [
        ("prompts/get", json!({ "name": "start_conversation" }), "messages"),
        ("resources/read", json!({ "uri": uri }), "contents"),
    ] {
        let params = able(params);
        let asked = here.rpc(method, params.clone()).await;
        assert_eq!(asks(&asked), ["sure"], "{method}");
        assert!(asked.json()["result"].get("ttlMs").is_none(), "{}", asked.text);
        let answer = there.rpc(method, again(&params, &asked, sure())).await;
        let result = answer.json()["result"].clone();
        assert_eq!(result["resultType"], "complete", "{method}: {}", answer.text);
        assert!(result[holds].is_array(), "{method}: {}", answer.text);
        if method == "resources/read" {
            assert_eq!(result["ttlMs"], 0);
        }
    }
    let complete = json!({
        "ref": { "type": "ref/resource", "uri": "memory-bank://{+path}" },
        "argument": { "name": "path", "value": "" },
    });
    let fault = here.rpc("completion/complete", able(complete)).await;
    assert_eq!((fault.status, fault.code()), (500, -32603), "{}", fault.text);
}
