//! What can go wrong with the embedded Postgres, each as a sentence that says what to do.

use std::path::{Path, PathBuf};

/// A failure of the embedded Postgres.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No directory with both `initdb` and `postgres` was found.
    #[error(
        "no Postgres server was found on this machine (looked for initdb and postgres in {searched}): \
         install one (Debian and Ubuntu: `apt-get install postgresql`, macOS: `brew install postgresql`), \
         name its directory with --pg-bin, or set DATABASE_URL to a database that runs already"
    )]
    NoBinaries {
        /// The places that were looked at, separated by commas.
        searched: String,
    },
    /// The directory given by `--pg-bin` lacks a program.
    #[error(
        "{} holds no {missing}: give --pg-bin the directory that contains initdb and postgres \
         (`pg_config --bindir` prints it), or leave the option out", dir.display()
    )]
    BadBinaries {
        /// The directory that was given.
        dir: PathBuf,
        /// The program that is missing there.
        missing: &'static str,
    },
    /// The data were written by another major version than any that is installed.
    #[error(
        "the data in {} were written by Postgres {wanted}, and only {found} was found here: install \
         Postgres {wanted} (Debian and Ubuntu: `apt-get install postgresql-{wanted}`), name it with \
         --pg-bin, or start afresh with --reset", dir.display()
    )]
    WrongVersion {
        /// The database directory.
        dir: PathBuf,
        /// The major version that wrote it.
        wanted: String,
        /// The versions found.
        found: String,
    },
    /// There is no home directory to keep data in.
    #[error(
        "there is no home directory to keep data in: name a directory with --data-dir, or set HOME"
    )]
    NoHome,
    /// Root has no account to hand Postgres to.
    #[error(
        "Postgres refuses to run as root, and this machine has neither a user `postgres` nor `nobody`: \
         create one, or start this program as an ordinary user"
    )]
    NoAccount,
    /// A parent of the data directory is closed to the user that runs Postgres.
    #[error(
        "Postgres runs as user `{user}` here, which may not enter {}: choose a data directory that it can \
         reach, such as /var/lib/mbmcp", blocked.display()
    )]
    Unreachable {
        /// The user that runs Postgres.
        user: String,
        /// The directory it cannot enter.
        blocked: PathBuf,
    },
    /// The data directory holds files of somebody else.
    #[error("{} holds other files and was not made by mbmcp: choose a new or an empty data directory", dir.display())]
    ForeignDirectory {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory belongs to another user.
    #[error(
        "{} belongs to another user (id {owner}): run as that user, remove it, or choose another data \
         directory", dir.display()
    )]
    NotOwned {
        /// The directory.
        dir: PathBuf,
        /// The user id that owns it.
        owner: u32,
    },
    /// Another process starts or stops the same cluster and does not finish.
    #[error(
        "another process has been starting or stopping the Postgres in {} for {seconds} seconds: wait for \
         it or end it, then try again", dir.display()
    )]
    Busy {
        /// The data directory.
        dir: PathBuf,
        /// How long we waited.
        seconds: u64,
    },
    /// A reset was asked for while the cluster is used.
    #[error("the data in {} are in use by another process: stop it first, then reset", dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
    },
    /// `initdb` failed.
    #[error("initdb could not prepare {}; it said:\n{said}", dir.display())]
    Initdb {
        /// The database directory.
        dir: PathBuf,
        /// What it wrote to its standard error.
        said: String,
    },
    /// The server ended before it answered.
    #[error("Postgres ended while starting; the last lines of {} are:\n{tail}", log.display())]
    Exited {
        /// The log file.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The server did not answer in time.
    #[error(
        "Postgres did not accept connections within {seconds} seconds; try again (recovery after a crash \
         may take long), and see {}, whose last lines are:\n{tail}", log.display()
    )]
    NotReady {
        /// How long we waited.
        seconds: u64,
        /// The log file.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The server that answers cannot be named, so it cannot be stopped from here.
    #[error(
        "the Postgres behind {} runs in another container: stop it there, or give this process a data \
         directory of its own", socket.display()
    )]
    OutOfSight {
        /// The socket.
        socket: PathBuf,
    },
    /// The server survived every signal.
    #[error(
        "Postgres (process {pid}) does not stop: end it with `kill -QUIT {pid}` and look into its log"
    )]
    StillRunning {
        /// The postmaster's process id.
        pid: i32,
    },
    /// The operating system refused something.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
}

impl EmbeddedError {
    /// Wraps an IO error with what was tried: `.map_err(EmbeddedError::io("create", path))`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
