//! When a caller is none any more: for what stays open after it has called.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Authenticator, Caller};
use crate::store::pg::keys::KeyRecord;

/// The longest that is slept at once.
const NAP: Duration = Duration::from_hours(24);

impl Authenticator {
    /// Waits until the key of `caller` is good no more, or for less than before: it was revoked or
    /// changed, its time is over, its user is no member, the project was deleted. Also when for
    /// [`BLIND`](super::watch::BLIND) nobody could tell. A role is no part of that.
    pub fn ended(self: &Arc<Self>, caller: &Caller) -> impl Future<Output = ()> + Send + use<> {
        let (this, caller) = (self.clone(), caller.clone());
        async move {
            let (mut news, _relying) = this.watch.follow();
            let mut key = caller.record().clone();
            while !news.borrow_and_update().blind {
                if !this.watch.covers(&key) {
                    match this.known(*caller.presented(), Instant::now(), None).await {
                        Ok(Some(now)) if caller.key().scopes.are_within(&now.scopes) => key = now,
                        // Nor is one let in of whom nobody knows.
                        Ok(_) | Err(_) => return,
                    }
                }
                tokio::select! {
                    told = news.changed() => if told.is_err() { return },
                    () = this.expired(&key) => return,
                }
            }
        }
    }

    /// Waits until the time of `key` is over.
    async fn expired(&self, key: &KeyRecord) {
        while !self.has_expired(key) {
            let left = key.expires_at.map(|end| end - self.clock.now());
            // What is negative is over by now.
            let left = left.map_or(NAP, |left| left.try_into().unwrap_or_default());
            tokio::time::sleep(left.min(NAP)).await;
        }
    }
}
