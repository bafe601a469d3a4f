//! Sessions of a project: seen and ended by who administers it, never by their ids.

use mbmcp::model::{Role, Scope};
use serde_json::{Value, json};

use super::{Office, handle};
use crate::harness::{Client, Database, Login, RestClient};

const SESSIONS: &str = "/projects/a/sessions";

fn path(client: &Client) -> String {
    format!("{SESSIONS}/{}", handle(client.session.as_deref().unwrap()))
}

#[tokio::test]
async fn the_sessions_of_all_members_are_listed_without_what_opens_them() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let editor = database.editor("a").await;
    let viewer = database.key("a", Role::Viewer, &[Scope::Read]).await;
    let clients = [office.server.session(&editor).await, office.server.session(&viewer).await];
    let theirs = office.server.session(&database.editor("b").await).await;
    // No client of the modern era has one.
    office.server.client(&editor).modern().rpc("tools/list", json!({})).await;

    for admin in [&office.owner, &office.platform] {
        let listed = admin.get(SESSIONS).await;
        let items = listed.json()["items"].as_array().unwrap().clone();
        assert_eq!(items.len(), 2, "{}", listed.text);
        for ((client, key), item) in clients.iter().zip([&editor, &viewer]).zip(&items) {
            assert_eq!(item["id"], json!(handle(client.session.as_deref().unwrap())));
            assert_eq!(item["userId"], json!(key.tenant.user()));
            assert_eq!((&item["email"], &item["keyId"]), (&json!(key.user), &json!(key.id)));
            assert_eq!((&item["clientName"], &item["clientVersion"]), (&json!("it"), &json!("1")));
            assert_eq!(item["protocolVersion"], "2025-11-25");
            assert!(item["expiresAt"].as_str() > item["createdAt"].as_str());
        }
        for client in clients.iter().chain([&theirs]) {
            assert!(!listed.text.contains(client.session.as_deref().unwrap()));
        }
        // What is listed opens nothing.
        let stolen = clients[0].with_session(items[0]["id"].as_str().unwrap());
        assert_eq!(stolen.rpc("ping", json!({})).await.status, 404);
    }
    let superuser = database.connect(Login::Superuser).await;
    superuser.batch_execute("update sessions set expires_at = now()").await.unwrap();
    for admin in [&office.owner, &office.platform] {
        assert_eq!(admin.get(SESSIONS).await.json()["items"], json!([]));
        assert_eq!(admin.delete(&path(&clients[0])).await.status, 404, "it has ended by itself");
    }
}

#[tokio::test]
async fn a_session_is_ended_for_its_client_and_no_other() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let editor = database.editor("a").await;
    let theirs = office.server.session(&database.editor("b").await).await;
    for (admin, kind) in [(&office.owner, "key"), (&office.platform, "platform")] {
        let [client, other] =
            [office.server.session(&editor).await, office.server.session(&editor).await];
        assert_eq!(admin.delete(&path(&theirs)).await.status, 404);
        assert_eq!(admin.delete(&path(&client)).await.status, 204);
        assert_eq!(admin.delete(&path(&client)).await.status, 404);
        assert_eq!(client.rpc("ping", json!({})).await.status, 404);
        assert_eq!(other.rpc("ping", json!({})).await.status, 200);
        assert_eq!(theirs.rpc("ping", json!({})).await.status, 200);
        let audit = office.owner.get("/projects/a/audit?action=session.end&limit=1").await.json();
        let entry = &audit["items"][0];
        let id = json!(handle(client.session.as_deref().unwrap()));
        assert_eq!((&entry["actorKind"], &entry["targetId"]), (&json!(kind), &id));
        let before = json!({ "userId": editor.tenant.user(), "clientName": "it" });
        assert_eq!(entry["before"], before);
        assert!(!audit.to_string().contains(client.session.as_deref().unwrap()));
        other.delete().await;
    }
}

#[tokio::test]
async fn a_list_has_pages() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let editor = database.editor("a").await;
    let mut open = Vec::new();
    for _ in 0..5 {
        let client = office.server.session(&editor).await;
        open.push(json!(handle(client.session.as_deref().unwrap())));
    }
    for admin in [&office.owner, &office.platform] {
        let mut seen: Vec<Value> = Vec::new();
        let mut next = format!("{SESSIONS}?limit=2");
        loop {
            let page = admin.get(&next).await.json();
            seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            next = format!("{SESSIONS}?limit=2&cursor={cursor}");
        }
        assert_eq!(seen, open);
    }
}

#[tokio::test]
async fn who_is_no_owner_sees_and_ends_none() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let client = office.server.session(&database.editor("a").await).await;
    for role in [Role::Viewer, Role::Editor] {
        let key = database.key("a", role, &[Scope::Read]).await;
        database.force_scopes(&key, &[Scope::Admin]).await;
        let member = RestClient::new(&office.server, &key.key);
        assert_eq!(member.get(SESSIONS).await.status, 403);
        assert_eq!(member.delete(&path(&client)).await.status, 403);
    }
    assert_eq!(client.rpc("ping", json!({})).await.status, 200);
}
