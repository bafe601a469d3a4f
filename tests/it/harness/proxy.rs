//! A network that can fail: Unix sockets between a server and its Postgres or Redis.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::{Database, Login};

/// Passes connections on, until they are frozen.
pub struct Proxy {
    folder: tempfile::TempDir,
    url: String,
    /// Connections made before this generation pass nothing on.
    generation: Arc<AtomicUsize>,
}

impl Proxy {
    /// A proxy before `database`, which must be reached by a Unix socket.
    pub fn before(database: &Database) -> Self {
        let direct = database.url(Login::Server);
        let (login, rest) = direct.split_once('@').unwrap();
        let (host, name) = rest.split_once(":5432/").expect("the private Postgres of the tests");
        let target = format!("{}/.s.PGSQL.5432", host.replace("%2F", "/"));
        Self::at(".s.PGSQL.5432", target, |folder| {
            let here = folder.to_str().unwrap().replace('/', "%2F");
            format!("{login}@{here}:5432/{name}")
        })
    }

    /// A proxy before the Redis at `url`, which must be one of a Unix socket.
    pub fn before_redis(url: &str) -> Self {
        let target = url.strip_prefix("redis+unix://").expect("a Redis of the tests").to_owned();
        Self::at("redis", target, |folder| format!("redis+unix://{}/redis", folder.display()))
    }

    fn at(name: &str, target: String, url: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = url(folder.path());
        let listener = UnixListener::bind(folder.path().join(name)).unwrap();
        let generation = Arc::new(AtomicUsize::new(0));
        tokio::spawn(accept(listener, target, generation.clone()));
        Self { folder, url, generation }
    }

    /// How to reach through it what it stands before.
    pub fn url(&self) -> &str {
        assert!(self.folder.path().exists());
        &self.url
    }

    /// From now on the connections there are pass nothing on, and say nothing of it; new ones work.
    pub fn freeze(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }
}

async fn accept(listener: UnixListener, target: String, generation: Arc<AtomicUsize>) {
    while let Ok((client, _)) = listener.accept().await {
        let server = UnixStream::connect(&target).await.unwrap();
        let (client_read, client_write) = client.into_split();
        let (server_read, server_write) = server.into_split();
        let own = generation.load(Ordering::Relaxed);
        tokio::spawn(pass(client_read, server_write, own, generation.clone()));
        tokio::spawn(pass(server_read, client_write, own, generation.clone()));
    }
}

async fn pass(
    mut from: tokio::net::unix::OwnedReadHalf,
    mut to: tokio::net::unix::OwnedWriteHalf,
    own: usize,
    generation: Arc<AtomicUsize>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        if generation.load(Ordering::Relaxed) != own {
            // Neither data nor an end.
            std::future::pending::<()>().await;
        }
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
