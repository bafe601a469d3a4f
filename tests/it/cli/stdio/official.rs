//! The official TypeScript client over standard input and output, with a hosted server and with the
//! memory of this machine. `scripts/client-tools` installs it.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use super::passable_folder;
use crate::harness::{Database, Process, pg_bin};

async fn round(arguments: &[&str], variables: &[(&str, &str)]) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let tools = target.join("client-tools");
    assert!(tools.join("stamp").exists(), "no MCP clients: run `make test`");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/typescript/stdio.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(env!("CARGO_BIN_EXE_mbmcp")).args(arguments);
    command.current_dir(tools.join("typescript")).kill_on_drop(true);
    command.envs(variables.iter().copied());
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen["errors"], json!([]), "{said}");
    assert!(seen["tools"].as_array().unwrap().contains(&json!("search_memory_bank")), "{seen}");
    assert_eq!(seen["written"]["created"], true, "{seen}");
    assert_eq!(seen["read"]["etag"], seen["written"]["etag"], "{seen}");
    assert_eq!(seen["found"]["results"][0]["filename"], "decisions.md", "{seen}");
    assert_eq!(seen["resources"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen["completed"], json!(["decisions.md"]), "{seen}");
    assert_eq!(seen["running"], false, "it was left behind");
    // After two seconds the client would have sent a signal.
    assert!(seen["closed"].as_f64().unwrap() < 2000.0, "{}", seen["closed"]);
}

#[tokio::test]
async fn the_typescript_client_works_with_a_hosted_server() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    let key = database.editor("a").await.key;
    let url = format!("{}/mcp", server.url());
    round(&["stdio", "--url", &url], &[("MBMCP_KEY", &key)]).await;
}

#[tokio::test]
async fn the_typescript_client_works_with_the_memory_of_this_machine() {
    let parent = passable_folder();
    let folder = parent.path().join("data");
    let mut arguments = vec!["stdio", "--data-dir", folder.to_str().unwrap()];
    let bin = pg_bin();
    if let Some(bin) = &bin {
        arguments.extend(["--pg-bin", bin.to_str().unwrap()]);
    }
    round(&arguments, &[]).await;
    assert!(!folder.join("pg/data/postmaster.pid").exists(), "Postgres was left behind");
}
