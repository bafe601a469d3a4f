//! What stands on the protocol: who answers the methods that know the product.

use futures_util::future::BoxFuture;

use super::call::Call;
use super::error::CallError;
use super::method::Method;
use super::wire::{ServerCapabilities, Tool};
use crate::store::Tx;

/// Answers requests inside the transaction of their caller. The product has one, the memory bank;
/// the official conformance suite brings its own.
pub trait Handler: Send + Sync + 'static {
    /// What clients are told they can use.
    fn capabilities(&self) -> ServerCapabilities;

    /// How a model should use this server; shown to it by its client.
    fn instructions(&self) -> &str;

    /// The tool of this name, whoever calls.
    fn tool(&self, name: &str) -> Option<&Tool>;

    /// What signals of changes call the resource of `uri`; `None` where it cannot be one.
    fn target(&self, uri: &str) -> Option<String>;

    /// Whether `method` may change anything.
    fn writes(&self, method: &Method<'_>) -> bool;

    /// The bytes that answer `method`, sent once the transaction has committed.
    ///
    /// # Errors
    /// Rolled back; see [`CallError`].
    fn answer<'a>(
        &'a self,
        call: &'a Call<'a>,
        tx: &'a Tx,
        method: Method<'a>,
    ) -> BoxFuture<'a, Result<Vec<u8>, CallError>>;
}
