//! A private Postgres that lives and dies with this program.
//!
//! Reading order, from the outside in:
//!
//! * [`Cluster`] (`cluster.rs`): start or attach, address, stop; [`reset`] (`reset.rs`) forgets the data.
//! * `lease.rs`: who uses a data directory. A *turn* is held while a server is started or stopped,
//!   a *lease* as long as one is used; the last lease out stops the server.
//! * `server.rs`: one postmaster: spawn, wait until it answers, shut down. `probe.rs` asks a socket
//!   who answers there, `postmaster_pid.rs` reads (and judges) the file that Postgres leaves behind.
//! * `initdb.rs` makes the database directory, `binaries.rs` finds the programs of this machine.
//! * `layout.rs` names every file, `claim.rs` makes sure that the directory is ours,
//!   `socket_dir.rs` keeps the socket's path short, and `account.rs` knows under which user
//!   Postgres runs, since it refuses root.
//!
//! Never: a TCP port, a download, a server that is recognised by its process id alone, a deletion
//! outside the directory's own `pg/`. Nothing here reads the environment: callers pass paths in.

mod account;
mod binaries;
mod claim;
mod cluster;
mod error;
mod initdb;
mod layout;
mod lease;
mod postmaster_pid;
mod probe;
mod reset;
mod server;
mod socket_dir;

pub use cluster::{Cluster, Options};
pub use error::EmbeddedError;
pub use layout::default_data_dir;
pub use reset::reset;

/// The superuser of every embedded cluster.
pub const SUPERUSER: &str = "mbmcp";
