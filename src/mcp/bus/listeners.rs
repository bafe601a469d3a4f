//! Who listens to what happens in a project. A project without listeners costs nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{self, Receiver, Sender};

use super::attendance::Attendance;
use crate::model::{ProjectId, Signal};

/// Signals that wait for a listener at most; of more it learns only that there were some.
pub const MAX_WAITING: usize = 256;

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// Something happened.
    Signal(Arc<Signal>),
    /// More happened than was kept, or the database was away for too long: anything in the project
    /// may have changed before this is heard.
    Lost,
}

/// All listeners of this process.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<HashMap<ProjectId, Vec<Sender<Heard>>>>);

/// Hears what happens in one project, until it is dropped.
#[derive(Debug)]
pub struct Listener {
    project: ProjectId,
    queue: Receiver<Heard>,
    listeners: Arc<Listeners>,
    _attendance: Attendance,
}

impl Listeners {
    /// Hears from now on what is told of `project`.
    pub(super) fn add(self: &Arc<Self>, project: ProjectId, attendance: Attendance) -> Listener {
        // The last place is for the word that something was lost.
        let (sender, queue) = mpsc::channel(MAX_WAITING + 1);
        self.lock().entry(project).or_default().push(sender);
        Listener { project, queue, listeners: self.clone(), _attendance: attendance }
    }

    /// Tells `signal` to all who listen to its project.
    pub(super) fn tell(&self, signal: Signal) {
        let listeners = self.lock();
        let Some(senders) = listeners.get(&signal.project) else { return };
        let signal = Arc::new(signal);
        for sender in senders {
            put(sender, Heard::Signal(signal.clone()));
        }
    }

    /// Tells everybody that something was lost.
    pub(super) fn tell_lost(&self) {
        for sender in self.lock().values().flatten() {
            put(sender, Heard::Lost);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, Vec<Sender<Heard>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues `heard`. The last place takes `Lost` alone, and while that waits there everything may be
/// left out. Nobody else sends, so that the places seen are there.
fn put(sender: &Sender<Heard>, heard: Heard) {
    let heard = match sender.capacity() {
        0 => return,
        1 => Heard::Lost,
        _ => heard,
    };
    if let Err(error) = sender.try_send(heard) {
        // Its listener is being dropped.
        tracing::trace!(%error, "a listener that leaves");
    }
}

impl Listener {
    /// What happens next. Nothing is lost when this is dropped before it is done.
    pub async fn next(&mut self) -> Heard {
        match self.queue.recv().await {
            Some(heard) => heard,
            // The other end is kept for as long as this one is there.
            None => std::future::pending().await,
        }
    }

    /// What has happened already, if anything.
    pub fn try_next(&mut self) -> Option<Heard> {
        self.queue.try_recv().ok()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.queue.close();
        let mut listeners = self.listeners.lock();
        let Some(senders) = listeners.get_mut(&self.project) else { return };
        senders.retain(|sender| !sender.is_closed());
        if senders.is_empty() {
            listeners.remove(&self.project);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::attendance::Attendants;
    use super::*;
    use crate::model::SignalKind;

    fn project(number: u128) -> ProjectId {
        ProjectId(Uuid::from_u128(number))
    }

    fn signal(of: ProjectId, target: usize) -> Signal {
        let kind = SignalKind::ResourceUpdated;
        Signal { project: of, user: None, kind, target: target.to_string() }
    }

    fn heard(listener: &mut Listener) -> Vec<Option<String>> {
        let each = || match listener.try_next()? {
            Heard::Signal(signal) => Some(Some(signal.target.clone())),
            Heard::Lost => Some(None),
        };
        std::iter::from_fn(each).collect()
    }

    #[test]
    fn each_hears_its_own_project_alone_and_leaves_nothing_behind() {
        let (listeners, attendants) =
            (Arc::new(Listeners::default()), Arc::new(Attendants::default()));
        let add = |number| listeners.add(project(number), attendants.attend());
        let (mut one, mut same, mut other) = (add(1), add(1), add(2));
        listeners.tell(signal(project(1), 7));
        assert_eq!(heard(&mut one), [Some("7".to_owned())]);
        assert_eq!(heard(&mut same), [Some("7".to_owned())]);
        assert!(heard(&mut other).is_empty());
        drop((one, other));
        listeners.tell(signal(project(1), 8));
        assert_eq!(heard(&mut same), [Some("8".to_owned())]);
        assert!(attendants.any());
        drop(same);
        assert!(listeners.lock().is_empty() && !attendants.any());
    }

    #[test]
    fn what_overflows_is_lost_in_one_word_that_comes_after_what_was_kept() {
        let (listeners, attendants) =
            (Arc::new(Listeners::default()), Arc::new(Attendants::default()));
        let mut listener = listeners.add(project(1), attendants.attend());
        for number in 0..MAX_WAITING * 3 {
            listeners.tell(signal(project(1), number));
        }
        let all = heard(&mut listener);
        let kept: Vec<_> = (0..MAX_WAITING).map(|number| Some(number.to_string())).collect();
        assert_eq!(all[..MAX_WAITING], kept);
        assert_eq!(all[MAX_WAITING..], [None]);
        listeners.tell(signal(project(1), 0));
        listeners.tell_lost();
        assert_eq!(heard(&mut listener), [Some("0".to_owned()), None]);
    }

    #[test]
    fn a_thousand_listeners_come_and_go_in_one_project_and_in_a_thousand() {
        let (listeners, attendants) =
            (Arc::new(Listeners::default()), Arc::new(Attendants::default()));
        let numbers = (0..1000).chain([1; 1000]);
        let all: Vec<_> =
            numbers.map(|number| listeners.add(project(number), attendants.attend())).collect();
        listeners.tell(signal(project(1), 7));
        let hearing = all.into_iter().filter_map(|mut listener| listener.try_next());
        assert_eq!(hearing.count(), 1001);
        assert!(listeners.lock().is_empty() && !attendants.any());
    }
}
