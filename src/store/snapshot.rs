//! What a statement of Postgres saw.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Which transactions had ended when a statement looked, as `pg_snapshot` says it, and by which
/// server's numbering: one that takes over after a failure may give the same numbers again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Snapshot {
    /// When the server started, in microseconds since 1970.
    server: i128,
    /// All of lower numbers had ended.
    xmin: u64,
    /// None from this number on had begun.
    xmax: u64,
    /// Those between that ran, ascending.
    running: Vec<u64>,
}

/// Not what a statement saw.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no snapshot")]
pub struct NoSnapshot(String);

impl Snapshot {
    /// What `snapshot` says, of the server that started at `server`.
    ///
    /// # Errors
    /// When it is no snapshot.
    pub(super) fn new(server: OffsetDateTime, snapshot: &str) -> Result<Self, NoSnapshot> {
        Self::of(server.unix_timestamp_nanos() / 1000, snapshot)
            .ok_or_else(|| NoSnapshot(snapshot.to_owned()))
    }

    fn of(server: i128, snapshot: &str) -> Option<Self> {
        let mut parts = snapshot.split(':');
        let (xmin, xmax, running) = (parts.next()?, parts.next()?, parts.next()?);
        let (xmin, xmax) = (xmin.parse().ok()?, xmax.parse().ok()?);
        let running = running.split(',').filter(|xid| !xid.is_empty());
        let running: Vec<u64> = running.map(|xid| xid.parse().ok()).collect::<Option<_>>()?;
        let ordered = running.is_sorted() && running.iter().all(|xid| (xmin..xmax).contains(xid));
        let whole = parts.next().is_none() && xmin <= xmax && ordered;
        whole.then_some(Self { server, xmin, xmax, running })
    }

    /// Whether the transaction `xid`, which has been committed, had been by then.
    #[must_use]
    pub fn saw(&self, xid: u64) -> bool {
        xid < self.xmin || (xid < self.xmax && self.running.binary_search(&xid).is_err())
    }

    /// Whether all that `earlier` saw was seen here too: so it is with any that is taken later
    /// at the same server.
    #[must_use]
    pub fn includes(&self, earlier: &Self) -> bool {
        let saw_less = |xid: &u64| earlier.saw(*xid);
        self.server == earlier.server
            && self.xmax >= earlier.xmax
            && !self.running.iter().any(saw_less)
    }

    /// As `pg_snapshot` reads it.
    pub(super) fn as_postgres(&self) -> String {
        let running: Vec<String> = self.running.iter().map(ToString::to_string).collect();
        format!("{}:{}:{}", self.xmin, self.xmax, running.join(","))
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server, self.as_postgres())
    }
}

impl FromStr for Snapshot {
    type Err = NoSnapshot;

    fn from_str(text: &str) -> Result<Self, NoSnapshot> {
        let parts = text.split_once('/');
        let snapshot = parts.and_then(|(server, rest)| Self::of(server.parse().ok()?, rest));
        snapshot.ok_or_else(|| NoSnapshot(text.to_owned()))
    }
}

impl TryFrom<String> for Snapshot {
    type Error = NoSnapshot;

    fn try_from(text: String) -> Result<Self, NoSnapshot> {
        text.parse()
    }
}

impl From<Snapshot> for String {
    fn from(snapshot: Snapshot) -> Self {
        snapshot.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Transactions that begin and end in any order, and what was seen after each step.
    fn history(steps: &[(bool, usize)]) -> Vec<(Snapshot, BTreeSet<u64>)> {
        let (mut next, mut running, mut ended) = (3, BTreeSet::new(), BTreeSet::new());
        let mut seen = Vec::new();
        for &(begins, which) in steps {
            if begins {
                running.insert(next);
                next += 1;
            } else if let Some(&xid) = running.iter().nth(which % running.len().max(1)) {
                running.remove(&xid);
                ended.insert(xid);
            }
            let xmin = running.first().copied().unwrap_or(next);
            // Postgres counts on from the last that ended, and names none that began later.
            let xmax = ended.last().map_or(3, |last| last + 1).max(xmin);
            let between: Vec<String> = running.range(..xmax).map(ToString::to_string).collect();
            let text = format!("7/{xmin}:{xmax}:{}", between.join(","));
            seen.push((text.parse().unwrap(), ended.clone()));
        }
        seen
    }

    proptest! {
        #[test]
        fn a_snapshot_saw_what_had_ended_and_includes_those_before_it(
            steps in proptest::collection::vec((any::<bool>(), 0..9_usize), 1..60),
        ) {
            let all = history(&steps);
            for (snapshot, ended) in &all {
                for xid in 3..40 {
                    prop_assert_eq!(snapshot.saw(xid), ended.contains(&xid), "{} {}", snapshot, xid);
                }
                prop_assert_eq!(&snapshot.to_string().parse::<Snapshot>().unwrap(), snapshot);
                for (other, had_ended) in &all {
                    let includes = snapshot.includes(other);
                    prop_assert_eq!(includes, had_ended.is_subset(ended), "{} {}", snapshot, other);
                }
            }
        }

        #[test]
        fn no_text_panics(text in "[0-9:,/-]{0,20}") {
            let _read: Result<Snapshot, _> = text.parse();
        }
    }

    #[test]
    fn another_server_counts_otherwise() {
        let [one, other]: [Snapshot; 2] = ["1/5:5:", "2/9:9:"].map(|text| text.parse().unwrap());
        assert!(one.includes(&one) && !other.includes(&one));
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        for text in ["", "1/", "1/3:4", "1/4:3:", "1/3:9:9", "1/3:9:5,4", "x/3:3:", "1/3:3::"] {
            assert!(text.parse::<Snapshot>().is_err(), "{text}");
        }
    }
}
