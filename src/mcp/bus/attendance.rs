//! Who needs to hear soon what happens: as long as there is anyone, Postgres is asked often.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Those who are there.
#[derive(Debug, Default)]
pub(super) struct Attendants {
    count: AtomicUsize,
    came: Notify,
}

/// Someone who is there, until it is dropped.
#[derive(Debug)]
pub struct Attendance(Arc<Attendants>);

impl Attendants {
    /// One more.
    pub(super) fn attend(self: &Arc<Self>) -> Attendance {
        if self.count.fetch_add(1, Ordering::Relaxed) == 0 {
            self.came.notify_one();
        }
        Attendance(self.clone())
    }

    /// Whether anyone is there.
    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Waits for someone who comes while nobody is there.
    pub(super) async fn came(&self) {
        self.came.notified().await;
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}
