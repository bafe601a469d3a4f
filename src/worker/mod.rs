//! Floor 5: what a server does for all without being asked.
//!
//! [`Purge`] deletes what is old. It needs no leader: any number of replicas do it at once.

mod purge;

pub use purge::{Kind, Purge};
