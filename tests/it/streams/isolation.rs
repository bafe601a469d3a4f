//! Sessions, streams and events of another, real or guessed: one same answer in each era.

use mbmcp::model::{Role, Scope};
use serde_json::json;

use crate::harness::{Client, Database, MODERN, Reply, Server};

const WRITE: &str = "write_memory_bank_file";

/// What tells of the request itself, or of how many there were.
const VARYING: [&str; 5] =
    ["date", "x-request-id", "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"];

/// What a caller can tell two answers apart by.
async fn seen(request: reqwest::RequestBuilder) -> (u16, Vec<(String, String)>, String) {
    let reply = Reply::of(request).await;
    let headers = reply.headers.iter().filter(|(name, _)| !VARYING.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect();
    (reply.status, headers, reply.text)
}

/// A finished call of a session: its id, and the ids of its events.
async fn finished(client: &Client) -> (String, Vec<String>) {
    let arguments = json!({ "filename": "plan.md", "content": "secret" });
    let mut stream = client.stream(1, WRITE, arguments).await;
    stream.rest().await;
    let last = stream.last_id.unwrap();
    let (id, _) = last.split_once('.').unwrap();
    (client.session.clone().unwrap(), vec![format!("{id}.0"), format!("{id}.1"), last])
}

#[tokio::test]
async fn what_is_anothers_is_answered_like_what_never_was() {
    let database = Database::new().await;
    let (one, two) = (Server::on(&database).await, Server::on(&database).await);
    let alice = one.session(&database.editor("a").await).await;
    let (session, events) = finished(&alice).await;
    let again = alice.listening(Some(&events[0])).send().await.unwrap();
    assert!(again.text().await.unwrap().contains("\"result\""), "the owner's own");

    let colleague = database.key("a", Role::Owner, &[Scope::Read, Scope::Write]).await;
    let stranger = database.editor("b").await;
    let guessed = ["0196f000-0000-7000-8000-000000000000.0", "nonsense"].map(str::to_owned);
    let events: Vec<&String> = events.iter().chain(&guessed).collect();
    for key in [&colleague, &stranger] {
        for server in [&one, &two] {
            let own = server.session(key).await;
            let foreign = own.with_session(&session);
            let unknown = own.with_session(&"0".repeat(43));
            let (gone, nothing) = (unknown.listening(None), own.listening(Some("nonsense")));
            let (gone, nothing) = (seen(gone).await, seen(nothing).await);
            assert_eq!((gone.0, nothing.0), (404, 400));
            assert_eq!(seen(foreign.listening(None)).await, gone);
            for event in &events {
                // In their session, and in one's own.
                assert_eq!(seen(foreign.listening(Some(event))).await, gone, "{event}");
                assert_eq!(seen(unknown.listening(Some(event))).await, gone, "{event}");
                assert_eq!(seen(own.listening(Some(event))).await, nothing, "{event}");
            }
        }
    }
}

#[tokio::test]
async fn the_modern_era_knows_no_sessions_and_no_events() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let alice = server.session(&database.editor("a").await).await;
    let (session, events) = finished(&alice).await;
    let stranger = server.client(&database.editor("b").await);
    let get = |session: &str, event: &str| {
        let request = stranger.with_session(session).listening(Some(event));
        request.header("mcp-protocol-version", MODERN)
    };
    let refused = seen(get("none", "none")).await;
    assert_eq!(refused.0, 405);
    assert_eq!(seen(get(&session, &events[0])).await, refused);
    let list = |session: &str, event: &str| {
        let request = stranger.modern().rpc_request("resources/list", json!({}));
        request.header("mcp-session-id", session).header("last-event-id", event)
    };
    let listed = seen(list("none", "none")).await;
    assert_eq!(listed.0, 200);
    assert_eq!(seen(list(&session, &events[0])).await, listed);
    assert!(!listed.2.contains("plan.md"));
}

#[tokio::test]
async fn an_answer_to_a_question_counts_from_whom_was_asked_alone() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let alice = server.session(&database.editor("a").await).await;
    let asked = uuid(&database, &alice).await;
    let answer = json!({ "jsonrpc": "2.0", "id": asked, "result": { "action": "accept" } });
    let colleague = database.key("a", Role::Owner, &[Scope::Read, Scope::Write]).await;
    for key in [&colleague, &database.editor("b").await] {
        let own = server.session(key).await;
        assert_eq!(own.post(answer.to_string()).await.status, 202);
        let foreign = own.with_session(alice.session.as_deref().unwrap());
        assert_eq!(foreign.post(answer.to_string()).await.status, 404);
    }
    // Another session of the same user was not asked either.
    let other = server.session(&database.editor("a").await).await;
    assert_eq!(other.post(answer.to_string()).await.status, 202);
    assert!(!is_answered(&database).await);
    assert_eq!(alice.post(answer.to_string()).await.status, 202);
    assert!(is_answered(&database).await);
}

/// Something that the client of `alice` is asked.
async fn uuid(database: &Database, alice: &Client) -> String {
    let owner = database.connect(crate::harness::Login::Superuser).await;
    let sql = "insert into client_requests (project_id, id, user_id, session_id) \
               select project_id, gen_random_uuid(), user_id, id from sessions where id = $1 \
               returning id::text";
    owner.query_one(sql, &[&alice.session]).await.unwrap().get(0)
}

async fn is_answered(database: &Database) -> bool {
    let owner = database.connect(crate::harness::Login::Superuser).await;
    let sql = "select answer is not null from client_requests";
    owner.query_one(sql, &[]).await.unwrap().get(0)
}
