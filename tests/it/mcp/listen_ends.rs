//! How `subscriptions/listen` ends: by a result, or with its client, and nothing of it stays.

use std::time::{Duration, Instant};

use mbmcp::mcp::wire::meta;
use mbmcp::model::{Role, Scope};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::listen::{listen, listening};
use crate::harness::{Client, Database, Events, Login, Process, Server, eventually};

fn everything() -> Value {
    json!({
        "toolsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": ["memory-bank://plan.md"],
    })
}

/// The stream ends by its result, with nothing before it.
async fn ends(events: &mut Events) {
    let messages = events.rest().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    let last = &messages[0];
    assert_eq!((&last["jsonrpc"], &last["id"]), (&json!("2.0"), &json!("listen")), "{last}");
    let result = &last["result"];
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["_meta"][meta::SUBSCRIPTION_ID], "listen");
    assert_eq!(result["_meta"][meta::SERVER_INFO]["name"], "memory-bank-mcp");
    assert_eq!(result.as_object().unwrap().len(), 2, "{last}");
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await).modern();
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(listen(&client, everything()).await);
    }
    server.lifecycle.stopping.cancel();
    for events in &mut streams {
        ends(events).await;
    }
    let finished = timeout(Duration::from_secs(10), server.lifecycle.drained.cancelled()).await;
    finished.expect("nothing is waited for");
}

#[tokio::test]
async fn a_process_that_is_asked_to_stop_ends_its_streams_and_then_itself() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    let client = server.client(&database.editor("a").await).modern();
    let mut events = listen(&client, everything()).await;
    let process = nix::unistd::Pid::from_raw(server.id().cast_signed());
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGTERM).unwrap();
    ends(&mut events).await;
    eventually("the end of the process", async || {
        reqwest::get(format!("{}/live", server.url())).await.is_err().then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_loses_a_right_that_a_stream_takes_hears_no_more() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let superuser = database.connect(Login::Superuser).await;
    for (number, change) in [
        "update api_keys set revoked_at = now()",
        "update api_keys set expires_at = now() - interval '1 second'",
        "update api_keys set scopes = array['admin']",
        "delete from memberships",
    ]
    .into_iter()
    .enumerate()
    {
        let key = database.key(&format!("p{number}"), Role::Owner, &[Scope::Read]).await;
        let mut events = listen(&server.client(&key).modern(), everything()).await;
        superuser.execute(change, &[]).await.unwrap();
        ends(&mut events).await;
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_key() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let lifetime = Duration::from_secs(5);
    let key = database.key_for("a", Role::Editor, &[Scope::Read], Some(lifetime)).await;
    let mut events = listen(&server.client(&key).modern(), everything()).await;
    ends(&mut events).await;
}

/// When Postgres was last asked what happened.
/// Whether anyone asks for signals within `time`: who does waits for a lock.
async fn is_asked(database: &Database, time: Duration) -> bool {
    let [blocker, watcher] =
        [database.connect(Login::Superuser).await, database.connect(Login::Superuser).await];
    blocker.batch_execute("begin; lock table signals").await.unwrap();
    let waiting = "select from pg_stat_activity where datname = current_database() \
                   and wait_event_type = 'Lock' and query like '%app.read_signals%'";
    let end = Instant::now() + time;
    while Instant::now() < end {
        if !watcher.query(waiting, &[]).await.unwrap().is_empty() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn nothing_stays_of_a_client_that_has_left() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await).modern();
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(listen(&client, everything()).await);
    }
    let mut noisy = Vec::new();
    for beside in ["", "\r\n", "POST /mcp HTTP/1.1\r\n"] {
        noisy.push(listen_by_hand(&server, &client, beside).await);
    }
    // While somebody listens it is asked again and again.
    for _ in 0..3 {
        assert!(is_asked(&database, Duration::from_secs(5)).await);
    }
    drop((streams, noisy));
    eventually("the last look", async || {
        (!is_asked(&database, Duration::from_millis(900)).await).then_some(())
    })
    .await;
    assert_eq!(server.lifecycle.tasks.len(), 0);
    still_serves(&client).await;
}

/// A connection that listens and has sent something beside, which nobody reads.
async fn listen_by_hand(server: &Server, client: &Client, beside: &str) -> TcpStream {
    let request = listening(client, &json!("listen"), &everything()).build().unwrap();
    let lines = request.headers().iter();
    let lines = lines.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()));
    let head = format!("POST /mcp HTTP/1.1\r\nHost: a\r\n{}", lines.collect::<String>());
    let body = std::str::from_utf8(request.body().unwrap().as_bytes().unwrap()).unwrap();
    let message = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(message.as_bytes()).await.unwrap();
    let (mut answer, mut buffer) = (String::new(), [0; 4096]);
    while !answer.contains("acknowledged") {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "{answer}");
        answer.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    stream.write_all(beside.as_bytes()).await.unwrap();
    stream
}

async fn still_serves(client: &Client) {
    let mut events = listen(client, everything()).await;
    client.write("plan.md", "# Plan").await;
    assert_eq!(events.message().await.unwrap()["method"], "notifications/resources/list_changed");
}
