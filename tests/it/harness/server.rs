//! A server in the test's own process.

use std::time::Duration;

use mbmcp::app::{self, Parts, StartError};
use mbmcp::config::{Config, Variables};
use mbmcp::http::{Lifecycle, serve};
use mbmcp::mcp::{Handler, MemoryBank};
use mbmcp::model::Ambient;
use tokio::net::TcpListener;

use super::{Client, Database, Login, NO_LIMITS, SECRET, TestKey};

/// A running server; stops with the test.
pub struct Server {
    pub url: String,
    pub lifecycle: Lifecycle,
}

impl Server {
    /// A server on `database`, without Redis.
    pub async fn on(database: &Database) -> Self {
        Self::with(database, &[]).await
    }

    /// A server with variables of its own.
    pub async fn with(database: &Database, variables: &[(&str, &str)]) -> Self {
        Self::started(database, variables).await.unwrap()
    }

    /// A server, or why it does not start.
    pub async fn started(
        database: &Database,
        variables: &[(&str, &str)],
    ) -> Result<Self, StartError> {
        let handler = MemoryBank::new().map_err(StartError::Tools)?;
        Self::of(Box::new(handler), database, variables).await
    }

    /// A server with another handler behind the protocol than the product's.
    pub async fn of(
        handler: Box<dyn Handler>,
        database: &Database,
        variables: &[(&str, &str)],
    ) -> Result<Self, StartError> {
        let url = database.url(Login::Server);
        Self::made_of(Parts::of(handler), &url, variables).await
    }

    /// A server whose minute is shorter.
    pub async fn with_minute(
        database: &Database,
        variables: &[(&str, &str)],
        minute: Duration,
    ) -> Self {
        let parts = Parts { minute, ..Parts::of(Box::new(MemoryBank::new().unwrap())) };
        Self::made_of(parts, &database.url(Login::Server), variables).await.unwrap()
    }

    /// The same with other parts, on the database at `url`.
    pub async fn made_of(
        parts: Parts,
        url: &str,
        variables: &[(&str, &str)],
    ) -> Result<Self, StartError> {
        Self::amid(Ambient::default(), parts, url, variables).await
    }

    /// The same with a time and randomness of its own.
    pub async fn amid(
        ambient: Ambient,
        parts: Parts,
        url: &str,
        variables: &[(&str, &str)],
    ) -> Result<Self, StartError> {
        let config = config(url, variables);
        let lifecycle = Lifecycle::default();
        let router = app::build_with(parts, &config, ambient, &lifecycle).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stopping = lifecycle.clone();
        tokio::spawn(async move {
            serve(listener, router, &stopping, config.server.shutdown_grace).await;
        });
        Ok(Self { url, lifecycle })
    }

    /// A client with `key`, without a session.
    pub fn client(&self, key: &TestKey) -> Client {
        Client::new(&self.url, &key.key)
    }

    /// A client with `key` that has initialised.
    pub async fn session(&self, key: &TestKey) -> Client {
        let mut client = self.client(key);
        client.initialize().await;
        client
    }
}

fn config(url: &str, variables: &[(&str, &str)]) -> Config {
    let mut all = Variables::of(variables.iter().copied());
    all.default_to("DATABASE_URL", url.to_owned());
    all.default_to("SERVER_SECRET", SECRET);
    for (name, value) in NO_LIMITS {
        all.default_to(name, value);
    }
    Config::read(all).unwrap()
}
