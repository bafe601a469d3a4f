//! Makes the database directory, once.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use tokio::process::Command;

use super::SUPERUSER;
use super::account::Account;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::layout::Layout;

/// Fills the database directory if there is none. It is made under another name and renamed when
/// complete, so that an interrupted run leaves nothing that looks finished.
pub(super) async fn ensure(
    binaries: &Binaries,
    layout: &Layout,
    account: &Account,
) -> Result<(), EmbeddedError> {
    let pgdata = layout.pgdata();
    if pgdata.join("PG_VERSION").exists() {
        return Ok(());
    }
    tracing::info!(dir = %pgdata.display(), "creating a Postgres cluster");
    let unfinished = layout.unfinished_pgdata();
    let mut output = run(binaries, &unfinished, account, "C.UTF-8").await?;
    if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("locale") {
        output = run(binaries, &unfinished, account, "C").await?;
    }
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(EmbeddedError::Initdb { dir: pgdata, said });
    }
    fs::rename(&unfinished, &pgdata).map_err(EmbeddedError::io("move into place", &pgdata))
}

async fn run(
    binaries: &Binaries,
    target: &Path,
    account: &Account,
    locale: &str,
) -> Result<Output, EmbeddedError> {
    if target.exists() {
        fs::remove_dir_all(target).map_err(EmbeddedError::io("remove", target))?;
    }
    let program = binaries.program("initdb");
    let mut command = private_command(&program, target.parent().unwrap_or(target), account);
    command
        .arg("--pgdata")
        .arg(target)
        .args(["--username", SUPERUSER, "--auth-local", "trust", "--auth-host", "reject"])
        .args(["--encoding", "UTF8", "--locale", locale, "--no-sync"])
        .kill_on_drop(true);
    command.output().await.map_err(EmbeddedError::io("run", &program))
}

/// A command for a program of Postgres: as the right user, in a directory it can enter, with a
/// process group of its own (a terminal's Ctrl-C is for us), and without our environment, which
/// holds secrets and may hold `PG…` variables.
pub(super) fn private_command(program: &Path, dir: &Path, account: &Account) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .process_group(0);
    account.apply(&mut command);
    command
}
