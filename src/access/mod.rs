//! Floor 4: who is calling, and what keys are.
//!
//! [`key`] is the form of an API key, pure. [`authenticate`] turns a presented key into a
//! [`Caller`], through an in-process cache, Redis and Postgres; [`wrong_keys`] counts failures per
//! address. [`keys`] issues, lists and revokes.

pub mod authenticate;
mod caller;
pub mod key;
pub mod keys;
pub mod wrong_keys;

pub use authenticate::{AuthError, Authenticator};
pub use caller::Caller;
