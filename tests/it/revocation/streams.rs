//! Streams end with the key that opened them, and not with what changes nothing of that.

use std::time::{Duration, Instant};

use mbmcp::app::Parts;
use mbmcp::mcp::MemoryBank;
use mbmcp::model::{Ambient, Clock, Role, Scope};
use reqwest::RequestBuilder;
use serde_json::json;
use tokio::time::timeout;

use super::DEADLINE;
use crate::harness::{Client, Database, Events, Login, Server, TestKey};
use crate::mcp::listen::listen;

const WRITE: &str = "write_memory_bank_file";

async fn opened(request: RequestBuilder) -> Events {
    Events::of(request.send().await.unwrap())
}

/// One stream of each kind, of which those of calls go on for as long as the document is held.
async fn one_of_each(client: &Client) -> Vec<(&'static str, Events)> {
    let arguments = json!({ "filename": "a.md", "content": "after" });
    let write = json!({ "name": WRITE, "arguments": arguments });
    let modern = client.modern();
    let mut called = opened(client.streamed(7, "tools/call", write.clone())).await;
    assert!(called.event().await.unwrap().id.is_some());
    let replayed = client.listen(called.last_id.as_deref()).await;
    vec![
        ("a GET", client.listen(None).await),
        ("a resumed call", replayed),
        ("a call", called),
        ("a modern call", opened(modern.rpc_request("tools/call", write)).await),
        ("a subscription", listen(&modern, json!({ "toolsListChanged": true })).await),
    ]
}

/// Waits for the end of each; gives how long after `since` the last one was.
async fn end(streams: Vec<(&'static str, Events)>, since: Instant) {
    for (kind, mut events) in streams {
        let ended = timeout(DEADLINE * 10, async { while events.event().await.is_some() {} }).await;
        assert!(ended.is_ok(), "{kind} goes on");
        assert!(since.elapsed() < DEADLINE, "{kind} ended after {:?}", since.elapsed());
    }
}

async fn session(server: &Server, key: &TestKey) -> Client {
    let client = server.session(key).await;
    client.write("a.md", "before").await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_stream_ends_within_a_second_on_any_replica() {
    for (sql, scopes) in [
        ("update api_keys set revoked_at = now() where id = $1", &[Scope::Read, Scope::Write][..]),
        ("update api_keys set scopes = array['read'] where id = $1", &[Scope::Read, Scope::Write]),
        (
            "delete from memberships m using api_keys k where k.id = $1 and k.user_id = m.user_id",
            &[Scope::Read, Scope::Write],
        ),
        (
            "update projects set deleted_at = now() from api_keys k where k.id = $1 and k.project_id = projects.id",
            &[Scope::Read, Scope::Write],
        ),
    ] {
        let database = Database::new().await;
        let (one, two) = (Server::on(&database).await, Server::on(&database).await);
        let key = database.key("a", Role::Editor, scopes).await;
        let client = session(&one, &key).await;
        let [blocker, superuser] =
            [database.connect(Login::Owner).await, database.connect(Login::Superuser).await];
        blocker.batch_execute("begin; select from documents for update").await.unwrap();
        let streams = one_of_each(&client.at(&two.url)).await;
        superuser.execute(sql, &[&key.id.0]).await.unwrap();
        end(streams, Instant::now()).await;
        blocker.batch_execute("rollback").await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_time_of_its_key_is_over() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let lifetime = Duration::from_secs(4);
    let key = database.key_for("a", Role::Editor, &[Scope::Read], Some(lifetime)).await;
    let over = Instant::now() + lifetime;
    let mut events = server.session(&key).await.listen(None).await;
    while events.event().await.is_some() {}
    assert!(Instant::now() < over + DEADLINE);
}

#[tokio::test]
async fn a_stream_goes_on_while_its_key_may_do_what_it_could() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let other = session(&server, &database.key("a", Role::Owner, &[Scope::Write]).await).await;
    let mut events = session(&server, &key).await.listen(None).await;
    assert!(events.event().await.unwrap().id.is_some());
    let superuser = database.connect(Login::Superuser).await;
    superuser.batch_execute("update api_keys set label = 'x', rate_limit = 9999").await.unwrap();
    superuser
        .batch_execute("update memberships set role = 'viewer' where role = 'editor'")
        .await
        .unwrap();
    superuser.batch_execute("update projects set slug = 'another'").await.unwrap();
    database.editor("b").await;
    superuser.batch_execute("update api_keys set revoked_at = now() where project_id <> (select id from projects where slug = 'another')").await.unwrap();
    // Twice as long as it would take to end it.
    tokio::time::sleep(DEADLINE).await;
    other.write("new.md", "x").await;
    let told = async {
        while let Some(message) = events.message().await {
            if message["method"] == "notifications/resources/list_changed" {
                return true;
            }
        }
        false
    };
    assert!(timeout(DEADLINE * 10, told).await.unwrap(), "it has ended");
}

#[tokio::test]
async fn a_stream_whose_key_is_revoked_while_changes_may_be_missed_ends_too() {
    let database = Database::new().await;
    let clock = Clock::fixed(Clock::default().now());
    let ambient = Ambient { clock: clock.clone(), ..Ambient::default() };
    let parts = Parts::of(Box::new(MemoryBank::new().unwrap()));
    let server = Server::amid(ambient, parts, &database.url(Login::Server), &[]).await.unwrap();
    let (key, superuser) = (database.editor("a").await, database.connect(Login::Superuser).await);
    let lists = json!({ "toolsListChanged": true });
    let stream = listen(&server.client(&key).modern(), lists).await;
    let changes = "execute on function app.read_key_changes(text)";
    superuser.batch_execute(&format!("revoke {changes} from app_server")).await.unwrap();
    clock.advance(Duration::from_hours(2));
    let sql = "update api_keys set revoked_at = now() where id = $1";
    superuser.execute(sql, &[&key.id.0]).await.unwrap();
    superuser.batch_execute(&format!("grant {changes} to app_server")).await.unwrap();
    end(vec![("a subscription", stream)], Instant::now()).await;
}
