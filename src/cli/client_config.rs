//! `mbmcp client-config`: ready-to-paste configuration, in each client's documented format.

use clap::ValueEnum;
use serde_json::{Value, json};

use super::dev_files::DevFiles;
use super::{Failure, output, variables};

/// Where `mbmcp dev` answers.
const DEV_ENDPOINT: &str = "http://127.0.0.1:3100/mcp";

/// Arguments of `mbmcp client-config`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The client
    client: Client,
    /// The endpoint; that of `mbmcp dev`, if not given
    #[arg(long)]
    url: Option<String>,
    /// The API key; that of `mbmcp dev`, if not given
    #[arg(long)]
    key: Option<String>,
}

/// A client whose format is known.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Client {
    /// A command to run
    ClaudeCode,
    /// For `.cursor/mcp.json`
    Cursor,
    /// For `.vscode/mcp.json`
    Vscode,
    /// For `~/.codeium/windsurf/mcp_config.json`
    Windsurf,
    /// For `~/.codex/config.toml`
    Codex,
    /// For `~/.gemini/settings.json`
    Gemini,
    /// For clients that start a program: this one; without --url with the memory of this machine
    Stdio,
    /// For clients that start a program, where this one is not: the bridge `mcp-remote`
    McpRemote,
}

/// Prints the configuration.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if let (Client::Stdio, None) = (args.client, &args.url) {
        output::data(&servers(&json!({ "command": "mbmcp", "args": ["stdio"] })));
        return Ok(());
    }
    let key = match &args.key {
        Some(key) => key.clone(),
        None => dev_key()?,
    };
    let url = args.url.as_deref().unwrap_or(DEV_ENDPOINT);
    output::data(&snippet(args.client, url, &key));
    Ok(())
}

fn dev_key() -> Result<String, Failure> {
    let files = DevFiles::new(DevFiles::default_folder(&variables()?)?);
    let missing = || Failure::new("there is no key of `mbmcp dev` yet: pass yours with --key");
    files.key()?.ok_or_else(missing)
}

/// The configuration of `client`, in the format that its documentation gives.
pub(super) fn snippet(client: Client, url: &str, key: &str) -> String {
    let headers = json!({ "X-API-Key": key });
    match client {
        Client::ClaudeCode => format!(
            "claude mcp add --transport http memory-bank {url} --header \"X-API-Key: {key}\""
        ),
        Client::Cursor => servers(&json!({ "url": url, "headers": headers })),
        Client::Vscode => pretty(&json!({
            "servers": { "memory-bank": { "type": "http", "url": url, "headers": headers } }
        })),
        Client::Windsurf => servers(&json!({ "serverUrl": url, "headers": headers })),
        Client::Codex => format!(
            "[mcp_servers.memory-bank]\nurl = \"{url}\"\nhttp_headers = {{ \"X-API-Key\" = \"{key}\" }}"
        ),
        // `url` would mean the older transport to it.
        Client::Gemini => servers(&json!({ "httpUrl": url, "headers": headers })),
        // Not an argument: every user of the machine sees those.
        Client::Stdio => servers(&json!({
            "command": "mbmcp", "args": ["stdio", "--url", url], "env": { "MBMCP_KEY": key }
        })),
        // Without a space: some clients break arguments at one.
        Client::McpRemote => servers(&json!({
            "command": "npx",
            "args": ["-y", "mcp-remote", url, "--header", format!("X-API-Key:{key}")]
        })),
    }
}

fn servers(entry: &Value) -> String {
    pretty(&json!({ "mcpServers": { "memory-bank": entry } }))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
