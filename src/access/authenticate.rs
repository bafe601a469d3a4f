//! From a presented key to a caller.
//!
//! Form and checksum, then the in-process cache, then Redis, then Postgres. What is remembered must
//! still hold, as [`watch`](super::watch) knows. Concurrent misses of one key make one look-up.
//! Expiry is checked at every use, whatever a cache says.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::task::JoinError;
use tokio::time::Instant;
use uuid::Uuid;

use super::Caller;
use super::key::{ApiKey, KeyHash};
use super::limits::seconds;
use super::watch::KeyWatch;
use super::wrong_keys::{Refusal, WrongKeys};
use crate::model::{Actor, Clock};
use crate::store::kv::KeyCache;
use crate::store::pg::keys::{self, KeyRecord};
use crate::store::{Overload, Store, StoreError};
use crate::telemetry::call_log;

/// How long what was looked up stays in the process's own memory, as far as it still holds. A wrong key is
/// charged to its address for as long: who goes on with one uses up no more than that.
pub const KEPT: Duration = Duration::from_mins(1);
/// How long a wrong key is known to be wrong whatever has changed: keys change all the time.
const KEPT_WRONG: Duration = Duration::from_secs(5);
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
            Refusal::Busy => StoreError::Busy(Overload::All).into(),
        }
    }
}

/// What is remembered of a key that was presented.
#[derive(Clone)]
enum Answer {
    Good {
        key: Arc<KeyRecord>,
        /// When it was looked up, if that was done here.
        began: Option<Instant>,
    },
    Wrong {
        began: Instant,
    },
}

/// Turns presented keys into callers.
pub struct Authenticator {
    store: Store,
    pub(super) watch: KeyWatch,
    shared: Option<KeyCache>,
    cache: Cache<KeyHash, Answer>,
    /// Keys that were good a while ago: no proof of anything but that they are worth a look-up.
    once_good: Cache<KeyHash, ()>,
    wrong: WrongKeys,
    pub(super) clock: Clock,
}

impl Authenticator {
    /// An authenticator on `store`, with `shared` as the cache of all replicas if there is one; who
    /// guesses keys is stopped by `wrong`.
    #[must_use]
    pub fn new(
        store: Store,
        watch: KeyWatch,
        shared: Option<KeyCache>,
        wrong: WrongKeys,
        clock: Clock,
    ) -> Self {
        let builder = Cache::builder().max_capacity(MAX_CACHED).time_to_live(KEPT);
        let once_good = Cache::builder().max_capacity(MAX_CACHED).time_to_live(REMEMBERED_GOOD);
        let (cache, once_good) = (builder.build(), once_good.build());
        Self { store, watch, shared, cache, once_good, wrong, clock }
    }

    /// Knows the changes of keys; it is to be [kept](KeyWatch::keep) running.
    #[must_use]
    pub fn watch(&self) -> &KeyWatch {
        &self.watch
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
        self.caller(hash, Some(address)).await
    }

    /// Who `caller` is now: for whoever has waited since it was authenticated.
    ///
    /// # Errors
    /// When its key is good no more, or nobody can tell.
    pub async fn again(self: &Arc<Self>, caller: &Caller) -> Result<Caller, AuthError> {
        self.caller(*caller.presented(), None).await
    }

    async fn caller(
        self: &Arc<Self>,
        hash: KeyHash,
        address: Option<IpAddr>,
    ) -> Result<Caller, AuthError> {
        let known = self.known(hash, Instant::now(), address).await?;
        let valid = known.filter(|key| !self.has_expired(key));
        valid.map(|key| Caller::new(key, hash)).ok_or(AuthError::Invalid)
    }

