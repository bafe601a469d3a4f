//! The real binary as a process of its own.

use std::process::Stdio;

use tokio::process::{Child, Command};

use super::{Client, Database, Login, NO_LIMITS, SECRET, TestKey, eventually};

/// The binary with an empty environment.
pub fn mbmcp() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mbmcp"));
    command.env_clear().kill_on_drop(true);
    command
}

/// `mbmcp serve` on a port of its own.
pub struct Process {
    child: Child,
    log: tempfile::NamedTempFile,
    port: u16,
    variables: Vec<(String, String)>,
}

impl Process {
    /// Starts a server on `database` and waits until it is ready.
    pub async fn serve(database: &Database, variables: &[(&str, &str)]) -> Self {
        let mut all: Vec<(String, String)> = vec![
            ("MCP_HOST".to_owned(), "127.0.0.1".to_owned()),
            ("MCP_PORT".to_owned(), "0".to_owned()),
            ("DATABASE_URL".to_owned(), database.url(Login::Server)),
            ("SERVER_SECRET".to_owned(), SECRET.to_owned()),
            ("LOG_LEVEL".to_owned(), "info".to_owned()),
        ];
        all.extend(NO_LIMITS.map(|(name, value)| (name.to_owned(), value.to_owned())));
        all.extend(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut process = Self { child: spawn(&all, &log), log, port: 0, variables: all };
        process.port = process.announced_port().await;
        process.variables.push(("MCP_PORT".to_owned(), process.port.to_string()));
        process.wait_until_ready().await;
        process
    }

    /// The port that the server took, from its log.
    async fn announced_port(&mut self) -> u16 {
        eventually("the server's start", async || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {}", self.log());
            let log = self.log();
            let line = log.lines().find(|line| line.contains("\"serving\""))?;
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            line["address"].as_str()?.rsplit(':').next()?.parse().ok()
        })
        .await
    }

    /// Kills it as `kill -9` does.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again at the same address, after its death.
    pub async fn restart(&mut self) {
        self.child = spawn(&self.variables, &self.log);
        self.wait_until_ready().await;
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client with `key`.
    pub fn client(&self, key: &TestKey) -> Client {
        Client::new(&self.url(), &key.key)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    async fn wait_until_ready(&mut self) {
        let url = format!("{}/ready", self.url());
        eventually("the server's readiness", async || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {}", self.log());
            let answer = reqwest::get(&url).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }
}

fn spawn(variables: &[(String, String)], log: &tempfile::NamedTempFile) -> Child {
    let mut command = mbmcp();
    command.arg("serve").envs(variables.iter().cloned()).stdin(Stdio::null());
    command.stderr(std::fs::File::options().append(true).open(log.path()).unwrap());
    command.spawn().expect("the binary starts")
}
