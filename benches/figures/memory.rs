//! The memory of `mbmcp serve`: idle, with sessions, with streams.

use std::time::Duration;

use mbmcp::mcp::wire::Era;
use serde_json::json;

use crate::cost::memory;
use crate::harness::{Client, Database, Process};
use crate::initialize::initialize;
use crate::print;
use crate::wire::{Prepared, Wire};

const SESSIONS: usize = 10_000;
const KEYS: usize = 20;
const STREAMS: usize = 1000;

pub async fn measure() {
    let database = Database::new().await;
    sessions(&database).await;
    for era in [Era::Legacy, Era::Modern] {
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

async fn streams(database: &Database, era: Era) {
    let server = Process::serve(database, &[]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut requests = Vec::new();
    for _ in 0..KEYS {
        let key = database.editor("a").await;
        let client = Client::over(http.clone(), &format!("{}/mcp", server.url()), &key.key);
        for _ in 0..STREAMS / KEYS {
            requests.push(opening(era, client.clone()).await);
        }
    }
    let before = settled(&server).await;
    let mut open = Vec::new();
    for request in &requests {
        let mut wire = Wire::to(request).await;
        wire.listen(request).await;
        open.push(wire);
    }
    let each = settled(&server).await.saturating_sub(before) / u32::try_from(STREAMS).unwrap();
    print(&format!("{STREAMS} streams ({era:?}), KiB each"), &each.to_string(), "<= 20");
    drop(open);
    let left = settled(&server).await.saturating_sub(before);
    print("  left when they are gone, MiB", &mib(left), "");
}

/// What opens a stream of `client` that stays open: with a session of its own in the legacy era.
async fn opening(era: Era, mut client: Client) -> Prepared {
    Prepared::of(match era {
        Era::Legacy => {
            client.initialize().await;
            client.listening(None)
        }
        Era::Modern => {
            let lists = json!({ "toolsListChanged": true, "resourcesListChanged": true });
            let params = json!({ "notifications": lists });
            client.modern().rpc_request("subscriptions/listen", params)
        }
    })
}

/// The memory of the process's own, in KiB, once it has come to rest.
async fn settled(server: &Process) -> u32 {
    tokio::time::sleep(Duration::from_secs(3)).await;
    memory(server.id()).0
}

fn mib(kib: u32) -> String {
    format!("{:.1}", f64::from(kib) / 1024.0)
}
