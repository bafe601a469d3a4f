//! What the tests of streams stand on: sessions, streams and events of some tenants.

use std::time::Duration;

use mbmcp::model::{Ambient, Clock, Role, Scope, SignalKind, StreamId};
use mbmcp::store::pg::events::{self, NewEvent};
use mbmcp::store::pg::sessions::{self, NewSession};
use mbmcp::store::pg::signals::{self, News};
use mbmcp::store::pg::streams::{self, Found, Kind, NewStream};
use mbmcp::store::{Store, StoreError, Tenant, Tx};
use time::OffsetDateTime;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::harness::{Database, Login, TestKey, eventually};

/// A lease that outlives every test.
pub const LONG: Duration = Duration::from_hours(1);

/// A session of some tenant.
#[derive(Clone)]
pub struct Place {
    pub store: Store,
    pub tenant: Tenant,
    pub session: String,
    /// The replica's process that opens streams here.
    pub owner: Uuid,
}

pub fn now() -> OffsetDateTime {
    Clock::default().now()
}

pub fn fresh() -> Uuid {
    Ambient::default().uuid().unwrap()
}

impl Place {
    /// A new session of an editor of `project`.
    pub async fn of(database: &Database, project: &str) -> Self {
        Self::of_key(database, &database.editor(project).await).await
    }

    /// A new session of another member of `project`.
    pub async fn of_viewer(database: &Database, project: &str) -> Self {
        let key = database.key(project, Role::Viewer, &[Scope::Read]).await;
        Self::of_key(database, &key).await
    }

    async fn of_key(database: &Database, key: &TestKey) -> Self {
        let (store, tenant) = (database.store().clone(), key.tenant.clone());
        let session = format!("session-{}-{}", fresh().simple(), fresh().simple());
        let new = NewSession {
            key: key.id,
            protocol_version: "2025-11-25".to_owned(),
            client_name: "a client".to_owned(),
            client_version: String::new(),
            capabilities: serde_json::json!({"elicitation": {}}),
            toolsets: None,
        };
        let place = Self { store, tenant, session, owner: fresh() };
        let Self { tenant, session, .. } = &place;
        place.writes(async |tx| sessions::insert(tx, tenant, session, &new, LONG, 1).await).await;
        place
    }

