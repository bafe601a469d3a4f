//! `mbmcp stdio`: the real binary, line by line.

mod crowd;
mod eras;
mod hosted;
mod local;
mod modern;
mod network;
mod official;
mod recorder;
mod sessions;

use std::path::Path;
use std::process::Stdio as Pipe;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::harness::mbmcp;

/// The longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `mbmcp stdio` and its client's ends.
pub struct Stdio {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    log: tempfile::NamedTempFile,
}

impl Stdio {
    /// Starts `command`.
    pub fn spawn(mut command: Command) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        command.stdin(Pipe::piped()).stdout(Pipe::piped()).stderr(log.reopen().unwrap());
        let mut child = command.spawn().expect("the binary starts");
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { input: child.stdin.take(), child, output, log }
    }

    /// A bridge to the server at `url`.
    pub fn hosted(url: &str, key: &str) -> Self {
        let mut command = mbmcp();
        command.args(["stdio", "--url", &format!("{url}/mcp")]).env("MBMCP_KEY", key);
        Self::spawn(command)
    }

    /// The memory of this machine, in `folder`.
    pub fn local(folder: &Path) -> Self {
        let mut command = mbmcp();
        command.args(["stdio", "--data-dir"]).arg(folder).env("PATH", "/usr/bin:/bin");
        if let Some(bin) = crate::harness::pg_bin() {
            command.arg("--pg-bin").arg(bin);
        }
        Self::spawn(command)
    }

    /// Writes a line as it is.
    pub async fn line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        let line = format!("{line}\n");
        let written = timeout(PATIENCE, input.write_all(line.as_bytes())).await;
        written.expect("the input is read").unwrap();
    }

    /// Writes a request.
    pub async fn send(&mut self, id: u32, method: &str, params: Value) {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.line(&request.to_string()).await;
    }

    /// Writes a notification.
    pub async fn notify(&mut self, method: &str, params: Value) {
        let note = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        self.line(&note.to_string()).await;
    }

    /// The next line, which must be a message.
    pub async fn next(&mut self) -> Value {
        let line = timeout(PATIENCE, self.output.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("no answer: {}", self.log())).unwrap();
        let line = line.unwrap_or_else(|| panic!("it ended: {}", self.log()));
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    /// Sends a request and gives its answer, which must be the next line but for what the server tells
    /// by itself.
    pub async fn ask(&mut self, id: u32, method: &str, params: Value) -> Value {
        self.send(id, method, params).await;
        let answer = self.answer().await;
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// The next answer.
    pub async fn answer(&mut self) -> Value {
        loop {
            let message = self.next().await;
            if message.get("method").is_none() {
                return message;
            }
        }
    }

    /// Calls a tool that must succeed and gives its structured result.
    pub async fn call(&mut self, id: u32, tool: &str, arguments: Value) -> Value {
        let answer =
            self.ask(id, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        answer["result"]["structuredContent"].clone()
    }

    /// The handshake of the legacy era.
    pub async fn initialize(&mut self) -> Value {
        let answer = self.ask(0, "initialize", introduction()).await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
        self.notify("notifications/initialized", json!({})).await;
        answer
    }

    /// What it has said on standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().unwrap().try_into().unwrap());
        kill(pid, signal).unwrap();
    }

    /// Closes the input.
    pub fn close(&mut self) {
        self.input = None;
    }

    /// Closes the input and waits for the end, which must be in order; all lines not yet read.
    pub async fn end(mut self) -> Vec<Value> {
        self.close();
        self.ended().await
    }

    /// Waits for the end, which must be in order; what came before it, but for news of lists.
    pub async fn ended(&mut self) -> Vec<Value> {
        let mut rest = Vec::new();
        let reading = async {
            while let Some(line) = self.output.next_line().await.unwrap() {
                let message: Value =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
                if message["method"] != "notifications/resources/list_changed" {
                    rest.push(message);
                }
            }
            self.child.wait().await.unwrap()
        };
        let status = timeout(PATIENCE, reading).await.expect("it ends");
        assert!(status.success(), "{status}: {}", self.log());
        rest
    }
}

/// The parameters of `initialize`.
pub fn introduction() -> Value {
    json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "stdio-test", "version": "1" },
    })
}

/// `params` of the modern era.
pub fn with_meta(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "stdio-test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

/// A folder that a private Postgres may use, also as root.
pub fn passable_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(0o711);
    tempfile::Builder::new().permissions(permissions).tempdir().unwrap()
}
