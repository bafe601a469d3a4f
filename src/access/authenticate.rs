//! From a presented key to a caller.
//!
//! Form and checksum, then the in-process cache, then Redis, then Postgres. Concurrent misses of
//! one key make one look-up. Expiry is checked at every use, whatever a cache says.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::task::JoinError;
use uuid::Uuid;

use super::Caller;
use super::key::{ApiKey, KeyHash};
use super::limits::seconds;
use super::wrong_keys::{Refusal, WrongKeys};
use crate::model::{Actor, Clock, KeyId};
use crate::store::kv::KeyCache;
use crate::store::pg::keys::{self, KeyRecord};
use crate::store::{Crowd, Store, StoreError};
use crate::telemetry::call_log;

/// How long an answer, good or not, is taken from the process's own memory.
pub const FRESH: Duration = Duration::from_secs(5);
/// How many answers are kept there.
const MAX_CACHED: u64 = 50_000;
/// How long a key that was good is looked up although wrong ones come from its address too.
const REMEMBERED_GOOD: Duration = Duration::from_mins(10);

/// What a 401 carries where no key was sent (RFC 9110 §11.6.1, RFC 6750 §3). No `resource_metadata`:
/// some clients drop their key as soon as they see OAuth.
pub const CHALLENGE: &str = r#"Bearer realm="mbmcp""#;
/// What a 401 carries where one was, and is not good.
pub const CHALLENGE_INVALID: &str = r#"Bearer realm="mbmcp", error="invalid_token""#;

/// Why a caller is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No key was presented.
    #[error("send your API key as `Authorization: Bearer …` or `X-API-Key: …`")]
    Missing,
    /// Two different ones were.
    #[error("`Authorization` and `X-API-Key` carry different keys; send one")]
    Conflicting,
    /// It is not a key of ours.
    #[error("this is not an API key: it was cut off or mistyped; copy it again")]
    Malformed,
    /// It is not good, or no longer.
    #[error(
        "this API key is unknown, expired or revoked; ask an owner of the project for a new one"
    )]
    Invalid,
    /// Too many wrong keys came from this address.
    #[error("too many wrong API keys from your address; try again in {} s", seconds(*.0))]
    TooManyWrong(Duration),
    /// The key could not be looked up.
    #[error("the key cannot be checked now; try again soon")]
    Store(#[source] Arc<StoreError>),
}

/// Why a key was not looked up.
enum NotLookedUp {
    Store(Arc<StoreError>),
    TooManyWrong(Duration),
}

impl From<StoreError> for NotLookedUp {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<Refusal> for NotLookedUp {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooManyWrong(wait) => Self::TooManyWrong(wait),
            Refusal::Busy => StoreError::Busy(Crowd::All).into(),
        }
    }
}

/// Turns presented keys into callers.
pub struct Authenticator {
    store: Store,
    shared: Option<KeyCache>,
    cache: Cache<KeyHash, Option<Arc<KeyRecord>>>,
    /// Keys that were good a while ago: no proof of anything but that they are worth a look-up.
    once_good: Cache<KeyHash, ()>,
    wrong: WrongKeys,
    clock: Clock,
}

impl Authenticator {
    /// An authenticator on `store`, with `shared` as the cache of all replicas if there is one; who
    /// guesses keys is stopped by `wrong`.
    #[must_use]
    pub fn new(store: Store, shared: Option<KeyCache>, wrong: WrongKeys, clock: Clock) -> Self {
        let builder = Cache::builder().max_capacity(MAX_CACHED).time_to_live(FRESH);
        let once_good = Cache::builder().max_capacity(MAX_CACHED).time_to_live(REMEMBERED_GOOD);
        Self { store, shared, cache: builder.build(), once_good: once_good.build(), wrong, clock }
    }

    /// The caller who presented `key` from `address`.
    ///
    /// # Errors
    /// When the key is malformed, unknown, expired or revoked, when the address has presented too
    /// many wrong ones, or when nobody can tell.
    pub async fn authenticate(
        self: &Arc<Self>,
        key: &str,
        address: IpAddr,
    ) -> Result<Caller, AuthError> {
        let hash = ApiKey::parse(key).ok_or(AuthError::Malformed)?.hash();
        let known = match self.cache.get(&hash).await {
            Some(known) => known,
            None => self.look_up(hash, address).await?,
        };
        let valid = known.filter(|record| !self.has_expired(record));
        valid.map(|record| Caller::new(record, hash)).ok_or(AuthError::Invalid)
    }

