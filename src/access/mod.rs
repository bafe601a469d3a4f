//! Floor 4: who is calling, and what keys are.
//!
//! [`key`] is the form of an API key, pure. [`authenticate`] turns a presented key into a
//! [`Caller`], through an in-process cache, Redis and Postgres; [`watch`] knows whether what was
//! remembered still holds, and `ending` when a caller is none any more; [`wrong_keys`] stops who
//! guesses. [`limits`] says how many calls are answered. [`keys`] issues, lists and revokes; [`usage`]
//! counts; [`directory`] is people, projects and who is a member of which.

mod admin_token;
pub mod authenticate;
mod caller;
pub mod directory;
mod ending;
pub mod key;
pub mod keys;
pub mod limits;
mod principal;
pub mod usage;
pub mod watch;
pub mod wrong_keys;

pub use admin_token::AdminToken;
pub use authenticate::{AuthError, Authenticator};
pub use caller::Caller;
pub use limits::{Limits, Meter};
pub use principal::Principal;
pub use usage::Usage;
pub use watch::KeyWatch;
pub use wrong_keys::WrongKeys;
