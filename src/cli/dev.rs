//! `mbmcp dev`: everything on this machine with one command, and again with the same data.

use std::path::PathBuf;

use axum::Router;

use super::client_config::{Client, snippet};
use super::dev_files::DevFiles;
use super::{Failure, output, serve, variables};
use crate::access::key::ApiKey;
use crate::access::keys::{self, KeyRequest};
use crate::app;
use crate::config::{Config, DatabaseConfig, Variables};
use crate::embedded::{self, Cluster};
use crate::http::{self, Lifecycle};
use crate::model::{Ambient, Role, Scope, Scopes, Secret};
use crate::store::pg::keys::authenticate;
use crate::store::{Platform, Store, migrate};
use crate::telemetry;

/// The database that `dev` keeps its data in: the one that every cluster has.
const DATABASE: &str = "postgres";
const PROJECT: &str = "dev";
const USER: &str = "dev@localhost";
const SECRET_CHARS: usize = 48;
/// Stands for the server secret until it is read or made.
const NO_SECRET: &str = "made by mbmcp dev at its first start and kept beside the key";

/// Arguments of `mbmcp dev`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where data is kept between runs
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The folder of Postgres's programs; found by itself, if not given
    #[arg(long)]
    pg_bin: Option<PathBuf>,
    /// Start afresh: forget all data of earlier runs
    #[arg(long)]
    reset: bool,
}

/// Starts everything, prints how to connect, serves until Ctrl-C, stops everything.
pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let variables = variables()?;
    let external = DatabaseConfig::is_named(&variables);
    if args.reset && external {
        return Err(Failure::new("--reset forgets private data, and a database is configured"));
    }
    let folder = folder(args.data_dir, &variables, external)?;
    let files = DevFiles::new(folder.clone());
    let options = embedded::Options { data_dir: folder, pg_bin: args.pg_bin };
    let mut config = config(variables, external)?;
    telemetry::install(&config.log)?;
    let lifecycle = Lifecycle::default();
    lifecycle.stop_at_signals()?;
    if external {
        return serve_on(config, external, &files, &lifecycle).await;
    }
    if args.reset {
        embedded::reset(&options).await?;
        files.forget()?;
    }
    let cluster = tokio::select! {
        started = Cluster::start(&options) => started?,
        () = lifecycle.stopping.cancelled() => return Ok(()),
    };
    config.database.url = url(&cluster, migrate::SERVER_LOGIN);
    config.database.migration_url = url(&cluster, embedded::SUPERUSER);
    let served = serve_on(config, external, &files, &lifecycle).await;
    cluster.stop().await?;
    served
}

/// Where the key and the data lie. The directory of a private Postgres holds nothing else, so the
/// key of another database has its own.
fn folder(
    chosen: Option<PathBuf>,
    variables: &Variables,
    external: bool,
) -> Result<PathBuf, Failure> {
    let folder = match chosen {
        Some(folder) => folder,
        None => DevFiles::default_folder(variables)?,
    };
    if !external {
        return Ok(folder);
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    Ok(folder.with_file_name(format!("{name}-external")))
}

/// The configuration, with defaults that suit one person on one machine.
fn config(mut variables: Variables, external: bool) -> Result<Config, Failure> {
    if !external {
        variables.default_to("DATABASE_URL", "postgresql:///not-started-yet");
    }
    if variables.peek("SERVER_SECRET_FILE").is_none() {
        variables.default_to("SERVER_SECRET", NO_SECRET);
    }
    for (name, value) in [
        ("APP_ENV", "development"),
        ("MCP_HOST", "127.0.0.1"),
        ("TRUST_PROXY_HOPS", "0"),
        ("LOG_FORMAT", "text"),
    ] {
        variables.default_to(name, value);
    }
    Config::read(variables).map_err(|error| Failure::config(&error))
}

fn url(cluster: &Cluster, login: &str) -> Secret {
    Secret::new(cluster.connection_url(login, DATABASE))
}

async fn serve_on(
    mut config: Config,
    external: bool,
    files: &DevFiles,
    lifecycle: &Lifecycle,
) -> Result<(), Failure> {
    let ambient = Ambient::default();
    if config.secrets.server_secret.reveal() == NO_SECRET {
        config.secrets.server_secret = secret(files, &ambient)?;
    }
    let listener = serve::listen(&config).await?;
    let (key, router) = tokio::select! {
        prepared = prepare(&config, external, files, ambient, lifecycle) => prepared?,
        () = lifecycle.stopping.cancelled() => return Ok(()),
    };
    let endpoint = format!("http://{}/mcp", listener.local_addr()?);
    output::data(&welcome(&endpoint, &key, files));
    http::serve(listener, router, lifecycle, config.server.shutdown_grace).await;
    output::talk("stopped; the data is kept");
    Ok(())
}

/// The schema, the key and the server.
async fn prepare(
    config: &Config,
    external: bool,
    files: &DevFiles,
    ambient: Ambient,
    lifecycle: &Lifecycle,
) -> Result<(String, Router), Failure> {
    migrate::run(&config.database).await?;
    if !external {
        migrate::make_server_login(&config.database).await?;
    }
    let key = key(&Store::new(&config.database)?, files, &ambient).await?;
    Ok((key, app::build(config, ambient, lifecycle).await?))
}

/// The server secret of an earlier run, or a new one.
fn secret(files: &DevFiles, ambient: &Ambient) -> Result<Secret, Failure> {
    if let Some(secret) = files.secret()? {
        return Ok(Secret::new(secret));
    }
    let secret = ambient.entropy.base62(SECRET_CHARS)?;
    files.keep_secret(&secret)?;
    Ok(Secret::new(secret))
}

/// The key of an earlier run, if it is still good, else a new one.
async fn key(store: &Store, files: &DevFiles, ambient: &Ambient) -> Result<String, Failure> {
    if let Some(kept) = files.key()?.as_deref().and_then(ApiKey::parse)
        && authenticate(store, &kept.hash()).await?.is_some()
    {
        return Ok(kept.reveal().to_owned());
    }
    let request = KeyRequest {
        project: PROJECT.to_owned(),
        user: USER.to_owned(),
        label: "mbmcp dev".to_owned(),
        scopes: Scopes::new([Scope::Read, Scope::Write, Scope::Admin]),
        test: false,
        lifetime: None,
    };
    let platform = Platform::of_operator();
    let (_, key) = keys::create(store, &platform, ambient, &request, Some(Role::Owner)).await?;
    files.keep_key(key.reveal())?;
    Ok(key.reveal().to_owned())
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
