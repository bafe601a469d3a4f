//! The requests that are cancelled here and not by the server: those that wait to be sent, and
//! those of the modern era.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Such requests, by their ids.
#[derive(Default)]
pub(super) struct Cancellable(Mutex<HashMap<Value, Arc<CancellationToken>>>);

impl Cancellable {
    /// Notes the request `id`, in the place of an earlier one with this id.
    pub(super) fn note(&self, id: &Value, token: CancellationToken) -> Arc<CancellationToken> {
        let token = Arc::new(token);
        self.lock().insert(id.clone(), token.clone());
        token
    }

    /// Forgets the request `id`, unless the id is that of a later one by now. Nothing cancels
    /// `token` from then on.
    pub(super) fn forget(&self, id: &Value, token: &Arc<CancellationToken>) {
        let mut requests = self.lock();
        if requests.get(id).is_some_and(|noted| Arc::ptr_eq(noted, token)) {
            requests.remove(id);
        }
    }

    /// Cancels the request `id`; whether there is one.
    pub(super) fn cancel(&self, id: &Value) -> bool {
        let mut requests = self.lock();
        // Under the lock, so that who forgets it knows whether it was cancelled.
        requests.remove(id).inspect(|token| token.cancel()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Value, Arc<CancellationToken>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_earlier_request_does_not_forget_a_later_one_with_its_id() {
        let (requests, id) = (Cancellable::default(), json!(1));
        let earlier = requests.note(&id, CancellationToken::new());
        let later = requests.note(&id, CancellationToken::new());
        requests.forget(&id, &earlier);
        assert!(requests.cancel(&id));
        assert_eq!((earlier.is_cancelled(), later.is_cancelled()), (false, true));
        assert!(!requests.cancel(&id), "it is cancelled once");
        let last = requests.note(&id, CancellationToken::new());
        requests.forget(&id, &last);
        assert!(!requests.cancel(&id));
    }
}
