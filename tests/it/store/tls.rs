//! TLS to Postgres: what `sslmode` says is done, and a certificate is always verified.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mbmcp::config::{DatabaseConfig, Variables};
use mbmcp::embedded::SUPERUSER;
use mbmcp::store::{Platform, Statement, Store, StoreError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::process::{Child, Command};
use tokio_postgres::{Client, NoTls};

use crate::harness::{PrivateCluster, eventually, free_port};

const BACKEND: Statement =
    Statement { name: "test.backend", sql: "select pg_backend_pid()", types: &[] };

/// A Postgres with TLS for `localhost`, on a port of its own.
struct TlsPostgres {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl TlsPostgres {
    async fn start() -> Self {
        // The embedded cluster has no port, so it only makes the files and the role.
        let cluster = PrivateCluster::start().await;
        let role = "create role app_platform nologin";
        cluster.connect().await.batch_execute(role).await.unwrap();
        let folder = cluster.stop().await;
        let port = free_port();
        write_certificates(folder.path());
        let child = spawn(folder.path(), port);
        let this = Self { child, folder, port };
        eventually("Postgres with TLS", async || this.connect().await).await;
        this
    }

    /// A connection without TLS, to look at the others.
    async fn connect(&self) -> Option<Client> {
        let (client, connection) =
            tokio_postgres::connect(&self.url("localhost", "disable"), NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    fn url(&self, host: &str, mode: &str) -> String {
        let port = self.port;
        format!(
            "host={host} hostaddr=127.0.0.1 port={port} user={SUPERUSER} dbname=postgres sslmode={mode}"
        )
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Whether a store's connection is encrypted, or why there is none.
    async fn encrypted(
        &self,
        host: &str,
        mode: &str,
        ca_file: Option<&Path>,
    ) -> Result<bool, StoreError> {
        let mut variables = vec![("DATABASE_URL", self.url(host, mode))];
        variables
            .extend(ca_file.map(|file| ("DATABASE_CA_FILE", file.to_str().unwrap().to_owned())));
        let config = DatabaseConfig::read_alone(Variables::of(variables)).unwrap();
        let store = Store::new(&config).unwrap();
        let behind = self.connect().await.unwrap();
        store
            .write(&Platform::of_operator(), async |tx| {
                let backend: i32 = tx.row(&BACKEND, &[]).await?.unwrap().get(0);
                let sql = "select ssl from pg_stat_ssl where pid = $1";
                Ok(behind.query_one(sql, &[&backend]).await.unwrap().get(0))
            })
            .await
    }
}

impl Drop for TlsPostgres {
    fn drop(&mut self) {
        // Nothing is to be kept, so it may end at once; its children notice.
        let _ = self.child.start_kill();
    }
}

/// `ca.pem`, and `server.pem` and `server.key` for `localhost` signed by it.
fn write_certificates(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let server = params.signed_by(&key, &ca).unwrap();
    std::fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(folder.join("hba.conf"), "host all all 127.0.0.1/32 trust\n").unwrap();
    let pgdata = folder.join("data/pg/data");
    let owner = std::fs::metadata(&pgdata).unwrap();
    for (name, text) in [("server.pem", server.pem()), ("server.key", key.serialize_pem())] {
        use std::os::unix::fs::PermissionsExt as _;
        let file = pgdata.join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}

fn spawn(folder: &Path, port: u16) -> Child {
    let need = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/need");
    let found = std::process::Command::new(need).arg("--postgres-bin").output().unwrap();
    let bin = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
    let pgdata = folder.join("data/pg/data");
    let owner = std::fs::metadata(&pgdata).unwrap();
    let mut command = Command::new(bin.join("postgres"));
    command.env_clear().kill_on_drop(true).current_dir(&pgdata).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null()).arg("-D").arg(&pgdata);
    for setting in [
        format!("port={port}"),
        format!("hba_file={}", folder.join("hba.conf").display()),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        "ssl=on".to_owned(),
        "ssl_cert_file=server.pem".to_owned(),
        "ssl_key_file=server.key".to_owned(),
    ] {
        command.arg("-c").arg(setting);
    }
    if owner.uid() != std::fs::metadata("/proc/self").map_or(owner.uid(), |me| me.uid()) {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command.spawn().unwrap()
}

#[tokio::test]
async fn tls_is_used_as_asked_and_always_verified() {
    let postgres = TlsPostgres::start().await;
    let (file, trusted) = (postgres.ca_file(), Some(postgres.ca_file()));
    let trusted = trusted.as_deref();
    assert!(postgres.encrypted("localhost", "require", trusted).await.unwrap());
    assert!(postgres.encrypted("localhost", "prefer", trusted).await.unwrap());
    assert!(!postgres.encrypted("localhost", "disable", trusted).await.unwrap());
    assert!(!postgres.encrypted("localhost", "disable", None).await.unwrap());

    for (host, mode, ca_file) in [
        ("localhost", "require", None),
        ("localhost", "prefer", None),
        ("other.test", "require", Some(file.as_path())),
        ("127.0.0.1", "require", Some(file.as_path())),
    ] {
        let refused = postgres.encrypted(host, mode, ca_file).await.unwrap_err();
        let said = format!("{refused:?}");
        assert!(matches!(refused, StoreError::Unavailable(_)), "{said}");
        assert!(said.contains("TLS"), "{host} {mode}: {said}");
    }
}
