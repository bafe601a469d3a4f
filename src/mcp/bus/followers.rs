//! Who follows streams that this or another replica writes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use uuid::Uuid;

use super::attendance::Attendance;
use crate::model::{ProjectId, StreamId};
use crate::store::pg::streams::Head;

/// The stream first: what was stored is told without its project.
type Name = (StreamId, ProjectId);

/// All followers of this process.
#[derive(Debug, Default)]
pub(super) struct Followers(Mutex<BTreeMap<Name, Followed>>);

/// A stream that is followed.
#[derive(Debug, Default)]
struct Followed {
    news: watch::Sender<()>,
    followers: usize,
    /// As it was seen last, if it was.
    seen: Option<Seen>,
}

/// What a stream shows of itself; `None` when it is gone.
type Seen = Option<(i64, bool, bool)>;

/// Learns that one stream may have news, until it is dropped.
#[derive(Debug)]
pub struct Follow {
    name: Name,
    news: watch::Receiver<()>,
    followers: Arc<Followers>,
    _attendance: Attendance,
}

impl Followers {
    /// Follows `stream` of `project` from now on.
    pub(super) fn add(
        self: &Arc<Self>,
        project: ProjectId,
        stream: StreamId,
        attendance: Attendance,
    ) -> Follow {
        let name = (stream, project);
        let mut followers = self.lock();
        let followed = followers.entry(name).or_default();
        followed.followers += 1;
        let news = followed.news.subscribe();
        drop(followers);
        Follow { name, news, followers: self.clone(), _attendance: attendance }
    }

    /// The streams that are followed.
    pub(super) fn streams(&self) -> Vec<(ProjectId, StreamId)> {
        self.lock().keys().map(|&(stream, project)| (project, stream)).collect()
    }

    /// Wakes who follows `streams`, in whatever project.
    pub(super) fn wake(&self, streams: &[StreamId]) {
        let followers = self.lock();
        for &stream in streams {
            let names = (stream, ProjectId(Uuid::nil()))..=(stream, ProjectId(Uuid::max()));
            for (_, followed) in followers.range(names) {
                followed.news.send_replace(());
            }
        }
    }

    /// Wakes who follows any of `asked` that shows itself otherwise in `heads` than before. One that
    /// was not seen before may have changed since it is followed.
    pub(super) fn compare(&self, asked: &[(ProjectId, StreamId)], heads: &[Head]) {
        let heads: HashMap<StreamId, _> = heads
            .iter()
            .map(|head| (head.stream, (head.last_seq, head.closed, head.orphaned)))
            .collect();
        let mut followers = self.lock();
        for &(project, stream) in asked {
            let Some(followed) = followers.get_mut(&(stream, project)) else { continue };
            let now = heads.get(&stream).copied();
            if followed.seen.replace(now) != Some(now) {
                followed.news.send_replace(());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Followed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follow {
    /// Waits until the stream may have more events, or may be closed, orphaned or gone: then it is to
    /// be read. Nothing is lost when this is dropped before it is done.
    pub async fn news(&mut self) {
        if self.news.changed().await.is_err() {
            // The other end is kept for as long as this one is there.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        let mut followers = self.followers.lock();
        let Some(followed) = followers.get_mut(&self.name) else { return };
        followed.followers -= 1;
        if followed.followers == 0 {
            followers.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::attendance::Attendants;
    use super::*;

    const PROJECT: ProjectId = ProjectId(Uuid::from_u128(1));
    const STREAM: StreamId = StreamId(Uuid::from_u128(2));

    fn follow(followers: &Arc<Followers>, project: ProjectId) -> Follow {
        followers.add(project, STREAM, Arc::new(Attendants::default()).attend())
    }

    fn has_news(follow: &mut Follow) -> bool {
        let changed = follow.news.has_changed().unwrap();
        follow.news.mark_unchanged();
        changed
    }

    #[test]
    fn a_head_that_differs_is_news_and_the_first_one_too() {
        let followers = Arc::new(Followers::default());
        let mut early = follow(&followers, PROJECT);
        let asked = followers.streams();
        assert!(!has_news(&mut early), "nothing yet");
        let head = Head { stream: STREAM, last_seq: 3, closed: false, orphaned: false };
        followers.compare(&asked, &[head]);
        assert!(has_news(&mut early), "what happened since it follows is not known");

        let mut late = follow(&followers, PROJECT);
        let head = Head { stream: STREAM, last_seq: 3, closed: false, orphaned: false };
        followers.compare(&asked, &[head]);
        assert!(!has_news(&mut early) && !has_news(&mut late), "the same");
        for (last_seq, closed, orphaned) in [(4, false, false), (4, true, false), (4, false, true)]
        {
            let head = Head { stream: STREAM, last_seq, closed, orphaned };
            followers.compare(&asked, &[head]);
            assert!(has_news(&mut early) && has_news(&mut late), "{last_seq} {closed} {orphaned}");
        }
        followers.compare(&asked, &[]);
        assert!(has_news(&mut early), "gone");
        followers.compare(&asked, &[]);
        assert!(!has_news(&mut early), "still gone");
    }

    #[test]
    fn who_follows_the_same_id_elsewhere_changes_nothing_for_others() {
        let followers = Arc::new(Followers::default());
        let (mut own, foreign) = (follow(&followers, PROJECT), ProjectId(Uuid::from_u128(9)));
        let mut other = follow(&followers, foreign);
        assert_eq!(followers.streams(), [(PROJECT, STREAM), (foreign, STREAM)]);
        followers.wake(&[StreamId(Uuid::from_u128(3)), STREAM]);
        assert!(has_news(&mut own) && has_news(&mut other));
        drop(other);
        followers.wake(&[STREAM]);
        assert!(has_news(&mut own));
        drop(own);
        assert!(followers.lock().is_empty());
    }

    #[test]
    fn of_two_who_leave_at_once_nothing_stays() {
        let followers = Arc::new(Followers::default());
        let both = [follow(&followers, PROJECT), follow(&followers, PROJECT)];
        // Their ends of the channel are dropped behind the lock.
        let _ends = both.each_ref().map(|one| one.news.clone());
        drop(both);
        assert!(followers.lock().is_empty());
    }
}
