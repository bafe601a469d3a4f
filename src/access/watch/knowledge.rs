//! What is known of changes: all that were committed since some moment.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{KeyId, ProjectId};
use crate::store::Moment;
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
    last: Option<Moment>,
}

/// All changes from one look on.
#[derive(Debug)]
struct Chapter {
    since: Moment,
    begun: Instant,
    changes: HashMap<(ProjectId, Option<KeyId>), Vec<u64>>,
}

impl Knowledge {
    /// Where the next look begins.
    pub(super) fn last(&self) -> Option<&Moment> {
        self.last.as_ref()
    }

    /// Forgets everything, so that nothing that was remembered until now is believed again.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Learns what a look at `now` gave, which began where the last one was.
    pub(super) fn learn(&mut self, news: KeyNews, now: Instant) {
        let KeyNews { moment, changes } = news;
        if self.last.as_ref().is_some_and(|last| !moment.includes(last)) {
            // Another server, or one that was set back: what was counted there means nothing here.
            self.forget();
        }
        if let Some(chapter) = &mut self.newer {
            chapter.add(&changes);
        }
        if self.newer.as_ref().is_none_or(|chapter| now >= chapter.begun + CHAPTER) {
            self.older = self.newer.replace(Chapter::new(moment.clone(), now));
        }
        self.last = Some(moment);
    }

    /// Whether all changes are known that were not seen at `as_of`.
    pub(super) fn reaches(&self, as_of: &Moment) -> bool {
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
    fn new(since: Moment, begun: Instant) -> Self {
        Self { since, begun, changes: HashMap::new() }
    }

    fn add(&mut self, changes: &[KeyChange]) {
        for &KeyChange { project, key, xid } in changes {
            self.changes.entry((project, key)).or_default().push(xid);
        }
    }
}
