//! Redis: fast, shared, and never needed.
//!
//! No call waits for it longer than [`redis::BUDGET`]; when it does not answer it is left alone
//! for [`redis::PAUSE`] and then asked again, so that its return is noticed within a second.

pub mod key_cache;
pub mod redis;
pub mod wake;

pub use key_cache::KeyCache;
pub use redis::Redis;
pub use wake::{Hint, Wakes};
