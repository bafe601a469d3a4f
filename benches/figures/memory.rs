//! The memory of `mbmcp serve`: idle, with sessions, with streams.

use std::time::Duration;

use serde_json::json;

use crate::cost::memory;
use crate::harness::{Database, MODERN, Process, modern_meta};
use crate::initialize::initialize;
use crate::print;
use crate::wire::{Prepared, Wire};

const SESSIONS: usize = 10_000;
const KEYS: usize = 20;
const STREAMS: u32 = 1000;

pub async fn measure() {
    let database = Database::new().await;
    sessions(&database).await;
    for era in ["GET", "listen"] {
        streams(&database, era).await;
    }
}

async fn sessions(database: &Database) {
    let server = Process::serve(database, &[]).await;
    let idle = settled(&server).await;
    print("idle, all memory, MiB", &mib(memory(server.id()).1), "<= 40");
    let mut requests = Vec::new();
    for _ in 0..KEYS {
        requests.push(Prepared::of(initialize(&server.client(&database.editor("a").await))));
    }
    // What a first few cost is not for them.
    for (count, goal) in [(SESSIONS / 20, ""), (SESSIONS, "< 10")] {
        let each = count / KEYS;
        let clients = requests.iter().cloned().map(|request| {
            tokio::spawn(async move {
                let mut wire = Wire::to(&request).await;
                for _ in 0..each {
                    wire.call(&request).await;
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
        let grown = settled(&server).await.saturating_sub(idle);
        print(
            &format!("{count} more idle sessions, MiB more than at the start"),
            &mib(grown),
            goal,
        );
    }
}

async fn streams(database: &Database, era: &str) {
    let server = Process::serve(database, &[]).await;
    let mut requests = Vec::new();
    for n in 0..STREAMS {
        let key = if n % 100 == 0 { Some(database.editor("a").await) } else { None };
        let client = match &key {
            Some(key) => server.client(key),
            None => requests
                .last()
                .map(|(client, _): &(crate::harness::Client, Prepared)| client.clone())
                .unwrap(),
        };
        let (client, request) = if era == "GET" {
            let mut client = client;
            client.session = None;
            client.initialize().await;
            let request = Prepared::of(client.listening(None));
            (client, request)
        } else {
            let request = listen(&client);
            (client, request)
        };
        requests.push((client, request));
    }
    let before = settled(&server).await;
    let mut open = Vec::new();
    for (_, request) in &requests {
        let mut wire = Wire::to(request).await;
        wire.listen(request).await;
        open.push(wire);
    }
    let each = (settled(&server).await - before) / STREAMS;
    print(&format!("{STREAMS} {era} streams, KiB each"), &each.to_string(), "<= 20");
    drop(open);
    let left = settled(&server).await.saturating_sub(before);
    print("  left when they are gone, MiB", &mib(left), "");
}

fn listen(client: &crate::harness::Client) -> Prepared {
    let notifications = json!({ "toolsListChanged": true, "resourcesListChanged": true });
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": { "_meta": modern_meta(), "notifications": notifications },
    });
    let request = client.request(reqwest::Method::POST).header("content-type", "application/json");
    let request = request.header("mcp-protocol-version", MODERN);
    let request = request.header("mcp-method", "subscriptions/listen");
    let request = request.header("accept", "application/json, text/event-stream");
    Prepared::of(request.body(body.to_string()))
}

/// The memory of the process's own, in KiB, once it has come to rest.
async fn settled(server: &Process) -> u32 {
    tokio::time::sleep(Duration::from_secs(3)).await;
    memory(server.id()).0
}

fn mib(kib: u32) -> String {
    format!("{:.1}", f64::from(kib) / 1024.0)
}
