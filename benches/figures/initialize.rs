//! Opening a session, where the key has nearly as many as it may have, against where it has few.

use std::time::Instant;

use crate::harness::{Client, Database, Login, Process, TestKey};
use crate::print;
use crate::samples::{Samples, median};
use crate::wire::{Prepared, Wire};

const ROUNDS: usize = 5;
const CALLS: usize = 300;

pub async fn measure() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    let owner = database.connect(Login::Owner).await;
    let (few, many) = (database.editor("a").await, database.editor("b").await);
    let client = |key: &TestKey| Prepared::of(initialize(&server.client(key)));
    let (few_request, many_request) = (client(&few), client(&many));
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let mut times = Vec::new();
        for (key, request, there) in [(&few, &few_request, 0), (&many, &many_request, 690)] {
            fill(&owner, key, there).await;
            let (mut wire, mut samples) = (Wire::to(request).await, Samples::default());
            for _ in 0..CALLS {
                let began = Instant::now();
                wire.call(request).await;
                samples.add(began.elapsed());
            }
            times.push(samples.percentile(50));
        }
        print(
            "  p50 with few, with up to 990, ms",
            &format!("{:.2}; {:.2}", times[0], times[1]),
            "",
        );
        ratios.push(times[1] / times[0]);
    }
    print(
        "initialize with 700 to 990 sessions of the key, of few",
        &format!("{:.2}", median(ratios)),
        "about 1",
    );
}

pub fn initialize(client: &Client) -> reqwest::RequestBuilder {
    let params = serde_json::json!({
        "protocolVersion": "2025-11-25",
        "capabilities": { "roots": { "listChanged": true }, "elicitation": {} },
        "clientInfo": { "name": "bench", "version": "1.0.0" },
    });
    client.rpc_request("initialize", params)
}

/// Leaves `count` sessions to `key`, as autovacuum does.
async fn fill(owner: &tokio_postgres::Client, key: &TestKey, count: i32) {
    let (project, user) = (key.tenant.project().0, key.tenant.user().0);
    let delete = "delete from sessions where key_id = $1";
    owner.execute(delete, &[&key.id.0]).await.unwrap();
    let sql = "insert into sessions (project_id, id, user_id, key_id, protocol_version, expires_at)
               select $1, repeat(md5(n::text || $3::uuid::text), 2), $2, $3, '2025-11-25',
                      now() + interval '1 day' from generate_series(1, $4) n";
    owner.execute(sql, &[&project, &user, &key.id.0, &count]).await.unwrap();
    owner.batch_execute("vacuum analyze sessions").await.unwrap();
}
