//! Who may start, stop and use a server: two lock files, so that a killed process leaves no trace.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::error::EmbeddedError;
use super::layout::Layout;

/// How long to wait for another process to finish its start or stop: longer than either may take.
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(50);

/// The right to start or stop the server; released when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _lock: File,
}

impl Turn {
    /// Waits for the turn.
    pub(super) async fn wait(layout: &Layout) -> Result<Self, EmbeddedError> {
        let attempts = async {
            loop {
                if let Some(turn) = Self::try_take(layout)? {
                    return Ok(turn);
                }
                sleep(PAUSE).await;
            }
        };
        timeout(PATIENCE, attempts).await.unwrap_or_else(|_| {
            Err(EmbeddedError::Busy {
                dir: layout.root().to_path_buf(),
                seconds: PATIENCE.as_secs(),
            })
        })
    }

    /// Takes the turn if it is free now.
    pub(super) fn try_take(layout: &Layout) -> Result<Option<Self>, EmbeddedError> {
        let path = layout.start_lock();
        let file = open(&path)?;
        Ok(try_exclusive(&file, &path)?.then_some(Self { _lock: file }))
    }
}

/// A share in the use of the server; released when dropped. All methods want the turn to be held.
#[derive(Debug)]
pub(super) struct Lease {
    lock: File,
    /// Whether nobody else used the server when this was taken.
    pub(super) first: bool,
}

impl Lease {
    /// Takes a share.
    pub(super) fn take(layout: &Layout, _turn: &Turn) -> Result<Self, EmbeddedError> {
        let path = layout.use_lock();
        let lock = open(&path)?;
        let first = try_exclusive(&lock, &path)?;
        if first {
            lock.unlock().map_err(EmbeddedError::io("unlock", &path))?;
        }
        lock.lock_shared().map_err(EmbeddedError::io("lock", &path))?;
        Ok(Self { lock, first })
    }

    /// Gives the share back and says whether it was the last one; if so, nobody can take another
    /// as long as the turn is held.
    pub(super) fn give_back(&self, layout: &Layout, _turn: &Turn) -> Result<bool, EmbeddedError> {
        let path = layout.use_lock();
        self.lock.unlock().map_err(EmbeddedError::io("unlock", &path))?;
        try_exclusive(&self.lock, &path)
    }
}

fn open(path: &Path) -> Result<File, EmbeddedError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(EmbeddedError::io("open", path))
}

fn try_exclusive(file: &File, path: &Path) -> Result<bool, EmbeddedError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::io("lock", path)(error)),
    }
}
