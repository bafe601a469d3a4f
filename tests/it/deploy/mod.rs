//! The deployment: the real Traefik with the files of `traefik/` before two real servers.

mod traefik_calls;
mod traefik_edge;
mod traefik_faults;

use serde_json::Value;

use crate::harness::{Client, Database, Process, TestKey, Traefik, eventually};

/// Two servers on one database, behind Traefik.
struct Stack {
    database: Database,
    key: TestKey,
    servers: [Process; 2],
    traefik: Traefik,
}

impl Stack {
    async fn start() -> Self {
        let database = Database::new().await;
        // As docker-compose.yml sets them.
        let variables =
            [("MCP_HOST", "0.0.0.0"), ("TRUST_PROXY_HOPS", "1"), ("TRUSTED_PROXIES", "")];
        let (one, two) = tokio::join!(
            Process::serve(&database, &variables),
            Process::serve(&database, &variables),
        );
        let traefik = Traefik::before([&one.url(), &two.url()]).await;
        let key = database.editor("a").await;
        Self { database, key, servers: [one, two], traefik }
    }

    /// A client with a session.
    async fn session(&self) -> Client {
        let mut client = self.traefik.client("/mcp", &self.key);
        client.initialize().await;
        client
    }

    /// The line of the call with this request id.
    async fn line(&self, id: &str) -> Value {
        let quoted = format!("\"{id}\"");
        eventually("the line of the call", async || {
            let logs = self.servers.each_ref().map(Process::log);
            let line =
                logs.iter().flat_map(|log| log.lines()).find(|line| line.contains(&quoted))?;
            Some(serde_json::from_str(line).unwrap())
        })
        .await
    }
}
