//! What one call is charged.

use std::sync::{Arc, Mutex, PoisonError};

use super::bucket::Limit;
use super::{Denied, Limiter, Standing};

/// The limits of one call, and where its caller stands under them. Cheap to clone: the request carries
/// it to whoever finds that the call costs more, and what is found is shown with the answer.
#[derive(Clone)]
pub struct Meter(Arc<Inner>);

struct Inner {
    limiter: Arc<Limiter>,
    limits: Vec<Limit>,
    /// That of sessions, for callers who open any.
    initialize: Option<Limit>,
    reading: Mutex<Reading>,
}

/// What a meter shows.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Where the caller stands; of a refused call, under the limit that refused it.
    pub standings: Vec<Standing>,
    /// Why it was refused, if it was.
    pub denied: Option<Denied>,
}

impl Meter {
    pub(super) fn new(
        limiter: Arc<Limiter>,
        limits: Vec<Limit>,
        initialize: Option<Limit>,
    ) -> Self {
        Self(Arc::new(Inner { limiter, limits, initialize, reading: Mutex::default() }))
    }

    /// Charges `cost` messages. For none of them nobody is refused, whatever others did meanwhile.
    ///
    /// # Errors
    /// When a limit is reached; then none of them is charged.
    pub async fn charge(&self, cost: u32) -> Result<(), Denied> {
        if cost == 0 {
            return Ok(());
        }
        self.take(&self.0.limits, cost).await
    }

    /// Charges the opening of a session.
    ///
    /// # Errors
    /// When the key has opened too many.
    pub async fn charge_session(&self) -> Result<(), Denied> {
        let standings = self.read().standings;
        self.take(self.0.initialize.as_slice(), 1).await?;
        // What it shows is how many calls there may be.
        self.show(Reading { standings, denied: None });
        Ok(())
    }

    /// What it shows now.
    #[must_use]
    pub fn read(&self) -> Reading {
        self.0.reading.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn take(&self, limits: &[Limit], cost: u32) -> Result<(), Denied> {
        match self.0.limiter.take(limits, cost).await {
            Ok(standings) => {
                self.show(Reading { standings, denied: None });
                Ok(())
            }
            Err(denied) => {
                let standings = vec![denied.standing];
                self.show(Reading { standings, denied: Some(denied) });
                Err(denied)
            }
        }
    }

    fn show(&self, reading: Reading) {
        *self.0.reading.lock().unwrap_or_else(PoisonError::into_inner) = reading;
    }
}
