//! Whose turn it is for a connection: one project cannot take all, and nobody waits in a long queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::StoreError;
use crate::model::ProjectId;

/// Calls that wait for each connection at most; more are sent away at once, since they would wait too
/// long.
const WAITING: usize = 32;

/// Hands out turns.
pub(super) struct Turns {
    projects: Mutex<HashMap<ProjectId, Project>>,
    /// Turns of one project at once.
    per_project: usize,
    /// Places in the queue for a connection.
    queue: Semaphore,
}

/// A project while it has calls.
struct Project {
    turns: Arc<Semaphore>,
    /// Those that wait or have their turn.
    calls: usize,
}

/// Too many calls at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overload {
    /// Of one project.
    #[error("too many calls of this project at once: send fewer at a time, and try again soon")]
    Project,
    /// Of all.
    #[error("the server has more calls than it can answer: try again soon")]
    All,
}

/// The turn of a call, until it is dropped.
pub(super) struct Turn<'a> {
    _turn: OwnedSemaphorePermit,
    _place: Place<'a>,
}

/// A call's place among those of its project.
struct Place<'a> {
    turns: &'a Turns,
    project: ProjectId,
}

impl Turns {
    /// Turns for a pool of `connections`.
    pub(super) fn new(connections: usize, per_project: usize) -> Self {
        let queue = Semaphore::new(connections.saturating_mul(WAITING));
        Self { projects: Mutex::default(), per_project, queue }
    }

    /// The next turn of `project`, if it comes before `deadline`.
    pub(super) async fn next(
        &self,
        project: ProjectId,
        deadline: Instant,
    ) -> Result<Turn<'_>, StoreError> {
        let (place, turns) = self.enter(project)?;
        match tokio::time::timeout_at(deadline, turns.acquire_owned()).await {
            // It is never closed.
            Ok(Ok(turn)) => Ok(Turn { _turn: turn, _place: place }),
            Ok(Err(_)) | Err(_) => Err(StoreError::Busy(Overload::Project)),
        }
    }

    /// Waits for `connection` in the queue of all, if there is a place in it.
    pub(super) async fn queue<T>(
        &self,
        connection: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let _place = self.queue.try_acquire().map_err(|_| StoreError::Busy(Overload::All))?;
        connection.await
    }

    fn enter(&self, project: ProjectId) -> Result<(Place<'_>, Arc<Semaphore>), StoreError> {
        let mut projects = self.projects();
        let found = projects.entry(project).or_insert_with(|| Project {
            turns: Arc::new(Semaphore::new(self.per_project)),
            calls: 0,
        });
        if found.calls >= self.per_project.saturating_mul(1 + WAITING) {
            return Err(StoreError::Busy(Overload::Project));
        }
        found.calls += 1;
        Ok((Place { turns: self, project }, found.turns.clone()))
    }

    fn projects(&self) -> MutexGuard<'_, HashMap<ProjectId, Project>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut projects = self.turns.projects();
        if let Some(found) = projects.get_mut(&self.project) {
            found.calls -= 1;
            if found.calls == 0 {
                projects.remove(&self.project);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::task::Poll;
    use std::time::Duration;

    use futures_util::poll;
    use uuid::Uuid;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(50);

    async fn turn(turns: &Turns, project: u128) -> Result<Turn<'_>, StoreError> {
        turns.next(ProjectId(Uuid::from_u128(project)), Instant::now() + PATIENCE).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_project_has_its_turns_and_no_more_and_others_have_theirs() {
        let turns = Turns::new(4, 2);
        let (first, _second) = (turn(&turns, 1).await, turn(&turns, 1).await);
        assert!(matches!(turn(&turns, 1).await, Err(StoreError::Busy(Overload::Project))));
        assert!(turn(&turns, 2).await.is_ok());
        drop(first);
        assert!(turn(&turns, 1).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_project_is_forgotten_also_where_its_call_gave_up() {
        let turns = Turns::new(1, 1);
        let running = turn(&turns, 1).await;
        assert!(turn(&turns, 1).await.is_err());
        assert_eq!(turns.projects().len(), 1);
        drop(running);
        assert!(turns.projects().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_queue_that_is_full_the_next_one_is_sent_away_at_once() {
        let turns = Turns::new(1, 1);
        let _running = turn(&turns, 1).await;
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(turn(&turns, 1))).collect();
        for call in &mut waiting {
            assert!(poll!(call).is_pending());
        }
        let refused = poll!(Box::pin(turn(&turns, 1)));
        assert!(matches!(refused, Poll::Ready(Err(StoreError::Busy(Overload::Project)))));

        let queued = || Box::pin(turns.queue(pending::<Result<(), StoreError>>()));
        let mut waiting: Vec<_> = (0..WAITING).map(|_| queued()).collect();
        for call in &mut waiting {
            assert!(poll!(call).is_pending());
        }
        assert!(matches!(poll!(queued()), Poll::Ready(Err(StoreError::Busy(Overload::All)))));
        drop(waiting);
        assert!(turns.queue(async { Ok(()) }).await.is_ok());
    }
}
