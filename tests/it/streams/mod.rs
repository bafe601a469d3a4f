//! Streams of sessions: stored, resumed on any replica, fed by what happens anywhere.

mod absence;
mod announcements;
mod batches;
mod calls;
mod caps;
mod crowded;
mod isolation;
mod ledger;
mod locked;
mod questions;
mod resumption;
mod talker;
