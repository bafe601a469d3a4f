//! What runs on this machine, for `dev` and `stdio`: a private Postgres or the one that is named,
//! the schema, a key that is kept, the server.

use std::path::PathBuf;

use axum::Router;

use super::Failure;
use super::dev_files::DevFiles;
use crate::access::key::ApiKey;
use crate::access::keys::KeyPolicy;
use crate::access::keys::operator::{KeyRequest, Operator};
use crate::app;
use crate::config::{Config, DatabaseConfig, Variables};
use crate::embedded::{self, Cluster};
use crate::http::Lifecycle;
use crate::model::{Ambient, Role, Scope, Scopes, Secret};
use crate::store::pg::keys::authenticate;
use crate::store::{Platform, Store, migrate};

/// The database that data is kept in: the one that every cluster has.
const DATABASE: &str = "postgres";
const PROJECT: &str = "dev";
const USER: &str = "dev@localhost";
const SECRET_CHARS: usize = 48;
/// A hundred calls a second: an assistant that reads and writes a whole memory at once stays below, one
/// that calls in an endless loop does not. There is nobody else to be protected.
const RATE_LIMIT: i32 = 6000;
/// Stands for the server secret until it is read or made.
const NO_SECRET: &str = "made by mbmcp dev at its first start and kept beside the key";

/// Where the data is, and with which programs.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Place {
    /// Where data is kept between runs
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The folder of Postgres's programs; found by itself, if not given
    #[arg(long)]
    pg_bin: Option<PathBuf>,
}

/// A memory on this machine.
pub(super) struct Local {
    pub(super) config: Config,
    pub(super) files: DevFiles,
    options: embedded::Options,
    /// Whether the database is one that was named, and not ours to start.
    external: bool,
    cluster: Option<Cluster>,
}

impl Local {
    /// Reads the configuration; nothing is started yet.
    pub(super) fn new(place: Place, variables: Variables) -> Result<Self, Failure> {
        let external = DatabaseConfig::is_named(&variables);
        let folder = folder(place.data_dir, &variables, external)?;
        let files = DevFiles::new(folder.clone());
        let options = embedded::Options { data_dir: folder, pg_bin: place.pg_bin };
        let config = config(variables, external)?;
        Ok(Self { config, files, options, external, cluster: None })
    }

    /// Forgets the data and the key of earlier runs.
    pub(super) async fn reset(&self) -> Result<(), Failure> {
        if self.external {
            return Err(Failure::new("--reset forgets private data, and a database is configured"));
        }
        embedded::reset(&self.options).await?;
        Ok(self.files.forget()?)
    }

    /// Starts what must run and gives the key and the server. May be dropped at any point; call
    /// [`Self::stop`] afterwards in any case.
    pub(super) async fn start(
        &mut self,
        lifecycle: &Lifecycle,
    ) -> Result<(String, Router), Failure> {
        if !self.external {
            let cluster = self.cluster.insert(Cluster::start(&self.options).await?);
            self.config.database.url = url(cluster, migrate::SERVER_LOGIN);
            self.config.database.migration_url = url(cluster, embedded::SUPERUSER);
        }
        let ambient = Ambient::default();
        let turn = self.files.turn().await?;
        if self.config.secrets.server_secret.reveal() == NO_SECRET {
            self.config.secrets.server_secret = secret(&self.files, &ambient)?;
        }
        migrate::run(&self.config.database).await?;
        if !self.external {
            migrate::make_server_login(&self.config.database).await?;
        }
        let key = key(&Store::new(&self.config.database)?, &self.files, &ambient).await?;
        drop(turn);
        Ok((key, app::build(&self.config, ambient, lifecycle).await?))
    }

    /// Stops what was started, unless another process uses it.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        match self.cluster {
            Some(cluster) => Ok(cluster.stop().await?),
            None => Ok(()),
        }
    }
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
        ("RATE_LIMIT_PER_IP", "0"),
    ] {
        variables.default_to(name, value);
    }
    Config::read(variables).map_err(|error| Failure::config(&error))
}

fn url(cluster: &Cluster, login: &str) -> Secret {
    Secret::new(cluster.connection_url(login, DATABASE))
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
        rate_limit: Some(RATE_LIMIT),
        lifetime: None,
    };
    let platform = Platform::of_operator();
    let operator = Operator { store, ambient, policy: KeyPolicy::default() };
    let (_, key) = operator.create(&platform, &request, Some(Role::Owner)).await?;
    files.keep_key(key.reveal())?;
    Ok(key.reveal().to_owned())
}
