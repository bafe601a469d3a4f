//! Calls while the purge of a million events goes on, against calls while nothing is purged.

use std::time::{Duration, Instant};

use mbmcp::model::{Ambient, Clock};
use mbmcp::worker::Purge;
use serde_json::json;
use tokio_postgres::Client as Sql;

use crate::harness::{Client, Database, Login, Process};
use crate::print;
use crate::samples::Samples;
use crate::wire::{Prepared, load};

const EVENTS: i32 = 1_000_000;
const READERS: usize = 6;
const WRITERS: usize = 2;
/// Without and with, in turn, …
const TIME: Duration = Duration::from_secs(5);
/// … so many times.
const ROUNDS: usize = 5;

pub async fn measure() {
    let database = Database::new().await;
    // What is old is kept by the server itself, so that it is purged when that is measured.
    let variables = [("MCP_EVENT_RETENTION_HOURS", "2160"), ("DB_MAX_CONNECTIONS", "8")];
    let server = Process::serve(&database, &variables).await;
    let mut clients = Vec::new();
    for _ in 0..READERS + WRITERS {
        // A key each: together they exceed what one may call.
        let mut client = server.client(&database.editor("a").await);
        client.initialize().await;
        clients.push(client);
    }
    let text = "# Plan\nsome text of a document that is read again and again";
    clients[0].write("plan.md", text).await;
    let owner = database.connect(Login::Owner).await;
    tell(&database, &owner).await;
    let requests = requests(&clients);
    Calls::default().add(&requests).await;

    let purge = Purge {
        store: database.store().clone(),
        ambient: Ambient::default(),
        event_retention: Duration::from_hours(24),
        announce: Box::new(|| {}),
    };
    let (mut without, mut with) = (Calls::default(), Calls::default());
    let mut purging = Duration::ZERO;
    for _ in 0..ROUNDS {
        without.add(&requests).await;
        let began = Instant::now();
        tokio::select! {
            failed = purge.round() => assert!(failed.is_empty(), "{failed:?}"),
            () = with.add(&requests) => {}
        }
        purging += began.elapsed();
    }
    let purged = i64::from(EVENTS) - old(&owner).await;
    let rate = f64::from(i32::try_from(purged).unwrap()) / purging.as_secs_f64();
    print("events purged a second", &format!("{rate:.0}"), "> 100");
    for (what, without, with) in [
        ("reads", &mut without.reads, &mut with.reads),
        ("writes", &mut without.writes, &mut with.writes),
    ] {
        for percent in [50, 99] {
            let (before, during) = (without.percentile(percent), with.percentile(percent));
            let goal = if percent == 50 { "< 1.5" } else { "" };
            print(
                &format!("  p{percent} of {what} without, with, ms"),
                &format!("{before:.2}; {during:.2}"),
                "",
            );
            print(
                &format!("p{percent} of {what} while it is purged, of without"),
                &format!("{:.2}", during / before),
                goal,
            );
        }
    }
}

/// The times of calls that run beside each other.
#[derive(Default)]
struct Calls {
    reads: Samples,
    writes: Samples,
}

impl Calls {
    async fn add(&mut self, (readers, writers): &Requests) {
        let times = tokio::join!(load(readers, TIME), load(writers, TIME));
        self.reads.append(times.0);
        self.writes.append(times.1);
    }
}

/// What readers and writers send.
type Requests = (Vec<Vec<Prepared>>, Vec<Vec<Prepared>>);

fn requests(clients: &[Client]) -> Requests {
    let call = |client: &Client, tool: &str, arguments: serde_json::Value| {
        let params = json!({ "name": tool, "arguments": arguments });
        Prepared::of(client.streamed(1, "tools/call", params))
    };
    let read = |client: &Client| {
        vec![call(client, "read_memory_bank_file", json!({ "filename": "plan.md" }))]
    };
    let write = |(number, client): (usize, &Client)| {
        let file = format!("{number}.md");
        let text = |text: &str| json!({ "filename": file, "content": text.repeat(50) });
        ["some text", "other text"]
            .map(|words| call(client, "write_memory_bank_file", text(words)))
            .to_vec()
    };
    let (readers, writers) = clients.split_at(READERS);
    (readers.iter().map(read).collect(), writers.iter().enumerate().map(write).collect())
}

/// Tells a million events that are old.
async fn tell(database: &Database, owner: &Sql) {
    let at = Clock::default().now() - Duration::from_hours(25);
    database.tell(EVENTS, Duration::from_hours(24), at).await;
    for settle in ["vacuum analyze mcp_events", "vacuum analyze streams", "checkpoint"] {
        owner.batch_execute(settle).await.unwrap();
    }
}

async fn old(owner: &Sql) -> i64 {
    let old = "select count(*) from mcp_events where created_at < now() - interval '24 hours'";
    owner.query_one(old, &[]).await.unwrap().get(0)
}
