//! A Postgres of its own for tests that change roles: roles belong to the whole cluster.

use mbmcp::config::{DatabaseConfig, Variables};
use mbmcp::embedded::{Cluster, Options, SUPERUSER};
use mbmcp::store::migrate;
use tokio_postgres::{Client, NoTls};

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
        let data_dir = folder.path().join("data");
        let options = Options { data_dir, pg_bin: super::pg_bin() };
        let cluster = Cluster::start(&options).await.unwrap_or_else(|error| panic!("{error}"));
        Self { cluster, folder }
    }

    /// A cluster whose database `postgres` is migrated, with the login of servers.
    pub async fn migrated() -> Self {
        let this = Self::start().await;
        let url = Variables::of([("DATABASE_URL", this.url(SUPERUSER))]);
        let config = DatabaseConfig::read_alone(url).unwrap();
        migrate::run(&config).await.unwrap();
        migrate::make_server_login(&config).await.unwrap();
        this
    }

    /// How to reach its database `postgres` as `user`.
    pub fn url(&self, user: &str) -> String {
        self.cluster.connection_url(user, "postgres")
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
