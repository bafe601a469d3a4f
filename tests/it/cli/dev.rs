//! `mbmcp dev`: one command, the same key and data again, nothing left behind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout};

use crate::harness::{Client, mbmcp};

struct Dev {
    child: Child,
    endpoint: String,
    key: String,
    /// Kept open: the server may print more.
    _output: BufReader<ChildStdout>,
}

impl Dev {
    async fn start(folder: &Path) -> Self {
        let mut command = mbmcp();
        command.args(["dev", "--data-dir"]).arg(folder).env("MCP_PORT", "0");
        command.env("PATH", "/usr/bin:/bin");
        Self::started(command).await
    }

    async fn started(mut command: tokio::process::Command) -> Self {
        command.env("LOG_LEVEL", "warn").stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (mut endpoint, mut key) = (String::new(), String::new());
        let mut line = String::new();
        while key.is_empty() {
            line.clear();
            assert_ne!(output.read_line(&mut line).await.unwrap(), 0, "it ended");
            let word = line.split_whitespace().last().unwrap_or_default().to_owned();
            if line.trim_start().starts_with("Endpoint") {
                endpoint = word;
            } else if line.trim_start().starts_with("API key") {
                key = word;
            }
        }
        Self { child, endpoint, key, _output: output }
    }

    async fn client(&self) -> Client {
        let mut client = Client::new(self.endpoint.trim_end_matches("/mcp"), &self.key);
        client.initialize().await;
        client
    }

    async fn interrupt(mut self) {
        let pid = Pid::from_raw(self.child.id().unwrap().try_into().unwrap());
        kill(pid, Signal::SIGINT).unwrap();
        assert!(self.child.wait().await.unwrap().success());
    }
}

#[tokio::test]
async fn a_second_run_has_the_same_key_and_data_and_an_interrupt_leaves_nothing() {
    let permissions = std::fs::Permissions::from_mode(0o711);
    let parent = tempfile::Builder::new().permissions(permissions).tempdir().unwrap();
    let folder = parent.path().join("data");

    let first = Dev::start(&folder).await;
    first.client().await.write("a.md", "kept").await;
    let key = first.key.clone();
    let mode = std::fs::metadata(folder.join("dev-key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // A second process on the same folder attaches.
    let second = Dev::start(&folder).await;
    assert_eq!(second.key, key);
    first.interrupt().await;
    let read = json!({ "filename": "a.md" });
    let attached = second.client().await.ok("read_memory_bank_file", read.clone()).await;
    assert_eq!(attached["content"], "kept");
    second.interrupt().await;
    assert!(!folder.join("pg/data/postmaster.pid").exists(), "Postgres was left behind");

    let third = Dev::start(&folder).await;
    assert_eq!(third.key, key);
    assert_eq!(third.client().await.ok("read_memory_bank_file", read).await["content"], "kept");
    third.interrupt().await;
    assert!(!folder.join("pg/data/postmaster.pid").exists(), "Postgres was left behind");
}

#[tokio::test]
async fn a_database_that_is_named_is_used_and_no_login_is_made_there() {
    let database = crate::harness::Database::empty().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = mbmcp();
    command.args(["dev", "--data-dir"]).arg(folder.path()).env("MCP_PORT", "0");
    command.env("DATABASE_URL", database.url(crate::harness::Login::Owner));
    let dev = Dev::started(command).await;
    dev.client().await.write("a.md", "x").await;
    dev.interrupt().await;
    let owner = database.connect(crate::harness::Login::Owner).await;
    let sql = "select (select count(*) from documents), \
               (select count(*) from pg_roles where rolname = 'mbmcp_server')";
    let row = owner.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 0));
    assert!(!folder.path().join("pg").exists(), "no private Postgres was made");
}

#[tokio::test]
async fn a_provider_without_its_address_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = mbmcp();
    command.args(["dev", "--data-dir"]).arg(folder.path()).env("DB_PROVIDER", "supabase");
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(!folder.path().join("pg").exists());
}
