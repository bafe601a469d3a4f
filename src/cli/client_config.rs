//! `mbmcp client-config`: ready-to-paste configuration, in each client's documented format.

use clap::ValueEnum;
use serde_json::{Value, json};

use super::dev_files::DevFiles;
use super::{Failure, output, variables};

/// Arguments of `mbmcp client-config`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The client
    client: Client,
    /// The endpoint
    #[arg(long, default_value = "http://127.0.0.1:3100/mcp")]
    url: String,
    /// The API key; that of `mbmcp dev`, if not given
    #[arg(long)]
    key: Option<String>,
}

/// A client whose format is known.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Client {
    /// A command to run
    ClaudeCode,
    /// For .cursor/mcp.json
    Cursor,
    /// For .vscode/mcp.json
    Vscode,
}

/// Prints the configuration.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let key = match &args.key {
        Some(key) => key.clone(),
        None => dev_key()?,
    };
    output::data(&snippet(args.client, &args.url, &key));
    Ok(())
}

fn dev_key() -> Result<String, Failure> {
    let files = DevFiles::new(DevFiles::default_folder(&variables()?)?);
    let missing = || Failure::new("there is no key of `mbmcp dev` yet: pass yours with --key");
    files.key()?.ok_or_else(missing)
}

/// The configuration of `client`.
pub(super) fn snippet(client: Client, url: &str, key: &str) -> String {
    match client {
        Client::ClaudeCode => format!(
            "claude mcp add --transport http memory-bank {url} --header \"X-API-Key: {key}\""
        ),
        Client::Cursor => pretty(&json!({
            "mcpServers": { "memory-bank": { "url": url, "headers": { "X-API-Key": key } } }
        })),
        Client::Vscode => pretty(&json!({
            "servers": {
                "memory-bank": { "type": "http", "url": url, "headers": { "X-API-Key": key } }
            }
        })),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
