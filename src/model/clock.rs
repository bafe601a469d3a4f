//! The time, as a parameter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Tells the time: the system's by default, or one that a test sets.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Mutex<OffsetDateTime>>>);

impl Clock {
    /// A clock that stands still, for tests.
    #[must_use]
    pub fn fixed(at: OffsetDateTime) -> Self {
        Self(Some(Arc::new(Mutex::new(at))))
    }

    /// Moves a clock that stands still, and all that were cloned from it, forward.
    pub fn advance(&self, by: Duration) {
        if let Some(time) = &self.0 {
            *time.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }

    /// The time now, in UTC.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one reader of the system's clock")]
    pub fn now(&self) -> OffsetDateTime {
        match &self.0 {
            Some(time) => *time.lock().unwrap_or_else(PoisonError::into_inner),
            None => OffsetDateTime::now_utc(),
        }
    }
}

/// `time` as RFC 3339 writes it, e.g. `2026-01-31T12:00:00Z`.
#[must_use]
pub fn rfc3339(time: OffsetDateTime) -> String {
    // Fails only for years that RFC 3339 cannot write.
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}
