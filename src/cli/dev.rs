//! `mbmcp dev`: everything on this machine with one command, and again with the same data.

use std::path::PathBuf;

use super::client_config::{Client, snippet};
use super::dev_files::DevFiles;
use super::{Failure, output, serve};
use crate::access::key::ApiKey;
use crate::access::keys::{self, KeyRequest, KeysError};
use crate::app;
use crate::config::{Config, Variables};
use crate::embedded::{self, Cluster};
use crate::http::{self, Lifecycle};
use crate::model::{Ambient, Role, Scope, Scopes};
use crate::store::pg::keys::authenticate;
use crate::store::{Platform, Store, migrate};
use crate::telemetry;

/// The database that `dev` keeps its data in: the one that every cluster has.
const DATABASE: &str = "postgres";
const PROJECT: &str = "dev";
const USER: &str = "dev@localhost";
const SECRET_CHARS: usize = 48;

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
    let variables = Variables::of_process().map_err(|error| Failure::config(&error))?;
    let folder = match args.data_dir {
        Some(folder) => folder,
        None => DevFiles::default_folder(&variables)?,
    };
    let external = variables.peek("DATABASE_URL").is_some();
    // The folder of a private Postgres holds nothing else, so another database has its own.
    let folder = if external { folder.join("../mbmcp-external") } else { folder };
    let files = DevFiles::new(folder.clone());
    let options = embedded::Options { data_dir: folder, pg_bin: args.pg_bin };
    if args.reset && external {
        return Err(Failure::new("with DATABASE_URL set there is no private data to --reset"));
    }
    if args.reset {
        embedded::reset(&options).await?;
        files.forget()?;
    }
    let lifecycle = Lifecycle::default();
    lifecycle.stop_at_signals()?;
    if external {
        return serve_on(variables, &files, None, &lifecycle).await;
    }
    let cluster = tokio::select! {
        started = Cluster::start(&options) => started?,
        () = lifecycle.stopping.cancelled() => return Ok(()),
    };
    let served = serve_on(variables, &files, Some(&cluster), &lifecycle).await;
    cluster.stop().await?;
    served
}

async fn serve_on(
    mut variables: Variables,
    files: &DevFiles,
    cluster: Option<&Cluster>,
    lifecycle: &Lifecycle,
) -> Result<(), Failure> {
    let ambient = Ambient::default();
    if let Some(cluster) = cluster {
        let url = |login| cluster.connection_url(login, DATABASE);
        variables.default_to("DATABASE_URL", url(migrate::SERVER_LOGIN));
        variables.default_to("DATABASE_MIGRATION_URL", url(embedded::SUPERUSER));
    }
    variables.default_to("SERVER_SECRET", secret(files, &ambient)?);
    for (name, value) in
        [("APP_ENV", "development"), ("MCP_HOST", "127.0.0.1"), ("LOG_FORMAT", "text")]
    {
        variables.default_to(name, value);
    }
    let config = Config::read(variables).map_err(|error| Failure::config(&error))?;
    telemetry::install(&config.log)?;
    let listener = serve::listen(&config).await?;
    migrate::run(&config.database).await?;
    if cluster.is_some() {
        migrate::make_server_login(&config.database).await?;
    }
    let key = key(&Store::new(&config.database)?, files, &ambient).await?;
    let router = app::build(&config, ambient, lifecycle).await?;
    let endpoint = format!("http://{}/mcp", listener.local_addr()?);
    output::data(&welcome(&endpoint, &key, files, cluster));
    http::serve(listener, router, lifecycle, config.server.shutdown_grace).await?;
    output::talk("stopped; the data is kept");
    Ok(())
}

fn secret(files: &DevFiles, ambient: &Ambient) -> Result<String, Failure> {
    if let Some(secret) = files.secret()? {
        return Ok(secret);
    }
    let secret = ambient.entropy.base62(SECRET_CHARS)?;
    files.keep_secret(&secret)?;
    Ok(secret)
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
    let issued = store.administer(&platform, async |tx| {
        keys::ensure_member(tx, ambient, (PROJECT, USER), Role::Owner).await?;
        keys::issue(tx, ambient, &request).await
    });
    let (_, key) = issued.await.map_err(|error: KeysError| error)?;
    files.keep_key(key.reveal())?;
    Ok(key.reveal().to_owned())
}

fn welcome(endpoint: &str, key: &str, files: &DevFiles, cluster: Option<&Cluster>) -> String {
    let data = match cluster {
        Some(_) => format!("{}, kept between runs", files.folder().display()),
        None => "in the database of DATABASE_URL".to_owned(),
    };
    let claude = snippet(Client::ClaudeCode, endpoint, key);
    let cursor = snippet(Client::Cursor, endpoint, key);
    format!(
        "\nMemory Bank is running.\n\n  Endpoint  {endpoint}\n  API key   {key}\n  Data      {data}\n\n\
         Claude Code:\n\n{claude}\n\nCursor (.cursor/mcp.json):\n\n{cursor}\n\n\
         Others: mbmcp client-config --help\nPress Ctrl-C to stop.\n"
    )
}
