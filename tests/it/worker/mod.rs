//! What is old goes, from any number of replicas at once, and nothing that lives.

mod day;
mod purge;
mod sessions;

use mbmcp::model::{Ambient, Clock};
use mbmcp::worker::Purge;
use std::time::Duration;
use time::OffsetDateTime;

use crate::harness::Database;

/// The purge of a server on `database`, as it is at the time `at`.
fn purge(database: &Database, event_retention: Duration, at: Option<OffsetDateTime>) -> Purge {
    let ambient =
        Ambient { clock: at.map_or_else(Clock::default, Clock::fixed), ..Ambient::default() };
    let store = database.store().clone();
    Purge { store, ambient, event_retention, announce: Box::new(|| {}) }
}
