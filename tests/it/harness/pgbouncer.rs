//! `PgBouncer` in transaction mode before the Postgres of the tests.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::unistd::{getegid, geteuid};
use tokio::process::{Child, Command};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::{Database, Login, eventually};

/// Where Debian puts it, out of the path of most users.
const DEBIAN: &str = "/usr/sbin/pgbouncer";
/// Who owns nothing, on most systems.
const NOBODY: u32 = 65534;
const PORT: u16 = 6432;

/// A running `PgBouncer` that gives each transaction any of its connections; it stops with the test.
pub struct PgBouncer {
    folder: tempfile::TempDir,
    _child: Child,
}

impl PgBouncer {
    /// One before the server of `database`, for the login of servers.
    pub async fn before(database: &Database) -> Self {
        let server: Config = database.url(Login::Server).parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = write_configuration(folder.path(), &server);
        let (uid, gid) = runner(&server);
        for path in [folder.path(), &file, &users(folder.path())] {
            chown(path, Some(uid), Some(gid)).unwrap();
        }
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
        let program = if Path::new(DEBIAN).exists() { DEBIAN } else { "pgbouncer" };
        let mut command = Command::new(program);
        command.arg("--quiet").arg(file).uid(uid).gid(gid).kill_on_drop(true);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("pgbouncer: run `make test`");
        let socket = folder.path().join(format!(".s.PGSQL.{PORT}"));
        eventually("the start of PgBouncer", async || socket.exists().then_some(())).await;
        Self { folder, _child: child }
    }

    /// How servers reach `database` through it.
    pub fn url(&self, database: &Database) -> String {
        let direct: Config = database.url(Login::Server).parse().unwrap();
        let (user, password) = login(&direct);
        let host = self.folder.path().to_str().unwrap().replace('/', "%2F");
        let name = direct.get_dbname().unwrap();
        format!("postgresql://{user}:{password}@{host}:{PORT}/{name}")
    }
}

/// As whom it runs: never as root, but as one who reaches the server.
fn runner(server: &Config) -> (u32, u32) {
    let me = geteuid();
    match &server.get_hosts()[0] {
        _ if !me.is_root() => (me.as_raw(), getegid().as_raw()),
        Host::Unix(folder) => {
            let folder = fs::metadata(folder).unwrap();
            (folder.uid(), folder.gid())
        }
        Host::Tcp(_) => (NOBODY, NOBODY),
    }
}

fn write_configuration(folder: &Path, server: &Config) -> PathBuf {
    let host = match &server.get_hosts()[0] {
        Host::Unix(folder) => folder.to_str().unwrap(),
        Host::Tcp(name) => name,
    };
    let (port, folder_name) = (server.get_ports()[0], folder.display());
    let (user, password) = login(server);
    fs::write(users(folder), format!("\"{user}\" \"{password}\"\n")).unwrap();
    let text = format!(
        "[databases]
         * = host={host} port={port}
         [pgbouncer]
         pool_mode = transaction
         listen_port = {PORT}
         unix_socket_dir = {folder_name}
         auth_type = trust
         auth_file = {}
         max_client_conn = 500
         default_pool_size = 20
         logfile = {folder_name}/log
        ",
        users(folder).display(),
    );
    let file = folder.join("pgbouncer.ini");
    // Indented lines are not what it reads.
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    fs::write(&file, lines.join("\n")).unwrap();
    file
}

fn users(folder: &Path) -> PathBuf {
    folder.join("users")
}

fn login(server: &Config) -> (&str, String) {
    let password = String::from_utf8(server.get_password().unwrap().to_vec()).unwrap();
    (server.get_user().unwrap(), password)
}
