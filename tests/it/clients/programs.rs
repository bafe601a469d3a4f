//! The clients that are a library: a program of ours in their language holds the session.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{Era, Job, Official, Seen};
use crate::harness::{Process, TestKey};

pub(super) async fn session(
    client: Official,
    era: Era,
    server: &Process,
    key: &TestKey,
    job: &Job<'_>,
) -> Seen {
    let home = tempfile::tempdir().unwrap();
    let mut command = command(client, home.path());
    command.env("MBMCP_URL", format!("{}/mcp", server.url())).env("MBMCP_KEY", &key.key);
    command.env("MBMCP_ERA", if era == Era::Modern { "modern" } else { "legacy" });
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("run `make test`");
    let job = json!({ "calls": job.calls, "prefix": job.prefix }).to_string();
    child.stdin.take().unwrap().write_all(job.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{client:?}: {said}");
    super::check_no_login_began(home.path());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn command(client: Official, home: &Path) -> Command {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let package = match client {
        Official::TypeScript1 => "@modelcontextprotocol/sdk",
        Official::TypeScript2 => "@modelcontextprotocol/client",
        Official::McpRemote => "mcp-remote",
        Official::Python => {
            let mut command = Command::new(super::tools().join("python/bin/python"));
            command.arg(scripts.join("python/round.py"));
            command.envs([("NO_PROXY", "*"), ("no_proxy", "*")]).kill_on_drop(true);
            return command;
        }
        Official::Rmcp | Official::Inspector => panic!("{client:?} needs no program of ours"),
    };
    let mut command = super::node(home);
    command.arg(scripts.join("typescript/round.mjs")).env("MBMCP_CLIENT", package);
    command
}
