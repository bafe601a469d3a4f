//! A Postgres of its own for tests that change roles: roles belong to the whole cluster.

use mbmcp::config::{DatabaseConfig, Variables};
use mbmcp::embedded::{Cluster, Options, SUPERUSER};
use mbmcp::store::migrate;
use tokio_postgres::{Client, NoTls};

/// The login of servers on it.
pub const PRIVATE_LOGIN: &str = "mbmcp_private_server";

/// A running Postgres that stops and vanishes with the test.
pub struct PrivateCluster {
    cluster: Cluster,
    folder: tempfile::TempDir,
}

impl PrivateCluster {
    /// A cluster without anything.
    pub async fn start() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        // Passable: as root, Postgres runs as somebody else.
        let folder = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o711))
            .tempdir()
            .unwrap();
        let options = Options { data_dir: folder.path().join("data"), pg_bin: None };
        let cluster = Cluster::start(&options).await.unwrap_or_else(|error| panic!("{error}"));
        Self { cluster, folder }
    }

    /// A cluster whose database `postgres` is migrated, with the login of servers.
    pub async fn migrated() -> Self {
        let this = Self::start().await;
        let url = Variables::of([("DATABASE_URL", this.url(SUPERUSER))]);
        migrate::run(&DatabaseConfig::read_alone(url).unwrap()).await.unwrap();
        let login = format!(
            "create role {PRIVATE_LOGIN} login noinherit; \
             grant app_user, app_platform, app_server to {PRIVATE_LOGIN}"
        );
        this.connect().await.batch_execute(&login).await.unwrap();
        this
    }

    /// How to reach its database `postgres` as `user`.
    pub fn url(&self, user: &str) -> String {
        let host = self.cluster.socket_dir().to_str().unwrap().replace('/', "%2F");
        format!("postgresql://{user}@{host}:5432/postgres")
    }

    /// A connection as superuser.
    pub async fn connect(&self) -> Client {
        let (client, connection) =
            tokio_postgres::connect(&self.url(SUPERUSER), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Stops it and gives the folder in which its files stay.
    pub async fn stop(self) -> tempfile::TempDir {
        self.cluster.stop().await.unwrap();
        self.folder
    }
}
