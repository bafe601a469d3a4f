//! The official suite, which `scripts/conformance` installs: each scenario is a run of its own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use walkdir::WalkDir;

use super::claims::Claim;

/// The longest that one scenario may take; the suite itself gives up after half a minute.
const TIME_LIMIT: Duration = Duration::from_secs(90);

/// One check of a scenario, as the suite writes it down.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    id: String,
    status: Status,
    #[serde(default)]
    error_message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Success,
    Failure,
    Warning,
    Skipped,
    Info,
}

/// What came of a claim.
pub struct Outcome {
    claim: Claim,
    succeeded: usize,
    skipped: Vec<String>,
    problems: Vec<String>,
}

/// Where `scripts/conformance` installs.
pub fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let installed = target.join("conformance");
    assert!(installed.join("stamp").exists(), "no conformance suite: run `make conformance`");
    installed
}

/// The suite's package.
pub fn folder() -> PathBuf {
    installed().join("node_modules/@modelcontextprotocol/conformance")
}

/// Runs the scenario of `claim` against the server at `url`.
pub async fn run(claim: Claim, url: &str) -> Outcome {
    let results = tempfile::tempdir().unwrap();
    let mut command = Command::new(installed().join("node"));
    command.arg(folder().join("dist/index.js")).args(["server", "--url", url]);
    command.args(["--scenario", claim.scenario, "--spec-version", claim.revision]);
    command.arg("--output-dir").arg(results.path());
    command.envs([("NO_PROXY", "*"), ("no_proxy", "*")]);
    // Parses the suite once, not in every run.
    command.env("NODE_COMPILE_CACHE", installed().join("cache"));
    command.stdin(Stdio::null()).kill_on_drop(true);
    let Ok(output) = tokio::time::timeout(TIME_LIMIT, command.output()).await else {
        return Outcome::broken(claim, format!("not done after {TIME_LIMIT:?}"));
    };
    let output = output.expect("run `make conformance`");
    let Some(checks) = read_checks(results.path()) else {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        return Outcome::broken(claim, format!("no checks were made: {said}"));
    };
    let mut outcome = Outcome::of(claim, &checks);
    if !output.status.success() && outcome.passed() {
        outcome.problems.push(format!("the suite ended with {}", output.status));
    }
    outcome
}

/// The checks written below `results`; none where the suite left the scenario out.
fn read_checks(results: &Path) -> Option<Vec<Check>> {
    let mut files = WalkDir::new(results).into_iter().map(Result::unwrap);
    let file = files.find(|file| file.file_name() == "checks.json")?;
    Some(serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap())
}

impl Outcome {
    fn of(claim: Claim, checks: &[Check]) -> Self {
        let mut outcome = Self { claim, succeeded: 0, skipped: vec![], problems: vec![] };
        for Check { id, status, error_message } in checks {
            match status {
                Status::Success => outcome.succeeded += 1,
                Status::Info => {}
                Status::Skipped => outcome.skipped.push(format!("skipped {id}")),
                Status::Failure | Status::Warning => {
                    outcome.problems.push(format!("{status:?} {id}: {error_message}"));
                }
            }
        }
        if outcome.succeeded == 0 {
            outcome.problems.push("no check succeeded".to_owned());
        }
        if outcome.skipped.len() != claim.skipped {
            outcome.problems.push(format!("{} checks skip themselves by the claim", claim.skipped));
        }
        outcome
    }

    fn broken(claim: Claim, problem: String) -> Self {
        Self { claim, succeeded: 0, skipped: vec![], problems: vec![problem] }
    }

    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.passed() { "passed" } else { "FAILED" };
        let Self { claim: Claim { revision, scenario, .. }, succeeded, .. } = self;
        write!(f, "{word}  {revision}  {scenario}: {succeeded} checks")?;
        for note in self.skipped.iter().chain(&self.problems) {
            write!(f, "\n        {note}")?;
        }
        Ok(())
    }
}

fn passes(skipped: usize, statuses: &[&str]) -> bool {
    let claim = Claim { revision: "2025-11-25", scenario: "ping", skipped };
    let check = |status| json!({ "id": "x", "status": status });
    let checks: Value = statuses.iter().map(check).collect();
    Outcome::of(claim, &serde_json::from_value::<Vec<Check>>(checks).unwrap()).passed()
}

#[test]
fn a_scenario_passes_by_checks_that_succeed_alone() {
    assert!(passes(0, &["SUCCESS", "INFO"]) && passes(1, &["SUCCESS", "SKIPPED"]));
    for statuses in [&[] as &[&str], &["INFO"], &["SUCCESS", "FAILURE"], &["SUCCESS", "WARNING"]] {
        assert!(!passes(0, statuses), "{statuses:?}");
    }
    assert!(!passes(1, &["SKIPPED"]) && !passes(0, &["SUCCESS", "SKIPPED"]));
    assert!(!passes(2, &["SUCCESS", "SKIPPED"]), "what was skipped is checked now: claim it");
}
