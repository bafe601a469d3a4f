//! The files of one data directory.
//!
//! ```text
//! <data>/               ours: 0700, or 0711 as root, so that Postgres can pass through
//!   start.lock          held while a server is started or stopped; also the mark that the folder is ours
//!   use.lock            shared by every process that uses the server
//!   postgres.log        written by the server (postgres.log.1: the one before)
//!   pg/                 Postgres's, 0700, owned by the user it runs as
//!     data/             the database directory
//!     run/              the socket, unless that path is too long
//! ```

use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::account::Account;
use super::error::EmbeddedError;
use super::{claim, socket_dir};

/// The data directory used unless one is named: `/var/lib/mbmcp` for root, else `mbmcp` below
/// `xdg_data_home` (the value of `XDG_DATA_HOME`), else below `~/.local/share`.
///
/// # Errors
/// [`EmbeddedError::NoHome`] for an ordinary user without either.
pub fn default_data_dir(
    home: Option<&Path>,
    xdg_data_home: Option<&Path>,
) -> Result<PathBuf, EmbeddedError> {
    if geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/mbmcp"));
    }
    personal_data_dir(home, xdg_data_home).ok_or(EmbeddedError::NoHome)
}

/// As the XDG specification says: a relative `XDG_DATA_HOME` is ignored.
fn personal_data_dir(home: Option<&Path>, xdg_data_home: Option<&Path>) -> Option<PathBuf> {
    let xdg = xdg_data_home.filter(|path| path.is_absolute()).map(Path::to_path_buf);
    let share = xdg
        .or_else(|| home.filter(|path| path.is_absolute()).map(|home| home.join(".local/share")));
    share.map(|share| share.join("mbmcp"))
}

/// The paths of one prepared data directory.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
    socket_dir: PathBuf,
}

impl Layout {
    /// Makes the data directory ours.
    pub(super) fn claim(data_dir: &Path, account: &Account) -> Result<Self, EmbeddedError> {
        let root = claim::data_dir(data_dir, account)?;
        let socket_dir = socket_dir::choose(&root, account.uid());
        Ok(Self { root, socket_dir })
    }

    /// Makes the folders that Postgres needs; wants the turn to be held.
    pub(super) fn make_dirs(&self, account: &Account) -> Result<(), EmbeddedError> {
        claim::private_dir(&self.pg(), account)?;
        claim::private_dir(&self.socket_dir, account)
    }

    /// The data directory, absolute and without symbolic links.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Everything that belongs to Postgres.
    pub(super) fn pg(&self) -> PathBuf {
        self.root.join("pg")
    }

    /// The database directory.
    pub(super) fn pgdata(&self) -> PathBuf {
        self.root.join("pg/data")
    }

    /// The database directory while `initdb` fills it.
    pub(super) fn unfinished_pgdata(&self) -> PathBuf {
        self.root.join("pg/data.new")
    }

    /// The directory of the socket.
    pub(super) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.socket_dir.join(socket_dir::SOCKET)
    }

    /// Removes the socket's directory if it lies outside of the data directory and is empty.
    pub(super) fn remove_far_socket_dir(&self) {
        if !self.socket_dir.starts_with(&self.root) {
            // It is made again by the next start; one that is not empty is not ours to empty.
            drop(std::fs::remove_dir(&self.socket_dir));
        }
    }

    /// The server's log.
    pub(super) fn log(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// The log before this one.
    pub(super) fn old_log(&self) -> PathBuf {
        self.root.join("postgres.log.1")
    }

    /// The lock of starts and stops.
    pub(super) fn start_lock(&self) -> PathBuf {
        self.root.join(claim::MARK)
    }

    /// The lock of use.
    pub(super) fn use_lock(&self) -> PathBuf {
        self.root.join("use.lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn personal(home: &'static str, xdg: &'static str) -> Option<PathBuf> {
        let path = |text: &'static str| (!text.is_empty()).then_some(Path::new(text));
        personal_data_dir(path(home), path(xdg))
    }

    #[test]
    fn personal_data_follow_the_xdg_rules() {
        assert_eq!(personal("/home/a", "/d"), Some("/d/mbmcp".into()));
        assert_eq!(personal("/home/a", ""), Some("/home/a/.local/share/mbmcp".into()));
        assert_eq!(personal("/home/a", "relative"), Some("/home/a/.local/share/mbmcp".into()));
        assert_eq!(personal("", ""), None);
    }
}
