//! A network that can fail: Unix sockets between a server and its Postgres.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::{Database, Login};

/// Passes connections on to the database, until they are frozen.
pub struct Proxy {
    folder: tempfile::TempDir,
    url: String,
    /// Connections made before this generation pass nothing on.
    generation: Arc<AtomicUsize>,
    /// Nor do those that are made now.
    silent: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy before `database`, which must be reached by a Unix socket.
    pub fn before(database: &Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let direct = database.url(Login::Server);
        let (login, rest) = direct.split_once('@').unwrap();
        let (host, name) = rest.split_once(":5432/").expect("the private Postgres of the tests");
        let target = format!("{}/.s.PGSQL.5432", host.replace("%2F", "/"));
        let here = folder.path().to_str().unwrap().replace('/', "%2F");
        let url = format!("{login}@{here}:5432/{name}");
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let (generation, silent) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        tokio::spawn(accept(listener, target, generation.clone(), silent.clone()));
        Self { folder, url, generation, silent }
    }

    /// How to reach the database through it.
    pub fn url(&self) -> &str {
        assert!(self.folder.path().exists());
        &self.url
    }

    /// From now on the connections there are pass nothing on, and say nothing of it; new ones work.
    pub fn freeze(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// The same, and new ones are no better.
    pub fn silence(&self) {
        self.silent.store(true, Ordering::Relaxed);
        self.freeze();
    }
}

async fn accept(
    listener: UnixListener,
    target: String,
    generation: Arc<AtomicUsize>,
    silent: Arc<AtomicBool>,
) {
    let mut unanswered = Vec::new();
    while let Ok((client, _)) = listener.accept().await {
        if silent.load(Ordering::Relaxed) {
            unanswered.push(client);
            continue;
        }
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
