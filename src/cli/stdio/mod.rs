//! `mbmcp stdio`: MCP on standard input and output, for clients that start a program.
//!
//! It is a bridge: each line becomes a POST to an MCP endpoint, each answer a line. The endpoint is
//! a hosted server, or the server of this machine, called in process. Nothing but messages goes to
//! standard output; talk and logs go to standard error.
//!
//! * `input.rs` lines of standard input · `message.rs` what a line is · `mirror.rs` the headers of
//!   the modern era · `session.rs` the session of the legacy era
//! * `endpoint.rs` where requests go · `answer.rs` what comes back · `refusal.rs` what is said when
//!   that is no message
//! * `bridge.rs` many messages at once, and the end · `cancellable.rs` what is cancelled here ·
//!   `exchange.rs` one message · `follow.rs` streams, resumed when they break

mod answer;
mod bridge;
mod cancellable;
mod endpoint;
mod exchange;
mod follow;
mod input;
mod message;
mod mirror;
mod refusal;
mod session;

use std::io::{IsTerminal as _, stdin};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::local::{Local, Place};
use super::{Failure, output, variables};
use crate::config::{BridgeConfig, Variables};
use crate::http::Lifecycle;
use crate::model::Secret;
use crate::telemetry;
use bridge::Bridge;
use endpoint::Endpoint;
use input::Input;

/// How long what is left to do may take when all is answered.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Arguments of `mbmcp stdio`.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// The endpoint of a hosted server; without it, the memory of this machine as `mbmcp dev` has it
    #[arg(long, conflicts_with_all = ["data_dir", "pg_bin"])]
    url: Option<Url>,
    /// The file that holds the hosted server's API key; `MBMCP_KEY`, if not given
    #[arg(long, requires = "url")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Passes messages on until standard input ends or a signal comes.
pub(super) async fn run(args: Args) -> Result<(), Failure> {
    if stdin().is_terminal() {
        output::talk("mbmcp: speaking MCP on standard input and output, as MCP clients start it;");
        output::talk("mbmcp --help lists the commands for people");
    }
    let variables = variables()?;
    let lifecycle = Lifecycle::default();
    lifecycle.stop_at_signals()?;
    match args.url {
        Some(url) => {
            let key = key(variables, args.key_file)?;
            let endpoint = Endpoint::hosted(&url, key.as_ref())?;
            Bridge::new(endpoint).run(Input::start(), &lifecycle).await;
            Ok(())
        }
        None => on_this_machine(args.place, variables, &lifecycle).await,
    }
}

fn key(mut variables: Variables, file: Option<PathBuf>) -> Result<Option<Secret>, Failure> {
    if let Some(file) = file {
        variables.default_to("MBMCP_KEY_FILE", file.to_string_lossy());
    }
    let config = BridgeConfig::read_alone(variables).map_err(|error| Failure::config(&error))?;
    if config.key.is_none() {
        output::talk("mbmcp: no API key is given: set MBMCP_KEY, or pass --key-file");
    }
    Ok(config.key)
}

async fn on_this_machine(
    place: Place,
    mut variables: Variables,
    lifecycle: &Lifecycle,
) -> Result<(), Failure> {
    // Clients show what a program says: a line for each call would bury what matters.
    variables.default_to("LOG_LEVEL", "warn");
    let mut local = Local::new(place, variables)?;
    telemetry::install(&local.config.log)?;
    let mut input = Input::start();
    let started = tokio::select! {
        started = local.start(lifecycle) => Some(started),
        // Nobody waits for an answer.
        () = input.ended_unused() => None,
        () = lifecycle.stopping.cancelled() => None,
    };
    let done = match started {
        Some(Ok((key, router))) => {
            let endpoint = Endpoint::in_process(router, &key)?;
            Bridge::new(endpoint).run(input, lifecycle).await;
            // Clients do not wait long for a program to end.
            if tokio::time::timeout(LAST_WORK, lifecycle.finish()).await.is_err() {
                tracing::warn!("what was in flight was cut off");
            }
            Ok(())
        }
        Some(Err(failure)) => Err(failure),
        None => Ok(()),
    };
    local.stop().await?;
    done
}
