//! A replica that can be killed: this test binary once more, as a process of its own that runs one
//! test, which serves when it is told to.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use mbmcp::app::Parts;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::counting::Counting;
use crate::harness::{Database, Login, Server, eventually};

/// Tells the process that it is a replica, and of what.
const TOLD: &str = "LEDGER_REPLICA";

/// The longest that it may take to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it is told.
#[derive(Serialize, Deserialize)]
struct Told {
    database: String,
    variables: Vec<(String, String)>,
    lease: Duration,
    /// Where it leaves its URL.
    url_file: PathBuf,
}

/// A running process; ends with the test.
pub struct Replica {
    child: Child,
    pub url: String,
}

impl Replica {
    /// A process that runs `test`, which must call [`serve_if_told`] first.
    pub async fn start(
        test: &str,
        database: &Database,
        variables: &[(&str, &str)],
        lease: Duration,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url_file = folder.path().join("url");
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let told = Told {
            database: database.url(Login::Server),
            variables: variables.iter().map(owned).collect(),
            lease,
            url_file: url_file.clone(),
        };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env_clear().env(TOLD, serde_json::to_string(&told).unwrap());
        command.args([test, "--exact", "--nocapture"]).kill_on_drop(true);
        // Closed when this process ends, however it does.
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let url = eventually("the replica's start", async || {
            assert_eq!(child.try_wait().unwrap(), None, "the replica ended");
            fs::read_to_string(&url_file).ok()
        });
        let url = url.await;
        Self { child, url }
    }

    /// Kills it as `kill -9` does.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Stops all that it does, as if its machine stood still.
    pub fn freeze(&self) {
        kill(self.id(), Signal::SIGSTOP).unwrap();
    }

    /// Lets it go on, and waits until it has done what it had begun.
    pub async fn thaw_and_stop(&mut self) {
        kill(self.id(), Signal::SIGCONT).unwrap();
        drop(self.child.stdin.take());
        let ended = timeout(PATIENCE, self.child.wait()).await.expect("it stops in time");
        assert!(ended.unwrap().success());
    }

    fn id(&self) -> Pid {
        Pid::from_raw(self.child.id().expect("it runs").try_into().unwrap())
    }
}

/// A replica in this process.
pub async fn replica(database: &Database, lease: Duration) -> Server {
    let parts = Parts { lease, ..Parts::of(Box::new(Counting::new())) };
    // One project has half of them.
    let variables = [("DB_MAX_CONNECTIONS", "64")];
    Server::made_of(parts, &database.url(Login::Server), &variables).await.unwrap()
}

/// Serves until it is killed or left alone, if this process is told to; `false` if it is not.
#[expect(clippy::disallowed_methods, reason = "how a process of the tests is told what it is")]
pub async fn serve_if_told() -> bool {
    let Ok(told) = std::env::var(TOLD) else { return false };
    let Told { database, variables, lease, url_file } = serde_json::from_str(&told).unwrap();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    let parts = Parts { lease, ..Parts::of(Box::new(Counting::new())) };
    let server = Server::made_of(parts, &database, &variables).await.unwrap();
    // Renamed, so that nobody reads half of it.
    let draft = url_file.with_extension("draft");
    fs::write(&draft, &server.url).unwrap();
    fs::rename(&draft, &url_file).unwrap();
    let wait = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(wait).await.unwrap().unwrap();
    server.lifecycle.stopping.cancel();
    server.lifecycle.keepers.wait().await;
    true
}