    /// Runs `block` in a transaction of this tenant, which commits.
    pub async fn writes<T>(&self, block: impl AsyncFnOnce(&Tx) -> Result<T, StoreError>) -> T {
        self.store.write(&self.tenant, block).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs `block` in a transaction of this tenant that only reads.
    pub async fn reads<T>(&self, block: impl AsyncFnOnce(&Tx) -> Result<T, StoreError>) -> T {
        self.store.read(&self.tenant, block).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Opens a stream; `None` when its request is answered already.
    pub async fn opens(&self, request_id: Option<&str>, lease: Duration) -> Option<StreamId> {
        let kind = if request_id.is_some() { Kind::Post } else { Kind::Get };
        let Self { tenant, session, owner, .. } = self;
        let new =
            NewStream { id: StreamId(fresh()), session, request_id, kind, owner: *owner, lease };
        let opened = self.writes(async |tx| streams::insert(tx, tenant, &new).await).await;
        opened.then_some(new.id)
    }

    /// Opens the stream that answers a call.
    pub async fn post(&self) -> StreamId {
        self.opens(Some(&format!("\"{}\"", fresh())), LONG).await.unwrap()
    }

    /// Opens a stream that listens.
    pub async fn get(&self) -> StreamId {
        self.opens(None, LONG).await.unwrap()
    }

    /// Opens a stream whose writer dies at once.
    pub async fn abandoned(&self) -> StreamId {
        self.opens(Some(&format!("\"{}\"", fresh())), Duration::ZERO).await.unwrap()
    }

    /// The stream `id` as the client finds it here.
    pub async fn finds(&self, id: StreamId) -> Option<Found> {
        let Self { tenant, session, .. } = self;
        self.reads(async |tx| streams::find(tx, tenant, session, id).await).await
    }

    pub async fn finish(&self, id: StreamId, seq: i64, payload: &str) -> bool {
        let tenant = &self.tenant;
        self.writes(async |tx| streams::finish(tx, tenant, id, seq, payload).await).await
    }

    pub async fn orphan(&self, id: StreamId, payload: &str) -> bool {
        self.writes(async |tx| streams::orphan(tx, &self.tenant, id, payload).await).await
    }

    pub async fn close(&self, id: StreamId) {
        self.writes(async |tx| streams::close(tx, &self.tenant, id).await).await;
    }

    /// An event of a stream of this tenant.
    pub fn event(&self, stream: StreamId, seq: i64, payload: &str) -> NewEvent {
        let (project, user) = (self.tenant.project(), self.tenant.user());
        NewEvent { project, user, stream, seq, payload: payload.to_owned(), last: false }
    }

    /// The seq and payload of each event of a stream of this tenant.
    pub async fn events(&self, stream: StreamId) -> Vec<(i64, String)> {
        let after = async |tx: &Tx| events::after(tx, &self.tenant, stream, -1, 1000).await;
        let events = self.reads(after).await;
        events.into_iter().map(|event| (event.seq, event.payload)).collect()
    }

    /// Runs `sql` in an open transaction of this tenant, which goes on until the client ends it.
    pub async fn begins(&self, database: &Database, sql: &str) -> Client {
        let context = format!(
            "set_config('role', 'app_user', true), \
             set_config('app.current_project_id', '{}', true), \
             set_config('app.current_user_id', '{}', true)",
            self.tenant.project(),
            self.tenant.user()
        );
        let client = database.connect(Login::Server).await;
        client.batch_execute(&format!("begin; select {context}; {sql}")).await.unwrap();
        client
    }
}

/// Runs `sql` in an open transaction of the server, which goes on until the client ends it.
pub async fn server_begins(database: &Database, sql: &str) -> Client {
    let client = database.connect(Login::Server).await;
    client.batch_execute(&format!("begin; set local role app_server; {sql}")).await.unwrap();
    client
}

/// Stores one event by SQL.
pub fn store_by_sql(place: &Place, stream: StreamId, seq: i64, payload: &str) -> String {
    format!(
        "select * from app.store_events(array['{}']::uuid[], array['{stream}']::uuid[], \
         array['{}']::uuid[], array[{seq}]::bigint[], array['{payload}']::jsonb[], array[false])",
        place.tenant.project(),
        place.tenant.user()
    )
}

/// Waits until a statement of the store waits for a lock.
pub async fn somebody_waits(owner: &Client) {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() \
               and application_name = 'mbmcp' and wait_event_type = 'Lock'";
    eventually("the wait for a lock", async || {
        let waiting: i64 = owner.query_one(sql, &[]).await.unwrap().get(0);
        (waiting > 0).then_some(())
    })
    .await;
}

/// What `sql` counts.
pub async fn count(owner: &Client, sql: &str) -> i64 {
    owner.query_one(sql, &[]).await.unwrap().get(0)
}

/// Who reads signals, one look after the other.
pub struct Reader {
    store: Store,
    snapshot: String,
}

impl Reader {
    pub async fn new(store: &Store) -> Self {
        let News { snapshot, signals } = signals::read(store, None).await.unwrap();
        assert_eq!(signals, [], "without an earlier look there are none");
        Self { store: store.clone(), snapshot }
    }

    pub async fn news(&mut self) -> News {
        let news = signals::read(&self.store, Some(&self.snapshot)).await.unwrap();
        self.snapshot.clone_from(&news.snapshot);
        news
    }

    /// Kind, user and target of what is new.
    pub async fn told(&mut self) -> Vec<(SignalKind, Option<Uuid>, String)> {
        let signals = self.news().await.signals;
        signals.into_iter().map(|one| (one.kind, one.user.map(|user| user.0), one.target)).collect()
    }
}
