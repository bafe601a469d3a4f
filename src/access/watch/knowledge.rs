//! What is known of changes: all that were committed since some moment.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{KeyId, ProjectId};
use crate::store::Snapshot;
use crate::store::kv::key_cache;
use crate::store::pg::key_changes::{KeyChange, KeyNews};
use crate::store::pg::keys::KeyRecord;

/// How long a chapter is written. One more is kept, so that whatever is remembered anywhere is not
/// older than what is known.
const CHAPTER: Duration = key_cache::TTL.saturating_add(Duration::from_mins(1));

/// The changes of the last minutes, in two chapters: the older one goes as a whole.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    older: Option<Chapter>,
    newer: Option<Chapter>,
    /// The last look.
    last: Option<Snapshot>,
}

/// All changes from one look on.
#[derive(Debug)]
struct Chapter {
    since: Snapshot,
    begun: Instant,
    changes: HashMap<(ProjectId, Option<KeyId>), Vec<u64>>,
}

impl Knowledge {
    /// Where the next look begins.
    pub(super) fn last(&self) -> Option<&Snapshot> {
        self.last.as_ref()
    }

    /// Forgets everything, so that nothing that was remembered until now is believed again.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Learns what a look at `now` gave, which began where the last one was. Gives whether it is the
    /// first of which anything is known: what was read before may have changed before it, unseen.
    pub(super) fn learn(&mut self, news: KeyNews, now: Instant) -> bool {
        let KeyNews { snapshot, changes } = news;
        if self.last.as_ref().is_some_and(|last| !snapshot.includes(last)) {
            // Another server, or one that was set back: what was counted there means nothing here.
            self.forget();
        }
        let anew = self.newer.is_none();
        if let Some(chapter) = &mut self.newer {
            chapter.add(&changes);
        }
        if self.newer.as_ref().is_none_or(|chapter| now >= chapter.begun + CHAPTER) {
            self.older = self.newer.replace(Chapter::new(snapshot.clone(), now));
        }
        self.last = Some(snapshot);
        anew
    }

    /// Whether all changes of `key` since it was read are known, and there is none.
    pub(super) fn covers(&self, key: &KeyRecord) -> bool {
        self.reaches(&key.as_of) && !self.is_superseded(key)
    }

    /// Whether all changes are known that were not seen at `as_of`.
    pub(super) fn reaches(&self, as_of: &Snapshot) -> bool {
        let oldest = self.older.as_ref().or(self.newer.as_ref());
        oldest.is_some_and(|chapter| as_of.includes(&chapter.since))
    }

    /// Whether a change of `key` is known that was not seen when it was read.
    pub(super) fn is_superseded(&self, key: &KeyRecord) -> bool {
        let project = key.tenant().project();
        let names = [(project, Some(key.id)), (project, None)];
        let chapters = [&self.older, &self.newer].into_iter().flatten();
        let mut changes = chapters
            .flat_map(|chapter| names.iter().filter_map(|name| chapter.changes.get(name)))
            .flatten();
        changes.any(|&xid| !key.as_of.saw(xid))
    }
}

impl Chapter {
    fn new(since: Snapshot, begun: Instant) -> Self {
        Self { since, begun, changes: HashMap::new() }
    }

    fn add(&mut self, changes: &[KeyChange]) {
        for &KeyChange { project, key, xid } in changes {
            self.changes.entry((project, key)).or_default().push(xid);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    const PROJECT: ProjectId = ProjectId(Uuid::from_u128(1));
    const KEY: KeyId = KeyId(Uuid::from_u128(2));

    /// A database with one key, as its readers see it.
    #[derive(Default)]
    struct World {
        next: u64,
        running: BTreeSet<u64>,
        /// Committed changes of the key, in the order of their commits.
        changes: Vec<u64>,
    }

    impl World {
        fn snapshot(&self) -> Snapshot {
            let xmin = self.running.first().copied().unwrap_or(self.next);
            let running: Vec<String> = self.running.iter().map(ToString::to_string).collect();
            format!("1/{xmin}:{}:{}", self.next, running.join(",")).parse().unwrap()
        }

        fn commit(&mut self, which: usize) {
            if let Some(&xid) = self.running.iter().nth(which % self.running.len().max(1)) {
                self.running.remove(&xid);
                self.changes.push(xid);
            }
        }

        /// What a look-up gives, and the number of changes that it saw.
        fn look_up(&self) -> (KeyRecord, usize) {
            (record(&self.snapshot()), self.changes.len())
        }

        /// Gives whether those who follow the changes are told.
        fn look(&self, knowledge: &mut Knowledge, now: Instant) -> bool {
            let (snapshot, last) = (self.snapshot(), knowledge.last());
            let fresh = |xid: &&u64| last.is_some_and(|last| !last.saw(**xid));
            let changes = self.changes.iter().filter(fresh);
            let changes = changes.map(|&xid| KeyChange { project: PROJECT, key: Some(KEY), xid });
            let changes: Vec<_> = changes.collect();
            let told = !changes.is_empty();
            knowledge.learn(KeyNews { snapshot, changes }, now) || told
        }
    }

    fn record(as_of: &Snapshot) -> KeyRecord {
        let record = json!({
            "id": KEY, "project": PROJECT, "user": PROJECT, "scopes": [], "expires_at": null,
            "rate_limit": 1, "test": false, "label": "", "project_slug": "a", "as_of": as_of,
        });
        serde_json::from_value(record).unwrap()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Begin,
        Commit(usize),
        LookUp,
        /// A stream is opened.
        Follow,
        /// The changes are read, so many seconds after the last time.
        Look(u64),
        Forget,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Begin),
            3 => any::<usize>().prop_map(Step::Commit),
            3 => Just(Step::LookUp),
            2 => Just(Step::Follow),
            4 => prop_oneof![Just(0), 1..600_u64].prop_map(Step::Look),
            1 => Just(Step::Forget),
        ]
    }

