//! `mbmcp dev`: everything on this machine with one command, and again with the same data.

use super::client_config::{Client, snippet};
use super::dev_files::DevFiles;
use super::local::{Local, Place};
use super::{Failure, output, serve, variables};
use crate::http::{self, Lifecycle};
use crate::telemetry;

/// Arguments of `mbmcp dev`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Start afresh: forget all data of earlier runs
    #[arg(long)]
    reset: bool,
}

/// Starts everything, prints how to connect, serves until Ctrl-C, stops everything.
pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let mut local = Local::new(args.place, variables()?)?;
    telemetry::install(&local.config.log)?;
    let lifecycle = Lifecycle::default();
    lifecycle.stop_at_signals()?;
    if args.reset {
        local.reset().await?;
    }
    let served = serve_on(&mut local, &lifecycle).await;
    local.stop().await?;
    served
}

async fn serve_on(local: &mut Local, lifecycle: &Lifecycle) -> Result<(), Failure> {
    let listener = serve::listen(&local.config).await?;
    let (key, router) = tokio::select! {
        started = local.start(lifecycle) => started?,
        () = lifecycle.stopping.cancelled() => return Ok(()),
    };
    let endpoint = format!("http://{}/mcp", listener.local_addr()?);
    output::data(&welcome(&endpoint, &key, &local.files));
    http::serve(listener, router, lifecycle, local.config.server.shutdown_grace).await;
    output::talk("stopped; the data is kept");
    Ok(())
}

fn welcome(endpoint: &str, key: &str, files: &DevFiles) -> String {
    let data = files.folder().display();
    let claude = snippet(Client::ClaudeCode, endpoint, key);
    let cursor = snippet(Client::Cursor, endpoint, key);
    format!(
        "\nMemory Bank is running.\n\n  Endpoint  {endpoint}\n  API key   {key}\n  Kept in   {data}\n\n\
         Claude Code:\n\n{claude}\n\nCursor (.cursor/mcp.json):\n\n{cursor}\n\n\
         Others: mbmcp client-config --help\nPress Ctrl-C to stop.\n"
    )
}
