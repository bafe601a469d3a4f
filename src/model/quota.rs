//! How much of something there may be in a time.

use std::time::Duration;

/// Parts of a window. What lies in a part leaves the window with it.
pub const SLOTS: u32 = 60;

/// At most `limit` in any time as long as `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How much.
    pub limit: u32,
    /// In which time.
    pub window: Duration,
}

/// What counting something against a [`Quota`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Whether it was within the quota, and so is counted.
    pub taken: bool,
    /// How much is used now.
    pub used: u32,
    /// When the first of that leaves the window; zero where nothing is used.
    pub reset: Duration,
    /// When what was not taken would fit; zero where it was.
    pub wait: Duration,
}

impl Quota {
    /// How much is left of it when `used` is used.
    #[must_use]
    pub fn left(&self, used: u32) -> u32 {
        self.limit.saturating_sub(used)
    }

    /// The length of a part of the window.
    #[must_use]
    pub fn slot(&self) -> Duration {
        (self.window / SLOTS).max(Duration::from_micros(1))
    }
}
