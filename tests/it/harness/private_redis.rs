//! A Redis that comes and goes.

use std::path::PathBuf;
use std::process::Stdio;

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

    /// Ends it at once.
    pub async fn stop(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }
}
