//! A read of a session that is answered by a stream, whose event is stored, against one that is answered
//! by JSON.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::cost::{cpu, postgres_cpu};
use crate::harness::{Database, Login, Process};
use crate::print;
use crate::samples::median;
use crate::wire::{Prepared, load};

const CLIENTS: u32 = 16;
const TIME: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;

pub async fn measure() {
    let database = Database::new().await;
    let watcher = database.connect(Login::Owner).await;
    let mut servers = Vec::new();
    for mode in ["true", "false"] {
        let variables = [("MCP_JSON_RESPONSE", mode), ("DB_MAX_CONNECTIONS", "8")];
        let server = Process::serve(&database, &variables).await;
        let mut requests = Vec::new();
        for _ in 0..CLIENTS {
            // A key and a session each: together they exceed what one key may call.
            let mut client = server.client(&database.editor("a").await);
            client.initialize().await;
            let text = "# Plan\nsome text of a document that is read again and again";
            client.write("plan.md", text).await;
            let params =
                json!({ "name": "read_memory_bank_file", "arguments": { "filename": "plan.md" } });
            requests.push(vec![Prepared::of(client.streamed(1, "tools/call", params))]);
        }
        load(&requests, TIME / 3).await;
        servers.push((server, requests));
    }
    let (mut rates, mut costs, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut round = Vec::new();
        for (server, requests) in &servers {
            // As autovacuum does each minute.
            watcher.batch_execute("analyze streams, mcp_events").await.unwrap();
            let used = async || cpu(server.id()) + postgres_cpu(&watcher).await;
            let (before, began) = (used().await, Instant::now());
            let mut samples = load(requests, TIME).await;
            let count = f64::from(u32::try_from(samples.count()).unwrap());
            let rate = count / began.elapsed().as_secs_f64();
            let each = used().await.saturating_sub(before).as_secs_f64() * 1e6 / count;
            let middle = samples.percentile(50);
            print(
                "  calls a second; CPU of both, µs; p50, ms",
                &format!("{rate:.0}; {each:.0}; {middle:.2}"),
                "",
            );
            round.push((rate, each, middle));
        }
        rates.push(round[1].0 / round[0].0);
        costs.push(round[0].1 / round[1].1);
        latencies.push(round[0].2 / round[1].2);
    }
    print(
        "streamed answers of a read, of JSON ones (calls a second)",
        &format!("{:.2}", median(rates)),
        ">= 0.6",
    );
    print("the same by CPU of server and Postgres", &format!("{:.2}", median(costs)), ">= 0.6");
    print("the same by median latency", &format!("{:.2}", median(latencies)), "");
}
