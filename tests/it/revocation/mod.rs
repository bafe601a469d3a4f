//! Keys that are good no more: refused everywhere in less than a second, whatever else is the matter.

mod everywhere;
mod fleet;
mod forged;
mod frozen;
mod load;
mod operator;
mod reasons;
mod refills;
mod slow_bodies;
mod streams;

use std::time::Duration;

/// What the product promises: nothing that is sent later after the commit is answered with a 2xx.
const DEADLINE: Duration = Duration::from_secs(1);
