//! What a key may do: its scopes, and its user's role now.

use mbmcp::model::{Role, Scope};
use serde_json::{Value, json};

use crate::harness::{Client, Database, Login, Server};

async fn tools(client: &Client) -> Vec<String> {
    let list = client.rpc("tools/list", json!({})).await.json();
    let names = list["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]);
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_key_without_the_right_neither_sees_nor_runs_a_tool() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let write = json!({ "filename": "a.md", "content": "x" });
    for (role, scope, reads, writes) in [
        (Role::Owner, Scope::Write, true, true),
        (Role::Editor, Scope::Write, true, true),
        (Role::Editor, Scope::Read, true, false),
        (Role::Viewer, Scope::Write, true, false),
        (Role::Viewer, Scope::Read, true, false),
        (Role::Owner, Scope::Admin, false, false),
    ] {
        let key = database.key("a", role, &[Scope::Read]).await;
        database.force_scopes(&key, &[scope]).await;
        let client = server.session(&key).await;
        let names = tools(&client).await;
        assert_eq!(names.contains(&"whoami".to_owned()), reads, "{role} {scope}");
        assert_eq!(names.contains(&"write_memory_bank_file".to_owned()), writes, "{role} {scope}");
        let reply = client.call("write_memory_bank_file", write.clone()).await;
        if writes {
            assert_eq!(reply.json()["result"]["isError"], false);
        } else {
            assert_eq!(reply.code(), -32602, "as an unknown tool: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn a_member_made_viewer_stops_writing_at_once_also_with_a_warm_key() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    client.write("a.md", "before").await;
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("update memberships set role = 'viewer'").await.unwrap();
    let write = json!({ "filename": "a.md", "content": "after" });
    assert_eq!(client.call("write_memory_bank_file", write).await.code(), -32602);
    let read = client.ok("read_memory_bank_file", json!({ "filename": "a.md" })).await;
    assert_eq!((&read["content"], &read["version"]), (&json!("before"), &json!(1)));
    assert_eq!(client.ok("whoami", json!({})).await["role"], "viewer");

    owner.batch_execute("delete from memberships").await.unwrap();
    assert_eq!(client.rpc("ping", json!({})).await.status, 404);
}

#[tokio::test]
async fn whoami_tells_what_the_key_stands_for() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let me: Value = server.session(&key).await.ok("whoami", json!({})).await;
    assert_eq!(me["project"], "a");
    assert_eq!(me["role"], "editor");
    assert_eq!(me["scopes"], json!(["read", "write"]));
    assert_eq!(me["keyId"], key.id.to_string());
    assert_eq!(me["toolsets"], json!(["documents"]));
    assert!(!me.to_string().contains(&key.key), "never the key itself");
}
