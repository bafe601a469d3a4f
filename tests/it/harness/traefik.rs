//! The real Traefik with the files of `traefik/`: addresses and a certificate are replaced, nothing
//! else. `scripts/traefik` installs it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::process::{Child, Command};

use super::{Client, TestKey, eventually, free_port};

/// The name that the files serve.
pub const DOMAIN: &str = "mcp.example.org";
/// From where its clients come: another address than Traefik's own.
pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

/// A running Traefik, which ends with the test.
pub struct Traefik {
    child: Child,
    folder: tempfile::TempDir,
    certificate: CertificateDer<'static>,
    plain: u16,
    tls: u16,
    /// A client at [`CLIENT`] that knows the certificate.
    pub http: reqwest::Client,
}

impl Traefik {
    /// A Traefik before the servers of these URLs, ready for calls.
    pub async fn before(servers: [&str; 2]) -> Self {
        Self::with(servers, &[]).await
    }

    /// The same with other words in `traefik.yml`.
    pub async fn with(servers: [&str; 2], replaced: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (plain, tls) = (free_port(), free_port());
        let certificate = write_certificate(folder.path());
        write_dynamic(folder.path(), servers);
        write_static(folder.path(), [plain, tls], replaced);
        let child = spawn(folder.path());
        let http = reqwest::Client::builder()
            .no_proxy()
            .local_address(CLIENT)
            .resolve(DOMAIN, SocketAddr::from((Ipv4Addr::LOCALHOST, tls)))
            .add_root_certificate(reqwest::Certificate::from_der(&certificate).unwrap())
            .build()
            .unwrap();
        let mut this = Self { child, folder, certificate, plain, tls, http };
        this.wait_until_routed().await;
        this
    }

    async fn wait_until_routed(&mut self) {
        eventually("Traefik's readiness", async || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "Traefik ended: {}", self.log());
            let answer = self.http.get(self.url("/health")).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// A path by TLS.
    pub fn url(&self, path: &str) -> String {
        format!("https://{DOMAIN}:{}{path}", self.tls)
    }

    /// A path without TLS.
    pub fn plain_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.plain)
    }

    /// A client of the endpoint `path` with `key`.
    pub fn client(&self, path: &str, key: &TestKey) -> Client {
        Client::over(self.http.clone(), &self.url(path), &key.key)
    }

    /// What Traefik answers to a GET of `path`, which stays as it is; asked by TLS for `name`.
    pub async fn get_raw(&self, name: &str, path: &str) -> std::io::Result<String> {
        let secured = tls_connection(name, &self.certificate);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n");
        let address = (Ipv4Addr::LOCALHOST, self.tls);
        let ask = move || {
            let mut stream = StreamOwned::new(secured, TcpStream::connect(address)?);
            stream.write_all(request.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    /// What it has logged beside requests and news.
    pub fn complaints(&self) -> Vec<String> {
        let fine = |line: &&str| {
            line.contains("\"RequestMethod\"")
                || line.contains("\"level\":\"info\"")
                // Said as long as any is allowed, even if the configuration says so.
                || line.contains("Traefik can reject some encoded characters")
        };
        self.log().lines().filter(|line| !fine(line)).map(str::to_owned).collect()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

fn tls_connection(name: &str, certificate: &CertificateDer<'static>) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap()
}

/// What ACME would fetch.
fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([DOMAIN.to_owned()]).unwrap();
    fs::write(folder.join("certificate.pem"), cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

fn write_dynamic(folder: &Path, [one, two]: [&str; 2]) {
    let dynamic = folder.join("dynamic");
    fs::create_dir(&dynamic).unwrap();
    let servers = [("http://10.0.0.11:3100", one), ("http://10.0.0.12:3100", two)];
    write_replaced("dynamic/mbmcp.yml", &dynamic.join("mbmcp.yml"), &servers);
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
    let tls = serde_json::json!({
        "tls": { "certificates": [{ "certFile": certificate, "keyFile": key }] },
    });
    fs::write(dynamic.join("certificate.yml"), tls.to_string()).unwrap();
}

fn write_static(folder: &Path, [plain, tls]: [u16; 2], replaced: &[(&str, &str)]) {
    let [plain, tls] = [plain, tls].map(|port| format!("\"127.0.0.1:{port}\""));
    let (folder, file) = (folder.display(), folder.join("traefik.yml"));
    let [dynamic, storage] =
        [format!("directory: {folder}/dynamic"), format!("storage: {folder}/acme.json")];
    let mut all = vec![
        ("\":80\"", &*plain),
        ("\":443\"", &*tls),
        ("directory: /etc/traefik/dynamic", &dynamic),
        ("storage: /var/lib/traefik/acme.json", &storage),
    ];
    all.extend(replaced);
    write_replaced("traefik.yml", &file, &all);
}

/// Copies a file of `traefik/`, with other words in it.
fn write_replaced(name: &str, to: &Path, replaced: &[(&str, &str)]) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("traefik").join(name);
    let mut text = fs::read_to_string(from).unwrap();
    for (old, new) in replaced {
        assert_eq!(text.matches(old).count(), 1, "{name} says {old} once");
        text = text.replace(old, new);
    }
    fs::write(to, text).unwrap();
}

fn spawn(folder: &Path) -> Child {
    let target: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().into();
    let mut command = Command::new(target.join("traefik/bin/traefik"));
    command.env_clear().kill_on_drop(true).current_dir(folder).stdin(Stdio::null());
    command.arg(format!("--configFile={}", folder.join("traefik.yml").display()));
    let log = fs::File::create(folder.join("log")).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().expect("Traefik: run `make test`")
}
