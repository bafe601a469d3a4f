//! Forgets the data of a cluster.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::account::Account;
use super::cluster::Options;
use super::error::EmbeddedError;
use super::layout::Layout;
use super::lease::{Lease, Turn};
use super::probe;
use super::server::Server;

/// Removes the data and the logs of a cluster that nobody uses (a server left behind by a killed
/// process is stopped first). Other files in the data directory stay. Without data, does nothing.
///
/// # Errors
/// [`EmbeddedError::InUse`] when a process uses the cluster; otherwise as [`super::Cluster::start`].
pub async fn reset(options: &Options) -> Result<(), EmbeddedError> {
    if !options.data_dir.exists() {
        return Ok(());
    }
    let account = Account::for_server()?;
    let layout = Layout::claim(&options.data_dir, &account)?;
    let turn = Turn::wait(&layout).await?;
    let lease = Lease::take(&layout, &turn)?;
    if !lease.first {
        return Err(EmbeddedError::InUse { dir: layout.root().to_path_buf() });
    }
    if let Some(pid) = probe::ask_until_settled(&layout.socket()).await? {
        Server::found(pid).shut_down(&layout).await?;
    }
    remove(&layout)
}

fn remove(layout: &Layout) -> Result<(), EmbeddedError> {
    layout.remove_far_socket_dir();
    tolerate_absence(&layout.pg(), |path| fs::remove_dir_all(path))?;
    tolerate_absence(&layout.log(), |path| fs::remove_file(path))?;
    tolerate_absence(&layout.old_log(), |path| fs::remove_file(path))
}

fn tolerate_absence(
    path: &Path,
    remove: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), EmbeddedError> {
    match remove(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(EmbeddedError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
