//! What processes use, as Linux tells it.

use std::fs;
use std::time::Duration;

use tokio_postgres::Client as Sql;

/// What the kernel counts CPU time in: a hundredth of a second, on every Linux of today.
const TICK: Duration = Duration::from_millis(10);

/// The CPU time that the process `id` has used.
pub fn cpu(id: u32) -> Duration {
    // A process that has ended uses none.
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    TICK * ticks.map(|ticks| ticks.parse::<u32>().unwrap()).sum()
}

/// The CPU time that the server processes of the database have used, but for that of `watcher`.
pub async fn postgres_cpu(watcher: &Sql) -> Duration {
    let sql = "select pid from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()";
    let rows = watcher.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| cpu(u32::try_from(row.get::<_, i32>(0)).unwrap())).sum()
}

/// The memory of the process `id` that is not shared with a file, and all of it, in KiB.
pub fn memory(id: u32) -> (u32, u32) {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let of = |name: &str| -> u32 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (of("RssAnon:"), of("VmRSS:"))
}
