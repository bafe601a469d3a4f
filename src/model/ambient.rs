//! The two things a rule must be handed instead of reaching for them.

use uuid::Uuid;

use super::entropy::EntropyError;
use super::{Clock, Entropy};

/// The time and randomness, together.
#[derive(Clone, Debug, Default)]
pub struct Ambient {
    /// Tells the time.
    pub clock: Clock,
    /// Makes what must be unguessable.
    pub entropy: Entropy,
}

impl Ambient {
    /// A fresh UUID of version 7.
    ///
    /// # Errors
    /// When the operating system's random generator fails.
    pub fn uuid(&self) -> Result<Uuid, EntropyError> {
        self.entropy.uuid(&self.clock)
    }
}
