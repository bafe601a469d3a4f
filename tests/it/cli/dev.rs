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
        command.env("PATH", "/usr/bin:/bin").env("LOG_LEVEL", "warn").stdout(Stdio::piped());
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
