//! The official suite, which `scripts/conformance` installs: one run has all scenarios of a revision.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use super::claims::{Claim, SCORED};

/// The longest that a run may take; the suite itself gives a scenario half a minute.
const TIME_LIMIT: Duration = Duration::from_mins(4);
/// What follows a scenario's name in the name of its results.
const TIME: &str = "-2026-01-02T03-04-05-678Z";
/// A check that the suite leaves out, without a word, for servers whose connections last. Ours ends one.
const NEEDED: (&str, &str) = ("server-sse-polling", "server-sse-disconnect-resume");

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

/// What the suite found.
pub struct Run {
    /// By scenario.
    checks: BTreeMap<String, Vec<Check>>,
    /// What it concludes itself: its counts, or why they do not do.
    pub verdict: Result<String, String>,
}

/// What came of a claim.
pub struct Outcome {
    claim: Claim,
    succeeded: usize,
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

/// Runs all scenarios of `revision` against the server at `url`.
pub async fn run(revision: &str, url: &str) -> Run {
    let results = tempfile::tempdir().unwrap();
    let mut command = Command::new(installed().join("node"));
    command.arg(folder().join("dist/index.js")).args(["server", "--url", url]);
    if SCORED.contains(&revision) {
        command.args(["--requirements", revision]);
    } else {
        command.args(["--suite", "all", "--spec-version", revision]);
    }
    command.arg("--output-dir").arg(results.path());
    command.envs([("NO_PROXY", "*"), ("no_proxy", "*")]);
    // Parses the suite once, not in every run.
    command.env("NODE_COMPILE_CACHE", installed().join("cache"));
    command.stdin(Stdio::null()).kill_on_drop(true);
    let verdict = match tokio::time::timeout(TIME_LIMIT, command.output()).await {
        Ok(output) => verdict(&output.expect("run `make conformance`")),
        Err(_) => Err(format!("not done after {TIME_LIMIT:?}")),
    };
    Run { checks: read_checks(results.path()), verdict }
}

/// The suite's last words.
fn verdict(output: &Output) -> Result<String, String> {
    let said = String::from_utf8_lossy(&output.stdout);
    let is_count = |line: &&str| line.starts_with("Total: ") || line.starts_with("Not scored ");
    let counts: Vec<&str> = said.lines().filter(is_count).collect();
    let counts = counts.join("; ");
    if output.status.success() && !counts.is_empty() {
        return Ok(counts);
    }
    let complained = String::from_utf8_lossy(&output.stderr);
    Err(format!("the suite ended with {}: {counts} {}", output.status, complained.trim()))
}

/// The checks written below `results`.
fn read_checks(results: &Path) -> BTreeMap<String, Vec<Check>> {
    let folders = std::fs::read_dir(results).unwrap().map(Result::unwrap);
    let read = folders.map(|folder| {
        let name = folder.file_name().into_string().unwrap();
        let scenario = name.strip_prefix("server-").unwrap();
        let (scenario, _time) = scenario.split_at(scenario.len() - TIME.len());
        let checks = std::fs::read(folder.path().join("checks.json")).unwrap();
        (scenario.to_owned(), serde_json::from_slice(&checks).unwrap())
    });
    read.collect()
}

impl Run {
    /// What came of `claim`.
    pub fn outcome(&self, claim: Claim) -> Outcome {
        let checks = self.checks.get(claim.scenario).map_or(&[] as &[_], Vec::as_slice);
        let mut outcome = Outcome { claim, succeeded: 0, problems: vec![] };
        for Check { id, status, error_message } in checks {
            match status {
                Status::Success => outcome.succeeded += 1,
                Status::Info => {}
                Status::Failure | Status::Warning | Status::Skipped => {
                    outcome.problems.push(format!("{status:?} {id}: {error_message}"));
                }
            }
        }
        if outcome.succeeded == 0 {
            outcome.problems.push("no check succeeded".to_owned());
        }
        let (scenario, needed) = NEEDED;
        let succeeded = |check: &Check| check.id == needed && check.status == Status::Success;
        if claim.scenario == scenario && !checks.iter().any(succeeded) {
            outcome.problems.push(format!("{needed} did not succeed"));
        }
        outcome
    }
}

impl Outcome {
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.passed() { "passed" } else { "FAILED" };
        let Self { claim: Claim { revision, scenario }, succeeded, problems } = self;
        write!(f, "{word}  {revision}  {scenario}: {succeeded} checks")?;
        problems.iter().try_for_each(|problem| write!(f, "\n        {problem}"))
    }
}

/// Whether `scenario` passes by checks of these ids and statuses.
fn passes(scenario: &'static str, checks: &[(&str, &str)]) -> bool {
    let check = |(id, status): &(&str, &str)| json!({ "id": id, "status": status });
    let checks: Value = checks.iter().map(check).collect();
    let checks = BTreeMap::from([(scenario.to_owned(), serde_json::from_value(checks).unwrap())]);
    let run = Run { checks, verdict: Ok(String::new()) };
    run.outcome(Claim { revision: "2025-11-25", scenario }).passed()
}

#[test]
fn a_scenario_passes_by_checks_that_succeed_alone() {
    assert!(passes("ping", &[("x", "SUCCESS"), ("y", "INFO")]));
    for status in ["FAILURE", "WARNING", "SKIPPED"] {
        assert!(!passes("ping", &[("x", "SUCCESS"), ("y", status)]), "{status}");
    }
    assert!(!passes("ping", &[]) && !passes("ping", &[("x", "INFO")]));
}

#[test]
fn a_resumption_that_was_not_checked_did_not_pass() {
    let (scenario, needed) = NEEDED;
    let primed = ("server-sse-priming-event", "SUCCESS");
    assert!(passes(scenario, &[primed, (needed, "SUCCESS")]));
    assert!(!passes(scenario, &[primed, (needed, "INFO")]) && !passes(scenario, &[primed]));
}
