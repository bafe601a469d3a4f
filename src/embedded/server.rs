//! One postmaster: spawned by us or found running, and shut down.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::account::Account;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::initdb::private_command;
use super::layout::Layout;
use super::postmaster_pid;
use super::probe::{self, Answer};

const START: Duration = Duration::from_mins(1);
/// For a server that ended because another one runs: how long that one may take to answer.
const OTHER_START: Duration = Duration::from_secs(5);
const FAST_STOP: Duration = Duration::from_secs(30);
const QUICK_STOP: Duration = Duration::from_secs(10);
const LAST_BREATH: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(20);
const LOG_LIMIT: u64 = 10 * 1024 * 1024;
const TAIL_LINES: usize = 15;

/// A running postmaster.
#[derive(Debug)]
pub(super) struct Server {
    pid: i32,
    /// Present when this process spawned it.
    child: Option<Child>,
}

impl Server {
    /// A server that was found running.
    pub(super) fn found(pid: i32) -> Self {
        Self { pid, child: None }
    }

    /// Starts one; it does not answer yet.
    pub(super) fn spawn(
        binaries: &Binaries,
        layout: &Layout,
        account: &Account,
    ) -> Result<Self, EmbeddedError> {
        let program = binaries.program("postgres");
        let failed = || EmbeddedError::io("run", &program);
        let mut command = private_command(&program, &layout.pg(), account);
        configure(&mut command, layout);
        let log = open_log(layout)?;
        let copy = log.try_clone().map_err(EmbeddedError::io("open", &layout.log()))?;
        let child = command.stdout(log).stderr(copy).spawn().map_err(failed())?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        let pid = pid.ok_or_else(|| failed()(std::io::Error::other("it has no process id")))?;
        Ok(Self { pid, child: Some(child) })
    }

    /// Waits until it accepts connections.
    pub(super) async fn wait_until_ready(&mut self, layout: &Layout) -> Result<(), EmbeddedError> {
        timeout(START, self.watch_start(layout)).await.unwrap_or_else(|_| {
            let log = layout.log();
            Err(EmbeddedError::NotReady { seconds: START.as_secs(), tail: tail(&log), log })
        })
    }

    async fn watch_start(&mut self, layout: &Layout) -> Result<(), EmbeddedError> {
        loop {
            let ended = self.reap(layout)?;
            if let Answer::Ready(pid) = probe::ask(&layout.socket()).await? {
                self.pid = pid;
                return Ok(());
            }
            if ended {
                return self.watch_other(layout).await;
            }
            sleep(PAUSE).await;
        }
    }

    /// Our child ended. If it left because another postmaster was there before it (one whose
    /// supervisor was killed a moment ago), that one is the server.
    async fn watch_other(&mut self, layout: &Layout) -> Result<(), EmbeddedError> {
        let answers = async {
            while postmaster_pid::path(&layout.pgdata()).exists() {
                if let Answer::Ready(pid) = probe::ask(&layout.socket()).await? {
                    return Ok(Some(pid));
                }
                sleep(PAUSE).await;
            }
            Ok(None)
        };
        if let Some(pid) = timeout(OTHER_START, answers).await.unwrap_or(Ok(None))? {
            *self = Self::found(pid);
            return Ok(());
        }
        let log = layout.log();
        Err(EmbeddedError::Exited { tail: tail(&log), log })
    }

    /// Ends it: fast shutdown, and immediate shutdown if that takes too long.
    pub(super) async fn shut_down(&mut self, layout: &Layout) -> Result<(), EmbeddedError> {
        match probe::ask(&layout.socket()).await? {
            Answer::Nobody if !self.is_ours(layout) => return Ok(()),
            Answer::Nobody => {}
            Answer::Busy(pid) | Answer::Ready(pid) => self.pid = pid,
        }
        for (signal, patience) in [(Signal::SIGINT, FAST_STOP), (Signal::SIGQUIT, QUICK_STOP)] {
            self.signal(signal);
            if self.wait_until_gone(layout, patience).await? {
                return Ok(());
            }
            tracing::warn!(pid = self.pid, %signal, "Postgres has not stopped yet");
        }
        Err(EmbeddedError::StillRunning { pid: self.pid })
    }

    /// Asks it to stop without waiting, if it is still the server of these data.
    pub(super) fn ask_to_stop(&self, layout: &Layout) {
        if self.is_ours(layout) {
            self.signal(Signal::SIGINT);
        }
    }

    /// Whether the process id still means this server: our child has not been collected, or the
    /// database directory names it.
    fn is_ours(&self, layout: &Layout) -> bool {
        let child = self.child.as_ref().and_then(Child::id);
        child.is_some() || postmaster_pid::read(&layout.pgdata()) == Some(self.pid)
    }

    fn signal(&self, signal: Signal) {
        if let Err(error) = kill(Pid::from_raw(self.pid), signal) {
            tracing::debug!(pid = self.pid, %signal, %error, "Postgres did not get the signal");
        }
    }

    /// Whether it was gone in time. A postmaster that another process spawned may stay as a zombie
    /// until that one looks; it has ended when its file is gone.
    async fn wait_until_gone(
        &mut self,
        layout: &Layout,
        patience: Duration,
    ) -> Result<bool, EmbeddedError> {
        let pid_file = postmaster_pid::path(&layout.pgdata());
        let ended = async {
            while !self.reap(layout)? && postmaster_pid::alive(self.pid) && pid_file.exists() {
                sleep(PAUSE).await;
            }
            Ok(true)
        };
        let gone = timeout(patience, ended).await.unwrap_or(Ok(false))?;
        let last_breath = async {
            while gone && !self.reap(layout)? && postmaster_pid::alive(self.pid) {
                sleep(PAUSE).await;
            }
            Ok(())
        };
        timeout(LAST_BREATH, last_breath).await.unwrap_or(Ok(()))?;
        Ok(gone)
    }

    /// Collects our child if it has ended, and says whether it has.
    fn reap(&mut self, layout: &Layout) -> Result<bool, EmbeddedError> {
        let Some(child) = &mut self.child else {
            return Ok(false);
        };
        let status =
            child.try_wait().map_err(EmbeddedError::io("wait for Postgres in", layout.root()))?;
        Ok(status.is_some())
    }
}

/// Only the socket, whatever `postgresql.conf` says.
fn configure(command: &mut Command, layout: &Layout) {
    let mut sockets = OsString::from("unix_socket_directories=");
    sockets.push(layout.socket_dir());
    command.arg("-D").arg(layout.pgdata());
    for setting in
        ["listen_addresses=", "port=5432", "unix_socket_permissions=0700", "logging_collector=off"]
    {
        command.args(["-c", setting]);
    }
    command.arg("-c").arg(sockets);
}

fn open_log(layout: &Layout) -> Result<File, EmbeddedError> {
    let path = layout.log();
    if fs::metadata(&path).is_ok_and(|meta| meta.len() > LOG_LIMIT) {
        fs::rename(&path, layout.old_log()).map_err(EmbeddedError::io("rename", &path))?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.open(&path).map_err(EmbeddedError::io("open", &path))
}

/// The last lines of the log.
fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