    /// What is known of a key to who asked at `asked`. An answer that was begun later is the truth;
    /// an older one, remembered or waited for together with others, must hold: at most the second
    /// look-up that is waited for is such a new one.
    pub(super) async fn known(
        self: &Arc<Self>,
        hash: KeyHash,
        asked: Instant,
        address: Option<IpAddr>,
    ) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.watch.used(asked);
        loop {
            let answer = match self.cache.get(&hash).await {
                Some(answer) => answer,
                None => self.look_up(hash, address).await?,
            };
            match answer {
                Answer::Good { key, began } if self.holds(&key, began, asked) => {
                    return Ok(Some(key));
                }
                Answer::Wrong { began } if self.is_still_wrong(began, asked) => return Ok(None),
                Answer::Good { .. } | Answer::Wrong { .. } => self.cache.invalidate(&hash).await,
            }
        }
    }

    fn holds(&self, key: &KeyRecord, began: Option<Instant>, asked: Instant) -> bool {
        began.is_some_and(|began| began >= asked) || self.watch.holds(key, began, asked)
    }

    /// Whether a key that was found wrong by a look-up from `began` on is not worth another one.
    fn is_still_wrong(&self, began: Instant, asked: Instant) -> bool {
        began + KEPT_WRONG > asked || !self.watch.has_learned_since(began)
    }

    /// Asks Redis, then Postgres. A key that turns out wrong is counted against its address, once
    /// for as long as the answer is kept; an address with too many of them waits, but for keys
    /// that were good before. In a task of its own, so that who hangs up is counted too.
    async fn look_up(
        self: &Arc<Self>,
        hash: KeyHash,
        address: Option<IpAddr>,
    ) -> Result<Answer, AuthError> {
        let wait = address.and_then(|address| self.wrong.wait(address));
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

    async fn load(&self, hash: KeyHash, address: Option<IpAddr>) -> Result<Answer, NotLookedUp> {
        // A key that may be a guess is charged before it is looked up.
        let guess = address.filter(|_| !self.once_good.contains_key(&hash));
        let answer = match (self.load_shared(&hash).await, guess) {
            (Some(good), _) => good,
            (None, Some(address)) => self.load_charged(&hash, address).await?,
            (None, None) => self.load_stored(&hash).await?,
        };
        match (&answer, address) {
            (Answer::Good { .. }, _) => self.once_good.insert(hash, ()).await,
            (Answer::Wrong { .. }, Some(address)) if guess.is_none() => {
                self.wrong.count(address).await;
            }
            (Answer::Wrong { .. }, _) => {}
        }
        Ok(answer)
    }

    async fn load_charged(&self, hash: &KeyHash, address: IpAddr) -> Result<Answer, NotLookedUp> {
        let look_up = self.wrong.begin(address).await?;
        let loaded = self.load_stored(hash).await;
        if !matches!(loaded, Ok(Answer::Wrong { .. })) {
            self.wrong.refund(look_up).await;
        }
        Ok(loaded?)
    }

    /// What Redis remembers, if that holds: it is not asked while nothing can.
    async fn load_shared(&self, hash: &KeyHash) -> Option<Answer> {
        let shared = self.shared.as_ref().filter(|_| self.watch.is_current(Instant::now()))?;
        let key = Arc::new(shared.get(hash).await?);
        let holds = self.watch.holds(&key, None, Instant::now());
        holds.then_some(Answer::Good { key, began: None })
    }

    async fn load_stored(&self, hash: &KeyHash) -> Result<Answer, StoreError> {
        let began = Instant::now();
        let Some(key) = keys::authenticate(&self.store, hash).await? else {
            return Ok(Answer::Wrong { began });
        };
        if let Some(shared) = &self.shared {
            shared.put(hash, &key).await;
        }
        Ok(Answer::Good { key: Arc::new(key), began: Some(began) })
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
        let revoked = keys::revoke_presented(&self.store, caller.presented(), id, actor).await;
        self.watch.changed();
        revoked
    }

    pub(super) fn has_expired(&self, record: &KeyRecord) -> bool {
        record.expires_at.is_some_and(|end| end <= self.clock.now())
    }
}
