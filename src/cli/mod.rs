//! Floor 8: the commands, one file each. Data goes to standard output, talk to standard error,
//! and only [`output`] prints.

mod client_config;
mod dev;
mod dev_files;
mod healthcheck;
mod import;
mod keys;
mod local;
mod migrate;
mod openapi;
mod output;
mod serve;
mod stdio;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::access::keys::KeyPolicy;
use crate::config::{ConfigError, DatabaseConfig, KeysConfig, Transport, Variables};
use crate::store::{ConnectError, Store};

/// The hosted memory for AI coding assistants: an MCP server on Postgres.
///
/// Without a command it does what `MCP_TRANSPORT` says: stdio (default), or http, which serves.
#[derive(Debug, Parser)]
#[command(name = "mbmcp", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine: Postgres, migrations, a project, a key, the server
    Dev(dev::Args),
    /// Serve MCP on the configured database
    Serve,
    /// Speak MCP on standard input and output, here or as a bridge to a hosted server
    Stdio(stdio::Args),
    /// Bring the database's schema up to this build
    Migrate(migrate::Args),
    /// Issue, list, rotate and revoke API keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Bring the Markdown files of a folder into a project
    Import(import::Args),
    /// Ask the server on this machine whether it works; for containers
    Healthcheck(healthcheck::Args),
    /// Print ready-to-paste configuration for a client
    ClientConfig(client_config::Args),
    /// Print the OpenAPI document of the server
    Openapi,
}

/// Why a command failed; its text is what the user sees.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

/// `EX_CONFIG` of sysexits.h: the configuration is not usable.
const EX_CONFIG: u8 = 78;

/// Runs the command of the process's arguments.
pub async fn run() -> ExitCode {
    match obey(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::talk(&format!("mbmcp: {}", failure.message));
            ExitCode::from(failure.code)
        }
    }
}

async fn obey(command: Option<Command>) -> Result<(), Failure> {
    match command.map_or_else(unnamed, Ok)? {
        Command::Dev(args) => dev::run(args).await,
        Command::Serve => serve::run().await,
        Command::Stdio(args) => stdio::run(args).await,
        Command::Migrate(args) => migrate::run(&args).await,
        Command::Keys(command) => keys::run(command).await,
        Command::Import(args) => import::run(args).await,
        Command::Healthcheck(args) => healthcheck::run(&args).await,
        Command::ClientConfig(args) => client_config::run(&args),
        Command::Openapi => openapi::run(),
    }
}

/// The command where none is given.
fn unnamed() -> Result<Command, Failure> {
    let transport = Transport::read_alone(variables()?);
    match transport.map_err(|error| Failure::config(&error))? {
        Transport::Http => Ok(Command::Serve),
        Transport::Stdio => Ok(Command::Stdio(stdio::Args::default())),
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { code: 1, message: error.to_string() }
    }
}

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    fn config(error: &ConfigError) -> Self {
        Self { code: EX_CONFIG, message: error.to_string() }
    }
}

/// The environment.
fn variables() -> Result<Variables, Failure> {
    Variables::of_process().map_err(|error| Failure::config(&error))
}

/// The configuration of commands that need nothing but the database.
fn database_config() -> Result<DatabaseConfig, Failure> {
    DatabaseConfig::read_alone(variables()?).map_err(|error| Failure::config(&error))
}

/// The store of commands that need nothing but the database.
fn store() -> Result<Store, Failure> {
    let config = database_config()?;
    Store::new(&config).map_err(|error: ConnectError| Failure::new(error.to_string()))
}

/// What the operator demands of keys.
fn policy() -> Result<KeyPolicy, Failure> {
    let config = KeysConfig::read_alone(variables()?).map_err(|error| Failure::config(&error))?;
    Ok(KeyPolicy::new(config.max_lifetime))
}
