//! What 20 projects notice of one that calls fifty times as often as each of them, where no limit stops it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Database, Process};
use crate::print;
use crate::samples::{Samples, median};
use crate::wire::{Prepared, Wire};

const QUIET: u32 = 20;
/// How often each of the quiet ones calls.
const PAUSE: Duration = Duration::from_millis(50);
/// Connections of the loud one, each with a fiftieth of its calls.
const LOUD: u32 = 50;
const TIME: Duration = Duration::from_secs(10);
const ROUNDS: usize = 5;

pub async fn measure() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    let mut requests = Vec::new();
    for number in 0..=QUIET {
        let mut client = server.client(&database.editor(&format!("p{number}")).await);
        client.initialize().await;
        client.write("plan.md", "# Plan\nsome text of a document that is read again").await;
        let params =
            json!({ "name": "read_memory_bank_file", "arguments": { "filename": "plan.md" } });
        requests.push(Prepared::of(client.modern().rpc_request("tools/call", params)));
    }
    let loud = requests.pop().unwrap();
    let loud = vec![loud; usize::try_from(LOUD).unwrap()];
    // So that all is connected and prepared.
    tokio::join!(paced(&requests), paced(&loud));
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let mut alone = paced(&requests).await;
        let (mut beside, noise) = tokio::join!(paced(&requests), paced(&loud));
        let [before, with] = [&mut alone, &mut beside].map(|samples| samples.percentile(99));
        let calls = (beside.count(), noise.count());
        print(
            "  p99 alone, beside the loud one, ms; calls of 20, of the one",
            &format!("{before:.2}; {with:.2}; {}; {}", calls.0, calls.1),
            "",
        );
        ratios.push(with / before);
    }
    print(
        "p99 of 20 projects beside one at 50 times their rate, of alone",
        &format!("{:.2}", median(ratios)),
        "<= 2",
    );
}

/// Sends each of `requests` once each [`PAUSE`], evenly spread. A call that is late because the one before
/// it was slow counts from when it should have been sent.
async fn paced(requests: &[Prepared]) -> Samples {
    let start = Instant::now();
    let spread = PAUSE / u32::try_from(requests.len()).unwrap();
    let clients = requests.iter().cloned().zip(0..).map(|(request, number)| {
        tokio::spawn(async move {
            let (mut wire, mut samples) = (Wire::to(&request).await, Samples::default());
            let first = start + spread * number;
            for call in 0.. {
                let due = first + PAUSE * call;
                if due >= start + TIME {
                    break;
                }
                tokio::time::sleep_until(due.into()).await;
                wire.call(&request).await;
                samples.add(due.elapsed());
            }
            samples
        })
    });
    let mut all = Samples::default();
    for client in clients.collect::<Vec<_>>() {
        all.append(client.await.unwrap());
    }
    all
}
