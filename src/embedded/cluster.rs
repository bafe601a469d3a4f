//! The front: start or attach, address, stop.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use super::account::Account;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::layout::Layout;
use super::lease::{Lease, Turn};
use super::server::Server;
use super::{initdb, postmaster_pid, probe};

/// Which cluster, and with which programs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Our directory: new, empty, or made by an earlier run. See [`super::default_data_dir`].
    pub data_dir: PathBuf,
    /// A directory with `initdb` and `postgres`; searched for on this machine when absent.
    pub pg_bin: Option<PathBuf>,
}

/// A share in a running Postgres; the last share of a data directory that is stopped (or dropped,
/// in any process) stops the server.
#[derive(Debug)]
pub struct Cluster {
    layout: Layout,
    server: Server,
    lease: Lease,
    /// Held only while starting, so that a cancelled start can clean up.
    turn: Option<Turn>,
    finished: bool,
}

impl Cluster {
    /// Starts the Postgres of a data directory, or attaches to it when it runs already (another
    /// process uses it, or its supervisor was killed). Returns when it accepts connections.
    ///
    /// # Errors
    /// Every variant of [`EmbeddedError`] but `NoHome` and `InUse`; nothing keeps running then.
    pub async fn start(options: &Options) -> Result<Self, EmbeddedError> {
        let account = Account::for_server()?;
        let layout = Layout::claim(&options.data_dir, &account)?;
        let turn = Turn::wait(&layout).await?;
        let lease = Lease::take(&layout, &turn)?;
        layout.make_dirs(&account)?;
        let running = probe::ask_until_settled(&layout.socket()).await?;
        let server = match running {
            Some(pid) => Server::found(pid),
            None => launch(options, &layout, &account, &lease).await?,
        };
        let mut cluster = Self { layout, server, lease, turn: Some(turn), finished: false };
        cluster.server.wait_until_ready(&cluster.layout).await?;
        cluster.turn = None;
        tracing::debug!(dir = %cluster.layout.root().display(), attached = running.is_some(), "Postgres is ready");
        Ok(cluster)
    }

    /// The directory of the Unix socket, the only way in.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.layout.socket_dir()
    }

    /// A URL for tokio-postgres, psql and `pg_dump`: `postgresql://user@%2Fvar%2F…:5432/dbname`.
    /// No user needs a password: only who may enter the socket's folder can connect.
    #[must_use]
    pub fn connection_url(&self, user: &str, dbname: &str) -> String {
        let host = percent_encode(self.layout.socket_dir().as_os_str().as_encoded_bytes());
        let [user, dbname] = [user, dbname].map(|name| percent_encode(name.as_bytes()));
        format!("postgresql://{user}@{host}:5432/{dbname}")
    }

    /// Gives up this share, and stops the server if it was the last one.
    ///
    /// # Errors
    /// `Busy` when another process hangs in its own start or stop, `StillRunning` when the server
    /// survives every signal, `Io`.
    pub async fn stop(mut self) -> Result<(), EmbeddedError> {
        let turn = Turn::wait(&self.layout).await?;
        if self.lease.give_back(&self.layout, &turn)? {
            self.server.shut_down(&self.layout).await?;
            self.layout.remove_far_socket_dir();
        }
        self.finished = true;
        Ok(())
    }
}

impl Drop for Cluster {
    /// The best that can be done without waiting: the last one out asks the server to stop.
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let turn = self.turn.take().or_else(|| Turn::try_take(&self.layout).ok().flatten());
        let Some(turn) = turn else { return };
        if self.lease.give_back(&self.layout, &turn).unwrap_or(false) {
            self.server.ask_to_stop(&self.layout);
        }
    }
}

async fn launch(
    options: &Options,
    layout: &Layout,
    account: &Account,
    lease: &Lease,
) -> Result<Server, EmbeddedError> {
    let binaries = Binaries::find(options.pg_bin.as_deref(), &layout.pgdata()).await?;
    initdb::ensure(&binaries, layout, account).await?;
    if lease.first {
        postmaster_pid::remove_if_stale(&layout.pgdata());
    }
    Server::spawn(&binaries, layout, account)
}

/// All but the unreserved characters of RFC 3986 §2.3.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn percent_encode(bytes: &[u8]) -> String {
    percent_encoding::percent_encode(bytes, &RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_directory_becomes_the_host_of_a_url() {
        assert_eq!(percent_encode(b"/var/lib/a b"), "%2Fvar%2Flib%2Fa%20b");
        assert_eq!(percent_encode("ü-1".as_bytes()), "%C3%BC-1");
    }
}