    /// Asks Redis, then Postgres. A key that turns out wrong is counted against its address, once
    /// for as long as the answer is kept; an address with too many of them waits, but for keys
    /// that were good before. In a task of its own, so that who hangs up is counted too.
    async fn look_up(
        self: &Arc<Self>,
        hash: KeyHash,
        address: IpAddr,
    ) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        let wait = self.wrong.wait(address);
        if let Some(wait) = wait
            && !self.once_good.contains_key(&hash)
        {
            return Err(AuthError::TooManyWrong(wait));
        }
        let this = self.clone();
        let log = call_log::current();
        // Boxed: what moka awaits is large, and misses are rare.
        let looking = tokio::spawn(Box::pin(call_log::within(log, async move {
            this.cache.try_get_with(hash, Box::pin(this.load(hash, address))).await
        })));
        let lost = |error: JoinError| {
            AuthError::Store(Arc::new(StoreError::Unavailable(error.to_string())))
        };
        looking.await.map_err(lost)?.map_err(|error| match &*error {
            NotLookedUp::Store(cause) => AuthError::Store(cause.clone()),
            NotLookedUp::TooManyWrong(wait) => AuthError::TooManyWrong(*wait),
        })
    }

    async fn load(
        &self,
        hash: KeyHash,
        address: IpAddr,
    ) -> Result<Option<Arc<KeyRecord>>, NotLookedUp> {
        let record = match self.load_shared(&hash).await {
            Some(record) => Some(record),
            None if self.once_good.contains_key(&hash) => {
                let record = self.load_stored(&hash).await?;
                if record.is_none() {
                    self.wrong.count(address).await;
                }
                record
            }
            None => self.load_charged(&hash, address).await?,
        };
        if record.is_some() {
            self.once_good.insert(hash, ()).await;
        }
        Ok(record.map(Arc::new))
    }

    /// Asks Postgres for a key that may be a guess: charged before it is looked up.
    async fn load_charged(
        &self,
        hash: &KeyHash,
        address: IpAddr,
    ) -> Result<Option<KeyRecord>, NotLookedUp> {
        let look_up = self.wrong.begin(address).await?;
        let loaded = self.load_stored(hash).await;
        if !matches!(loaded, Ok(None)) {
            self.wrong.forgive(look_up).await;
        }
        Ok(loaded?)
    }

    async fn load_shared(&self, hash: &KeyHash) -> Option<KeyRecord> {
        self.shared.as_ref()?.get(hash).await
    }

    async fn load_stored(&self, hash: &KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        let record = keys::authenticate(&self.store, hash).await?;
        if let (Some(shared), Some(record)) = (&self.shared, &record) {
            shared.put(hash, record).await;
        }
        Ok(record)
    }

    /// Revokes the key that `caller` presented, for good, and writes that down as the entry `id`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn revoke_presented(
        &self,
        caller: &Caller,
        id: Uuid,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let hash = caller.presented();
        keys::revoke_presented(&self.store, hash, id, actor).await?;
        self.forget(hash).await;
        Ok(())
    }

    /// Forgets the key `id`, which was changed, here and in Redis, if it was used here a moment ago;
    /// what others know of it ends by itself.
    pub async fn forget_key(&self, id: KeyId) {
        let is_it = |known: &Option<Arc<KeyRecord>>| known.as_ref().is_some_and(|key| key.id == id);
        let found = self.cache.iter().find(|(_, known)| is_it(known));
        if let Some((hash, _)) = found {
            self.forget(&hash).await;
        }
    }

    /// Redis first, so that nothing old comes back from there.
    async fn forget(&self, hash: &KeyHash) {
        if let Some(shared) = &self.shared {
            shared.forget(hash).await;
        }
        self.cache.invalidate(hash).await;
    }

    fn has_expired(&self, record: &KeyRecord) -> bool {
        record.expires_at.is_some_and(|end| end <= self.clock.now())
    }
}
