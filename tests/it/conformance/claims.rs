//! What we claim to pass (`claims.txt`), beside what the suite has for each revision.

use super::suite;

/// A scenario that the server must pass.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The protocol version that it is run with.
    pub revision: &'static str,
    pub scenario: &'static str,
    /// How many of its checks do not apply yet.
    pub skipped: usize,
}

/// The scenarios for servers that a revision of the protocol has.
pub struct Required {
    /// Those that a conforming server passes.
    pub scored: Vec<String>,
    /// Those that are run beside them.
    pub others: Vec<String>,
}

/// All claims.
pub fn all() -> Vec<Claim> {
    let lines = include_str!("claims.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(Claim::read).collect()
}

impl Claim {
    fn read(line: &'static str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            [revision, scenario] => Self { revision, scenario, skipped: 0 },
            [revision, scenario, skipped] => {
                Self { revision, scenario, skipped: skipped.parse().unwrap() }
            }
            _ => panic!("no claim: {line}"),
        }
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

    /// Those scored that `claims` lacks for `revision`.
    pub fn unclaimed(&self, revision: &str, claims: &[Claim]) -> Vec<&str> {
        let claimed = |name: &str| {
            claims.iter().any(|claim| claim.revision == revision && claim.scenario == name)
        };
        self.scored.iter().map(String::as_str).filter(|name| !claimed(name)).collect()
    }
}
