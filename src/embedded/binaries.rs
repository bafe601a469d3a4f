//! Finds the server programs of this machine.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::error::EmbeddedError;

/// Folders whose children may each be one version of Postgres: folder, prefix of the child, and
/// where the programs are below it.
const SHELVES: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// Where distributions without versioned folders put the server.
const PLAIN: [&str; 2] = ["/usr/bin", "/usr/local/pgsql/bin"];

/// A directory that holds `initdb` and `postgres`.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    dir: PathBuf,
}

impl Binaries {
    /// The best directory: the one given, else the first on this machine; of the version that wrote
    /// `pgdata` when there are data already.
    pub(super) async fn find(given: Option<&Path>, pgdata: &Path) -> Result<Self, EmbeddedError> {
        let all = match given {
            Some(dir) => vec![Self::in_given(dir)?],
            None => Self::of_machine().await,
        };
        let Ok(written) = fs::read_to_string(pgdata.join("PG_VERSION")) else {
            return all.into_iter().next().ok_or_else(no_binaries);
        };
        Self::of_version(all, written.trim(), pgdata).await
    }

    /// The path of one program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn in_given(dir: &Path) -> Result<Self, EmbeddedError> {
        let dir = std::path::absolute(dir).map_err(EmbeddedError::io("resolve", dir))?;
        match missing_in(&dir) {
            None => Ok(Self { dir }),
            Some(missing) => Err(EmbeddedError::BadBinaries { dir, missing }),
        }
    }

    async fn of_machine() -> Vec<Self> {
        let shelves = SHELVES.iter().flat_map(|(shelf, prefix, below)| {
            newest_first(children(Path::new(shelf), prefix))
                .into_iter()
                .map(move |dir| dir.join(below))
        });
        let mut dirs: Vec<PathBuf> = pg_config().await.into_iter().collect();
        dirs.extend(shelves);
        dirs.extend(PLAIN.map(PathBuf::from));
        dirs.retain(|dir| missing_in(dir).is_none());
        dirs.into_iter().map(|dir| Self { dir }).collect()
    }

    async fn of_version(
        all: Vec<Self>,
        wanted: &str,
        pgdata: &Path,
    ) -> Result<Self, EmbeddedError> {
        let mut found = Vec::new();
        for binaries in all {
            let version = binaries.major().await;
            if version == wanted {
                return Ok(binaries);
            }
            found.push(version);
        }
        found.dedup();
        if found.is_empty() {
            return Err(no_binaries());
        }
        Err(EmbeddedError::WrongVersion {
            dir: pgdata.to_path_buf(),
            wanted: wanted.to_owned(),
            found: found.join(", "),
        })
    }

    /// The major version as `postgres --version` tells it, empty when it tells none.
    async fn major(&self) -> String {
        let said = answer(Command::new(self.program("postgres")).arg("--version")).await;
        major_of(&said.unwrap_or_default()).to_owned()
    }
}

/// `15` of `postgres (PostgreSQL) 15.18 (Debian …)`.
fn major_of(said: &str) -> &str {
    let number =
        said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    number.map_or("", |word| word.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default())
}

async fn pg_config() -> Option<PathBuf> {
    answer(Command::new("pg_config").arg("--bindir")).await.map(PathBuf::from)
}

/// What a command prints, when it succeeds and prints something.
async fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().await.ok()?;
    let said = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !said.is_empty()).then_some(said)
}

fn missing_in(dir: &Path) -> Option<&'static str> {
    ["initdb", "postgres"].into_iter().find(|name| !dir.join(name).is_file())
}

fn children(shelf: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(shelf) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}

/// Sorts folders by the version in their names, `postgresql@17` before `9.6`, nameless ones last.
fn newest_first(mut dirs: Vec<PathBuf>) -> Vec<PathBuf> {
    dirs.sort_by_cached_key(|dir| (Reverse(version_of(dir)), dir.clone()));
    dirs
}

fn version_of(dir: &Path) -> Vec<u32> {
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

fn no_binaries() -> EmbeddedError {
    let shelves = SHELVES.iter().map(|(shelf, prefix, below)| format!("{shelf}/{prefix}*/{below}"));
    let searched: Vec<String> = std::iter::once("`pg_config --bindir`".to_owned())
        .chain(shelves)
        .chain(PLAIN.map(String::from))
        .collect();
    EmbeddedError::NoBinaries { searched: searched.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[&str]) -> Vec<String> {
        let dirs = newest_first(names.iter().map(|name| Path::new("/x").join(name)).collect());
        dirs.iter()
            .filter_map(|dir| dir.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn versions_sort_as_numbers() {
        assert_eq!(
            sorted(&["9.6", "15", "9.10", "17", "latest"]),
            ["17", "15", "9.10", "9.6", "latest"]
        );
        assert_eq!(
            sorted(&["postgresql", "postgresql@9.6", "postgresql@17"]),
            ["postgresql@17", "postgresql@9.6", "postgresql"]
        );
    }

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), "15");
        assert_eq!(major_of("postgres (PostgreSQL) 19beta1"), "19");
        assert_eq!(major_of("no idea"), "");
    }
}
