//! Floor 3: Postgres and Redis, and nothing else knows them.
//!
//! A [`Tenant`] opens a transaction on the [`Store`]: [`Store::read`] or [`Store::write`] take a
//! block, and its `Ok` commits. Inside, everything goes through a [`Tx`], which has set the role
//! and the tenant before the first statement. SQL stands as named [`Statement`]s beside its row
//! structs in [`pg`]; Redis in [`kv`]. [`migrate`] brings the schema up, [`walls`] proves at start
//! that row-level security is whole.

mod error;
pub mod kv;
pub mod migrate;
pub mod pg;
mod pool;
mod row;
mod snapshot;
mod statement;
mod tenant;
mod tls;
mod turns;
mod tx;
pub mod walls;

pub use error::StoreError;
pub use pool::{ConnectError, Store};
pub use snapshot::{NoSnapshot, Snapshot};
pub use statement::Statement;
pub use tenant::{Authority, Platform, Tenant};
pub use turns::Overload;
pub use tx::Tx;
