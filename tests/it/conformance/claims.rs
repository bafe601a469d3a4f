//! What we claim to pass (`claims.txt`), beside what the suite has for each revision.

use std::collections::BTreeSet;

use super::suite;

/// The revisions for which the suite says what counts.
pub const SCORED: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// A scenario that the server must pass.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The protocol version that it is run with.
    pub revision: &'static str,
    pub scenario: &'static str,
}

/// The scenarios for servers that a revision of the protocol has.
pub struct Required {
    /// Those that a conforming server passes.
    pub scored: Vec<String>,
    /// Those that are run beside them.
    pub others: Vec<String>,
}

/// The revisions that something is claimed for.
pub fn revisions() -> BTreeSet<&'static str> {
    all().iter().map(|claim| claim.revision).collect()
}

/// The scenarios claimed for `revision`.
pub fn of(revision: &str) -> BTreeSet<&'static str> {
    let all = all().into_iter().filter(|claim| claim.revision == revision);
    all.map(|claim| claim.scenario).collect()
}

/// All claims.
pub fn all() -> Vec<Claim> {
    let lines = include_str!("claims.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(Claim::read).collect()
}

impl Claim {
    fn read(line: &'static str) -> Self {
        let (revision, scenario) = line.split_once(' ').unwrap();
        Self { revision, scenario }
    }
}

impl Required {
    /// What `revision` has, from the suite's own list: YAML of one form, without nesting.
    pub fn of(revision: &str) -> Self {
        let file = suite::folder().join(format!("requirements/{revision}.yaml"));
        let text = std::fs::read_to_string(&file).unwrap();
        let section = |name: &str| {
            let (_, rest) = text.split_once(&format!("\n{name}:\n")).unwrap();
            rest.lines().take_while(|line| line.starts_with(' ')).map(str::trim)
        };
        let item = |line: &str| line.strip_prefix("- ").map(str::to_owned);
        let scored: Vec<String> = section("server").filter_map(item).collect();
        let names = section("not_scored").filter_map(|line| line.strip_prefix("- scenario: "));
        let legs = section("not_scored").filter_map(|line| line.strip_prefix("leg: "));
        let servers = names.zip(legs).filter(|(_, leg)| *leg == "server");
        Self { scored, others: servers.map(|(name, _)| name.to_owned()).collect() }
    }
}
