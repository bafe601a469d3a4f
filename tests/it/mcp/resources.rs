//! Documents as resources, and their completion.

use serde_json::{Value, json};

use crate::harness::{Client, Database, Server};

async fn result(client: &Client, method: &str, params: Value) -> Value {
    let reply = client.rpc(method, params).await;
    let result = reply.json()["result"].clone();
    assert!(result.is_object(), "{method}: {}", reply.text);
    result
}

fn uris(listed: &Value) -> Vec<String> {
    let resources = listed["resources"].as_array().unwrap().iter();
    resources.map(|resource| resource["uri"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn documents_are_listed_core_ones_first_and_read_by_their_uris() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    client.write("a first.md", "# Ünïcode\r\n\u{1f600}").await;
    client.ok("initialize_memory_bank", json!({})).await;
    let listed = result(&client, "resources/list", json!({})).await;
    assert_eq!(
        uris(&listed),
        [
            "memory-bank://product-context",
            "memory-bank://active-context",
            "memory-bank://progress",
            "memory-bank://decision-log",
            "memory-bank://system-patterns",
            "memory-bank://a%20first.md",
        ]
    );
    assert_eq!(listed["resources"][5]["mimeType"], "text/markdown");
    assert_eq!(listed["resources"][5]["size"], 17);
    for uri in ["memory-bank://a%20first.md", "memory-bank://active-context.md"] {
        let read = result(&client, "resources/read", json!({ "uri": uri })).await;
        assert_eq!(read["contents"][0]["uri"], uri);
    }
    let read = result(&client, "resources/read", json!({ "uri": "memory-bank://a%20first.md" }));
    assert_eq!(read.await["contents"][0]["text"], "# Ünïcode\r\n\u{1f600}");

    let templates = result(&client, "resources/templates/list", json!({})).await;
    assert_eq!(templates["resourceTemplates"][0]["uriTemplate"], "memory-bank://{+path}");
}

#[tokio::test]
async fn pages_hold_every_document_once() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    client.ok("initialize_memory_bank", json!({})).await;
    for n in 0..120 {
        client.write(&format!("notes/{n:03}.md"), "x").await;
    }
    let (mut seen, mut params) = (Vec::new(), json!({}));
    loop {
        let page = result(&client, "resources/list", params).await;
        seen.extend(uris(&page));
        match page.get("nextCursor") {
            Some(cursor) => params = json!({ "cursor": cursor }),
            None => break,
        }
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((all, seen.len()), (125, 125));
    let foreign = client.rpc("resources/list", json!({ "cursor": "eA.eA" })).await;
    assert_eq!(foreign.code(), -32602);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    for uri in ["memory-bank://nothing.md", "memory-bank://../x", "https://example.test/", ""] {
        let reply = client.rpc("resources/read", json!({ "uri": uri })).await;
        assert_eq!((reply.status, reply.code()), (200, -32002), "{uri}");
        assert_eq!(reply.json()["error"]["data"]["uri"], uri);
    }
    let wrong = client.rpc("resources/read", json!({ "uri": 5 })).await;
    assert_eq!(wrong.code(), -32602);
}

#[tokio::test]
async fn names_are_completed_as_they_are_typed() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    for name in ["guides/deploy.md", "guides/debug.md", "notes.md"] {
        client.write(name, "x").await;
    }
    let complete = async |reference: Value, name: &str, value: &str| {
        let argument = json!({ "name": name, "value": value });
        client.rpc("completion/complete", json!({ "ref": reference, "argument": argument })).await
    };
    let template = json!({ "type": "ref/resource", "uri": "memory-bank://{+path}" });
    let found = complete(template.clone(), "path", "guides/de").await.json();
    let found = &found["result"]["completion"];
    assert_eq!(found["values"], json!(["guides/debug.md", "guides/deploy.md"]));
    assert_eq!(found["hasMore"], false);
    assert_eq!(complete(template.clone(), "nothing", "x").await.code(), -32602);
    assert_eq!(complete(template, "path", "a\u{0}").await.code(), -32602);
    let prompt = json!({ "type": "ref/prompt", "name": "record_decision" });
    let found = complete(prompt.clone(), "decision", "x").await.json();
    assert_eq!(found["result"]["completion"]["values"], json!([]));
    assert_eq!(complete(prompt, "nothing", "x").await.code(), -32602);
}

#[tokio::test]
async fn prompts_are_listed_and_filled_in() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let listed = result(&client, "prompts/list", json!({})).await;
    let names: Vec<&str> = listed["prompts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|prompt| prompt["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "start_conversation",
            "update_memory_bank",
            "record_decision",
            "review_context",
            "hand_off"
        ]
    );
    let get = async |params: Value| client.rpc("prompts/get", params).await;
    let decision = json!({ "decision": "We use $& and {{decision}}" });
    let filled = get(json!({ "name": "record_decision", "arguments": decision })).await.json();
    let message = &filled["result"]["messages"][0];
    assert_eq!(message["role"], "user");
    let text = message["content"]["text"].as_str().unwrap();
    assert!(text.contains("We use $& and {{decision}}"), "{text}");
    for wrong in [
        json!({ "name": "nothing" }),
        json!({ "name": "record_decision" }),
        json!({ "name": "record_decision", "arguments": { "decision": 5 } }),
        json!({ "name": "record_decision", "arguments": { "decision": "x".repeat(2001) } }),
        json!({}),
    ] {
        assert_eq!(get(wrong.clone()).await.code(), -32602, "{wrong}");
    }
    assert_eq!(get(json!({ "name": "start_conversation" })).await.status, 200);
}
