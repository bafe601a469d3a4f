//! Floor 2: what the server says about itself.
//!
//! [`install()`] sends logs to standard error; [`call_log`] gathers the one canonical line of a
//! call, to which code deep below adds its figures.

pub mod call_log;
mod install;

pub use install::{InstalledTwice, install};
