//! Three replicas with one database and one Redis, and the ways to revoke a key.

use std::net::Ipv6Addr;
use std::time::Instant;

use mbmcp::access::key::ApiKey;
use mbmcp::app::Parts;
use mbmcp::mcp::MemoryBank;
use mbmcp::model::{Ambient, KeyId};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;

use crate::harness::{
    ADMIN_TOKEN, Client, Database, Login, PgBouncer, PrivateRedis, RestClient, Server, TestKey,
    mbmcp,
};

/// How a key is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Rest,
    Cli,
    Sql,
}

pub const WAYS: [Way; 3] = [Way::Rest, Way::Cli, Way::Sql];

/// The replicas.
pub struct Fleet {
    pub database: Database,
    pub redis: PrivateRedis,
    pub servers: Vec<Server>,
    pooler: Option<PgBouncer>,
    prefix: String,
    http: reqwest::Client,
}

impl Fleet {
    pub async fn start() -> Self {
        Self::behind(Database::new().await, None).await
    }

    /// The same, where they reach the database through `PgBouncer`.
    pub async fn pooled() -> Self {
        let database = Database::new().await;
        let pooler = PgBouncer::before(&database).await;
        Self::behind(database, Some(pooler)).await
    }

    async fn behind(database: Database, pooler: Option<PgBouncer>) -> Self {
        let mut redis = PrivateRedis::absent();
        redis.start();
        let prefix = Ambient::default().uuid().unwrap().simple().to_string();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut fleet = Self { database, redis, servers: Vec::new(), pooler, prefix, http };
        for _ in 0..3 {
            let server = fleet.replica().await;
            fleet.servers.push(server);
        }
        fleet
    }

    /// One replica more, which knows nothing yet.
    pub async fn replica(&self) -> Server {
        let redis = self.redis.url();
        let (url, pooler) = match &self.pooler {
            Some(pooler) => (pooler.url(&self.database), "transaction"),
            None => (self.database.url(Login::Server), "none"),
        };
        let variables = [
            ("REDIS_URL", &*redis),
            ("REDIS_KEY_PREFIX", &self.prefix),
            ("ADMIN_TOKEN", ADMIN_TOKEN),
            ("DB_POOLER", pooler),
        ];
        let parts = Parts::of(Box::new(MemoryBank::new().unwrap()));
        Server::made_of(parts, &url, &variables).await.unwrap()
    }

    /// A key that no limit stops.
    pub async fn key(&self) -> TestKey {
        let key = self.database.editor("a").await;
        let superuser = self.database.connect(Login::Superuser).await;
        let unlimited = "update api_keys set rate_limit = 100000 where id = $1";
        superuser.execute(unlimited, &[&key.id.0]).await.unwrap();
        key
    }

    /// A client of `server` that shares its connections with all of them. Each key is used from an
    /// address of its own: those that are revoked are wrong keys there.
    pub fn client(&self, server: &Server, key: &TestKey) -> Client {
        let address = Ipv6Addr::from(key.id.0.as_u128().rotate_left(64));
        let client = Client::over(self.http.clone(), &format!("{}/mcp", server.url), &key.key);
        client.from(address.into())
    }

    /// What Redis calls the entry of `key`.
    pub fn name_of(&self, key: &TestKey) -> String {
        let hash = ApiKey::parse(&key.key).unwrap().hash();
        format!("{}:key:{}", self.prefix, hex::encode(hash))
    }

    /// The entry of `key` in Redis.
    pub async fn entry(&self, redis: &mut MultiplexedConnection, key: &TestKey) -> Option<String> {
        redis.get(self.name_of(key)).await.unwrap()
    }

    /// Revokes the key `id`; gives when that began, and when it was known to be done.
    pub async fn revoke(&self, way: Way, id: KeyId) -> (Instant, Instant) {
        let id = id.to_string();
        // Connected before, so that only the statement counts.
        let superuser = self.database.connect(Login::Superuser).await;
        let platform = RestClient::new(&self.servers[0], ADMIN_TOKEN);
        let started = Instant::now();
        match way {
            Way::Rest => {
                let path = format!("/projects/a/keys/{id}");
                assert_eq!(platform.delete(&path).await.status, 204);
            }
            Way::Cli => {
                let mut command = mbmcp();
                command.env("DATABASE_URL", self.database.url(Login::Server));
                command.args(["keys", "revoke", "--project", "a", &id]);
                let output = command.output().await.unwrap();
                assert!(output.status.success(), "{output:?}");
            }
            Way::Sql => {
                superuser.query_one("select app.revoke_key($1)", &[&id]).await.unwrap();
            }
        }
        (started, Instant::now())
    }
}
