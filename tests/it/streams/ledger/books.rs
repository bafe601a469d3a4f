//! What the tables know of calls, held against what their clients know.

use std::collections::BTreeSet;

use tokio_postgres::Client as Postgres;

use super::reading::Reading;
use super::task::Task;
use crate::harness::{Database, Login};

/// A look behind the servers' back.
pub struct Books(Postgres);

impl Books {
    pub async fn of(database: &Database) -> Self {
        Self(database.connect(Login::Owner).await)
    }

    /// The number that `sql` gives.
    pub async fn count(&self, sql: &str) -> usize {
        let count: i64 = self.0.query_one(sql, &[]).await.unwrap().get(0);
        usize::try_from(count).unwrap()
    }

    /// Where the stream of a call begins, if it has one, for a client that read nothing of it.
    pub async fn beginning(&self, task: &Task) -> Option<String> {
        let sql = "select id::text || '.0' from streams where request_id = $1";
        let row = self.0.query_opt(sql, &[&task.id.to_string()]).await.unwrap();
        row.map(|row| row.get(0))
    }

    /// Each document has its answer, in the table and with the client, and each call that wrote
    /// none was answered otherwise, or never began.
    pub async fn check(&self, readings: &[Reading]) {
        let rows = self.0.query("select path from documents", &[]).await.unwrap();
        let documents: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
        for reading in readings {
            let Some(path) = &reading.task.document else { continue };
            assert_eq!(documents.contains(path), reading.succeeded(), "{reading:?}");
        }
        let unanswered = "select count(*) from documents d where not exists (select from streams s \
             join mcp_events e on e.project_id = s.project_id and e.stream_id = s.id \
             where d.path = 'call-' || s.request_id || '.md' and s.closed_at is not null \
             and e.seq = s.next_seq - 1 and e.payload->'result'->>'isError' = 'false')";
        let open = "select count(*) from streams where closed_at is null";
        for sql in [unanswered, open] {
            assert_eq!(self.count(sql).await, 0, "{sql}");
        }
    }
}
