//! The file in which a running Postgres keeps its process id.
//!
//! Postgres replaces a stale one by itself, with one exception: when the id has since been given to
//! another process of the same user. That is common in containers, where ids start again at 1.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::kill;
use nix::unistd::Pid;

/// The path of the file.
pub(super) fn path(pgdata: &Path) -> PathBuf {
    pgdata.join("postmaster.pid")
}

/// The process id in the file.
pub(super) fn read(pgdata: &Path) -> Option<i32> {
    fs::read_to_string(path(pgdata)).ok()?.lines().next()?.trim().parse().ok()
}

/// Whether a process with this id exists (a zombie does).
pub(super) fn alive(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH)
}

/// Removes a file whose id now belongs to another program. Only for the one process that uses the
/// data directory, and only where it can be proved (Linux) that no process works in it.
pub(super) fn remove_if_stale(pgdata: &Path) {
    let Some(pid) = read(pgdata).filter(|pid| alive(*pid)) else {
        return;
    };
    if somebody_works_in(pgdata) != Some(false) {
        return;
    }
    tracing::warn!(
        pid,
        "removing a stale postmaster.pid: its process id belongs to another program now"
    );
    if let Err(error) = fs::remove_file(path(pgdata)) {
        tracing::warn!(%error, "could not remove the stale postmaster.pid");
    }
}

/// Every process of Postgres has the database directory as its working directory. `None` when the
/// system does not tell.
fn somebody_works_in(pgdata: &Path) -> Option<bool> {
    fs::read_link("/proc/self/cwd").ok()?;
    let mut processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    Some(
        processes.any(|process| {
            fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == pgdata)
        }),
    )
}
