//! A Redis that comes and goes.

use std::path::PathBuf;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use redis::Client;
use redis::aio::MultiplexedConnection;
use tokio::process::{Child, Command};

/// A Redis of a test's own, which may stop it.
pub struct PrivateRedis {
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl PrivateRedis {
    /// One that does not run yet.
    pub fn absent() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), child: None }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis")
    }

    /// Where it listens, once it runs.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Starts it.
    pub fn start(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]);
        command.arg(self.socket()).stdout(Stdio::null()).kill_on_drop(true);
        self.child = Some(command.spawn().expect("redis-server: run `make test`"));
    }

    /// A plain connection, for looking behind the server's back.
    pub async fn connect(&self) -> MultiplexedConnection {
        let client = Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// Ends it at once.
    pub async fn stop(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    /// From now on it says nothing, and keeps what it knows.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// It answers again.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().and_then(Child::id).expect("it runs");
        kill(Pid::from_raw(id.cast_signed()), signal).unwrap();
    }
}