    proptest! {
        #[test]
        fn what_holds_after_a_look_is_as_it_is_stored(
            steps in proptest::collection::vec(step(), 1..80),
        ) {
            let mut world = World { next: 3, ..World::default() };
            let mut knowledge = Knowledge::default();
            let (mut looked_up, mut followers) = (Vec::new(), Vec::new());
            let mut now = Instant::now();
            for step in steps {
                match step {
                    Step::Begin => {
                        world.running.insert(world.next);
                        world.next += 1;
                    }
                    Step::Commit(which) => world.commit(which),
                    Step::LookUp => looked_up.push(world.look_up()),
                    Step::Follow => followers.push(world.look_up()),
                    Step::Forget => knowledge.forget(),
                    Step::Look(seconds) => {
                        now += Duration::from_secs(seconds);
                        let told = world.look(&mut knowledge, now);
                        for follower in &mut followers {
                            if told && !knowledge.covers(&follower.0) {
                                *follower = world.look_up();
                            }
                            prop_assert_eq!(follower.1, world.changes.len(), "{:?}", follower.0);
                        }
                        for (key, seen) in &looked_up {
                            let stale = *seen < world.changes.len();
                            prop_assert!(!(stale && knowledge.covers(key)), "{key:?}");
                        }
                        let (fresh, _) = world.look_up();
                        prop_assert!(knowledge.covers(&fresh), "{fresh:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_remembered_holds_for_longer_than_anything_remembers_it() {
        let world = World { next: 3, ..World::default() };
        let (mut knowledge, mut now) = (Knowledge::default(), Instant::now());
        world.look(&mut knowledge, now);
        let (key, _) = World { next: 4, ..World::default() }.look_up();
        let later = World { next: 9, ..World::default() };
        for _ in 0..key_cache::TTL.as_secs() {
            now += Duration::from_secs(1);
            later.look(&mut knowledge, now);
            assert!(knowledge.covers(&key));
        }
        for _ in 0..3 {
            now += CHAPTER;
            later.look(&mut knowledge, now);
        }
        assert!(!knowledge.covers(&key), "what is older than all that is known");
    }

    #[test]
    fn changes_of_others_change_nothing_and_those_of_the_project_do() {
        let [before, after]: [Snapshot; 2] = ["1/3:3:", "1/9:9:"].map(|text| text.parse().unwrap());
        let other = Uuid::from_u128(9);
        for (project, key, holds_on) in [
            (PROJECT, Some(KeyId(other)), true),
            (ProjectId(other), Some(KEY), true),
            (ProjectId(other), None, true),
            (PROJECT, None, false),
            (PROJECT, Some(KEY), false),
        ] {
            let mut knowledge = Knowledge::default();
            knowledge.learn(KeyNews { snapshot: before.clone(), changes: vec![] }, Instant::now());
            let changes = vec![KeyChange { project, key, xid: 5 }];
            knowledge.learn(KeyNews { snapshot: after.clone(), changes }, Instant::now());
            assert_eq!(knowledge.covers(&record(&before)), holds_on);
        }
    }

    #[test]
    fn another_server_begins_another_book() {
        let mut knowledge = Knowledge::default();
        let [old, new]: [Snapshot; 2] = ["1/30:30:", "2/40:40:"].map(|text| text.parse().unwrap());
        knowledge.learn(KeyNews { snapshot: old.clone(), changes: vec![] }, Instant::now());
        assert!(knowledge.covers(&record(&old)));
        knowledge.learn(KeyNews { snapshot: new.clone(), changes: vec![] }, Instant::now());
        assert!(!knowledge.covers(&record(&old)) && knowledge.covers(&record(&new)));
    }
}
