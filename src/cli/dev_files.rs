//! The files that `mbmcp dev` keeps beside its Postgres: a key and a server secret.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Failure;
use crate::config::Variables;
use crate::embedded;

/// The pause before a lock that another process holds is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// The folder of `mbmcp dev`.
#[derive(Clone, Debug)]
pub(super) struct DevFiles {
    folder: PathBuf,
}

impl DevFiles {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where the folder is, unless the user says otherwise.
    pub(super) fn default_folder(variables: &Variables) -> Result<PathBuf, Failure> {
        let home = variables.peek("HOME").map(Path::new);
        let data_home = variables.peek("XDG_DATA_HOME").map(Path::new);
        Ok(embedded::default_data_dir(home, data_home)?)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The key of an earlier run.
    pub(super) fn key(&self) -> io::Result<Option<String>> {
        self.read("dev-key")
    }

    /// Keeps the key for the next run.
    pub(super) fn keep_key(&self, key: &str) -> io::Result<()> {
        self.write("dev-key", key)
    }

    /// The server secret of an earlier run.
    pub(super) fn secret(&self) -> io::Result<Option<String>> {
        self.read("server-secret")
    }

    /// Keeps the server secret for the next run.
    pub(super) fn keep_secret(&self, secret: &str) -> io::Result<()> {
        self.write("server-secret", secret)
    }

    /// Waits until no other process makes these files; others wait until the turn is dropped.
    pub(super) async fn turn(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(self.folder.join("prepare.lock"))?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Forgets both.
    pub(super) fn forget(&self) -> io::Result<()> {
        for name in ["dev-key", "server-secret"] {
            match fs::remove_file(self.folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn read(&self, name: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.folder.join(name)) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(name);
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        writeln!(file, "{text}")
    }
}
