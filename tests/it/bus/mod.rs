//! The bus: what happens on one replica is heard on another.

mod absence;
mod polling;
mod redis;
mod servers;
mod signals;
mod streams;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mbmcp::config::{DatabaseConfig, RedisConfig, Variables};
use mbmcp::mcp::bus::{Bus, Heard, Listener};
use mbmcp::memory::{Draft, Precondition, WriteError};
use mbmcp::model::{Ambient, Author, Clock, DocumentPath, ProjectId, Secret, Signal, StreamId};
use mbmcp::store::Store;
use mbmcp::store::kv::{Redis, Wakes};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use crate::harness::{Database, Login, TestKey, redis_url};

/// One more than this many times a poll would have to come first, if nobody told.
const ROUNDS: usize = 10;
/// Much longer than that many hints take, and shorter than that many polls.
const BY_HINTS: Duration = Duration::from_millis(1500);

/// A bus that is kept, as in a process of its own.
struct Replica {
    bus: Arc<Bus>,
    /// What was obeyed.
    orders: Arc<Mutex<Vec<Signal>>>,
    drained: CancellationToken,
}

/// What a bus is made of.
#[derive(Clone, Default)]
struct Parts {
    redis: Option<Arc<Redis>>,
    clock: Clock,
    /// As its connections introduce themselves.
    name: &'static str,
}

impl Replica {
    /// A replica without Redis.
    fn on(database: &Database) -> Self {
        Self::of(database, Parts::default())
    }

    /// Two that share nothing but the database and perhaps Redis.
    fn pair(database: &Database, redis: Option<&Arc<Redis>>) -> [Self; 2] {
        [redis, redis]
            .map(|redis| Self::of(database, Parts { redis: redis.cloned(), ..Parts::default() }))
    }

    fn of(database: &Database, parts: Parts) -> Self {
        let Parts { redis, clock, name } = parts;
        let url = format!("{}?application_name={name}", database.url(Login::Server));
        let variables = [("DATABASE_URL", &*url), ("DB_ACQUIRE_TIMEOUT_MS", "500")];
        let config = DatabaseConfig::read_alone(Variables::of(variables)).unwrap();
        let wakes = redis.map(|redis| Wakes::new(redis, Ambient::default().uuid().unwrap()));
        let orders = Arc::new(Mutex::new(Vec::new()));
        let obeyed = orders.clone();
        let obey = Box::new(move |order: &Signal| obeyed.lock().unwrap().push(order.clone()));
        let bus = Arc::new(Bus::new(Store::apart(&config, 3).unwrap(), wakes, clock, obey));
        let drained = CancellationToken::new();
        let (kept, until) = (bus.clone(), drained.clone());
        tokio::spawn(async move { kept.keep(&until).await });
        Self { bus, orders, drained }
    }

    async fn listen(&self, key: &TestKey) -> Listener {
        self.bus.listen(key.tenant.project()).await.unwrap()
    }

    /// Whether what is said on `one` comes here by another way than Postgres, which knows nothing of
    /// the stream.
    async fn hears(&self, one: &Self) -> bool {
        let stream = fresh_stream();
        let mut follow = self.bus.follow(ProjectId(uuid()), stream);
        soon("the first look", follow.news()).await;
        one.bus.stored(&[stream]);
        tokio::time::timeout(Duration::from_millis(500), follow.news()).await.is_ok()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.drained.cancel();
    }
}

/// The Redis of the tests, or one at `url`, under a prefix of its own.
fn redis_at(url: &str) -> Arc<Redis> {
    let key_prefix = uuid().simple().to_string();
    Arc::new(Redis::new(&RedisConfig { url: Secret::new(url), key_prefix }).unwrap())
}

fn shared_redis() -> Arc<Redis> {
    redis_at(&redis_url())
}

fn uuid() -> uuid::Uuid {
    Ambient::default().uuid().unwrap()
}

fn fresh_stream() -> StreamId {
    StreamId(uuid())
}

/// The transactions of the test's database, of which connections in use tell each second.
async fn commits(superuser: &Client) -> i64 {
    let sql = "select xact_commit from pg_stat_database where datname = current_database()";
    superuser.query_one(sql, &[]).await.unwrap().get(0)
}

/// Waits for what must come.
async fn soon<T>(what: &str, coming: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(10), coming).await;
    waited.unwrap_or_else(|_| panic!("{what} did not come within 10 s"))
}

/// The next signal.
async fn next(listener: &mut Listener) -> Arc<Signal> {
    match soon("a signal", listener.next()).await {
        Heard::Signal(signal) => signal,
        Heard::Lost => panic!("something was lost"),
    }
}

/// Creates documents in one transaction, which is held for a while.
async fn create(database: &Database, key: &TestKey, paths: &[String], held: Duration) {
    let tenant = &key.tenant;
    let author = Author { user: tenant.user(), key: Some(key.id), client: None };
    let drafts: Vec<Draft> = paths
        .iter()
        .map(|path| Draft {
            path: DocumentPath::parse(path).unwrap(),
            content: "text".to_owned(),
            precondition: Precondition::None,
        })
        .collect();
    let written = database.store().write(tenant, async |tx| {
        mbmcp::memory::write(tx, tenant, &Ambient::default(), &author, &drafts).await?;
        tokio::time::sleep(held).await;
        Ok::<_, WriteError>(())
    });
    written.await.unwrap();
}

/// Makes changes one by one, each once the one before was heard, and gives how long all took.
/// `change` gives the target that is heard.
async fn rounds(
    listener: &mut Listener,
    count: usize,
    mut change: impl AsyncFnMut(usize) -> String,
) -> Duration {
    let start = Instant::now();
    for round in 0..count {
        let target = change(round).await;
        while next(listener).await.target != target {}
    }
    start.elapsed()
}

/// Changes made at `one` and heard by `listener`, as [`rounds`] does it.
async fn documents(
    database: &Database,
    key: &TestKey,
    one: &Replica,
    listener: &mut Listener,
) -> Duration {
    let change = async |_| {
        let path = format!("{}.md", uuid().simple());
        create(database, key, std::slice::from_ref(&path), Duration::ZERO).await;
        one.bus.wake();
        path
    };
    rounds(listener, ROUNDS, change).await
}
