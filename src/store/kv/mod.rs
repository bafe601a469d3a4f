//! Redis: fast, shared, and never needed.
//!
//! No call waits for it longer than [`redis::CALL_BUDGET`](self::redis::CALL_BUDGET); when it does not
//! answer it is left alone for [`redis::PAUSE`](self::redis::PAUSE) and then asked again, so that its
//! return is noticed within a second.

pub mod key_cache;
pub mod rate_limit;
pub mod redis;
pub mod wake;

pub use self::redis::Redis;
pub use key_cache::KeyCache;
pub use rate_limit::RateLimits;
pub use wake::{Hint, Wakes};
