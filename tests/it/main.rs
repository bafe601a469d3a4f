//! The integration tests: one binary, by the front door, on a real Postgres and Redis.
//!
//! `make test` starts both and sets `TEST_DATABASE_URL` and `TEST_REDIS_URL`. Each test has a
//! database of its own, cloned from a migrated template.
#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod bus;
mod cli;
mod clients;
mod conformance;
mod deploy;
mod docs;
mod embedded;
mod harness;
mod http;
mod limits;
mod mcp;
mod rest;
mod revocation;
mod store;
mod streams;
mod tenancy;
mod worker;
