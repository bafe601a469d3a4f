//! Makes sure that directories are ours before anything is written or changed in them.

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::account::Account;
use super::error::EmbeddedError;

/// The file whose presence says that a data directory was made by us.
pub(super) const MARK: &str = "start.lock";

/// Creates the data directory or takes an empty one; refuses one that holds anything else, one of
/// another user, and one that Postgres could not reach. Returns its true path.
pub(super) fn data_dir(path: &Path, account: &Account) -> Result<PathBuf, EmbeddedError> {
    let path = std::path::absolute(path).map_err(EmbeddedError::io("resolve", path))?;
    account.check_reach(&path)?;
    DirBuilder::new()
        .recursive(true)
        .mode(account.outer_mode())
        .create(&path)
        .map_err(EmbeddedError::io("create", &path))?;
    let path = path.canonicalize().map_err(EmbeddedError::io("resolve", &path))?;
    account.check_reach(&path)?;
    check_owner(&path, geteuid().as_raw())?;
    check_contents(&path)?;
    set_mode(&path, account.outer_mode())?;
    Ok(path)
}

/// Creates a directory that only the account can enter, or checks that it is one already.
pub(super) fn private_dir(path: &Path, account: &Account) -> Result<(), EmbeddedError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => account.own(path),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            adopt_unfinished(path, account)?;
            check_owner(path, account.uid())?;
            set_mode(path, 0o700)
        }
        Err(error) => Err(EmbeddedError::io("create", path)(error)),
    }
}

/// A directory that we made and did not live to hand over is handed over now.
fn adopt_unfinished(path: &Path, account: &Account) -> Result<(), EmbeddedError> {
    let meta = fs::symlink_metadata(path).map_err(EmbeddedError::io("look at", path))?;
    if meta.is_dir() && meta.uid() == geteuid().as_raw() {
        return account.own(path);
    }
    Ok(())
}

/// A symbolic link is refused like a directory of somebody else: it never belongs there.
fn check_owner(path: &Path, wanted: u32) -> Result<(), EmbeddedError> {
    let meta = fs::symlink_metadata(path).map_err(EmbeddedError::io("look at", path))?;
    if !meta.is_dir() {
        let error = std::io::Error::from(ErrorKind::NotADirectory);
        return Err(EmbeddedError::io("use as a directory", path)(error));
    }
    if meta.uid() != wanted {
        return Err(EmbeddedError::NotOwned { dir: path.to_path_buf(), owner: meta.uid() });
    }
    Ok(())
}

fn check_contents(path: &Path) -> Result<(), EmbeddedError> {
    if path.join(MARK).exists() {
        return Ok(());
    }
    let mut entries = fs::read_dir(path).map_err(EmbeddedError::io("list", path))?;
    let foreign = entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != "lost+found"));
    // A process that starts at the same moment may have made its first files since we looked.
    if foreign && !path.join(MARK).exists() {
        return Err(EmbeddedError::ForeignDirectory { dir: path.to_path_buf() });
    }
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> Result<(), EmbeddedError> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(EmbeddedError::io("set the mode of", path))
}
