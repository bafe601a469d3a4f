//! A database for one test, cloned from a migrated template.

use std::time::Duration;

use mbmcp::access::keys::KeyPolicy;
use mbmcp::access::keys::operator::{KeyRequest, Operator};
use mbmcp::config::{DatabaseConfig, Variables};
use mbmcp::model::{Ambient, KeyId, Role, Scope, Scopes};
use mbmcp::store::{Platform, Store, Tenant, migrate};
use time::OffsetDateTime;
use tokio::sync::OnceCell;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use super::{superuser, variable};

/// The login that servers use, as in production: a member of three roles and nothing else.
const SERVER_LOGIN: &str = "mbmcp_test_server";

/// The highest rate of a key: what is not about limits shall not meet them.
const UNLIMITED: i32 = 100_000;

static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// As whom to connect.
#[derive(Clone, Copy, Debug)]
pub enum Login {
    /// Who migrates, and owns the objects: a superuser, or Supabase's `postgres`, who is none.
    Owner,
    /// Who may plant and kill anything: on Supabase `supabase_admin`, elsewhere the owner.
    Superuser,
    /// The server's.
    Server,
}

/// A database that vanishes with the test.
pub struct Database {
    name: String,
    store: Store,
}

/// A key with everything about it.
#[derive(Clone, Debug)]
pub struct TestKey {
    /// The plaintext.
    pub key: String,
    pub id: KeyId,
    pub project: String,
    pub user: String,
    pub tenant: Tenant,
}

impl Database {
    /// A migrated database.
    pub async fn new() -> Self {
        let template = TEMPLATE.get_or_init(make_template).await;
        Self::create(Some(template)).await
    }

    /// A database without anything, on a cluster that has our roles.
    pub async fn empty() -> Self {
        TEMPLATE.get_or_init(make_template).await;
        Self::create(None).await
    }

    async fn create(template: Option<&str>) -> Self {
        let name = fresh_name("test");
        create(&name, template).await;
        let config = DatabaseConfig::read_alone(Variables::of([(
            "DATABASE_URL",
            url(&name, Login::Server),
        )]));
        let store = Store::new(&config.unwrap()).unwrap();
        Self { name, store }
    }

    /// How to reach it.
    pub fn url(&self, login: Login) -> String {
        url(&self.name, login)
    }

    /// A plain connection, for looking behind the server's back.
    pub async fn connect(&self, login: Login) -> Client {
        connect(&self.name, login).await
    }

    /// Lets the servers' login in, or throws it out.
    pub async fn admit(&self, admitted: bool) {
        // Whom no limit keeps out.
        let superuser = self.connect(Login::Superuser).await;
        let limit = if admitted { -1 } else { 0 };
        let sql = format!(
            "do $$ begin execute format('alter database %I connection limit {limit}', \
             current_database()); end $$; select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = current_database() and usename = '{SERVER_LOGIN}'"
        );
        superuser.batch_execute(&sql).await.unwrap();
    }

    /// Tells so many events of the time `step` before `at` in a session that is there, ten on a stream.
    pub async fn tell(&self, events: i32, step: Duration, at: OffsetDateTime) {
        let sql = "
          with told as (
            insert into streams (project_id, id, user_id, session_id, request_id, kind, next_seq,
                                 created_at, closed_at)
            select project_id, gen_random_uuid(), user_id, id, n::text, 'post', 11, at, at
              from (select * from sessions limit 1) session, generate_series(1, $2 / 10) n,
                   lateral (select $1::timestamptz - make_interval(secs => n * 10 * $3::float8 / $2) as at) told
            returning project_id, id, user_id, created_at
          )
          insert into mcp_events (project_id, stream_id, user_id, seq, created_at, payload)
          select project_id, id, user_id, seq, created_at,
                 jsonb_build_object('jsonrpc', '2.0', 'result', repeat('x', 200))
            from told, generate_series(1, 10) seq";
        let owner = self.connect(Login::Owner).await;
        owner.execute(sql, &[&at, &events, &step.as_secs_f64()]).await.unwrap();
    }

    /// A store as the server's login.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The configuration of `mbmcp migrate`.
    pub fn config(&self) -> DatabaseConfig {
        let url = ("DATABASE_URL", self.url(Login::Owner));
        DatabaseConfig::read_alone(Variables::of([url])).unwrap()
    }

    /// A key of `user` in `project`, both made where they are missing, that no test exhausts.
    pub async fn key(&self, project: &str, role: Role, scopes: &[Scope]) -> TestKey {
        self.issue(project, role, scopes, (None, UNLIMITED)).await
    }

    /// The same with a lifetime.
    pub async fn key_for(
        &self,
        project: &str,
        role: Role,
        scopes: &[Scope],
        lifetime: Option<Duration>,
    ) -> TestKey {
        self.issue(project, role, scopes, (lifetime, UNLIMITED)).await
    }

    /// An editor's key with so many calls a minute.
    pub async fn limited(&self, project: &str, rate_limit: i32) -> TestKey {
        let scopes = [Scope::Read, Scope::Write];
        self.issue(project, Role::Editor, &scopes, (None, rate_limit)).await
    }

    async fn issue(
        &self,
        project: &str,
        role: Role,
        scopes: &[Scope],
        (lifetime, rate_limit): (Option<Duration>, i32),
    ) -> TestKey {
        let user = format!("{role}@{project}.test");
        let request = KeyRequest {
            project: project.to_owned(),
            user: user.clone(),
            label: format!("{role} of {project}"),
            scopes: Scopes::new(scopes.iter().copied()),
            test: false,
            rate_limit: Some(rate_limit),
            lifetime: lifetime.map(|lifetime| lifetime.try_into().unwrap()),
        };
        let ambient = Ambient::default();
        let platform = Platform::of_operator();
        let policy = KeyPolicy::default();
        let operator = Operator { store: &self.store, ambient: &ambient, policy };
        let created = operator.create(&platform, &request, Some(role)).await;
        let (id, key) = created.unwrap();
        let record = mbmcp::store::pg::keys::authenticate(&self.store, &key.hash()).await.unwrap();
        let tenant = record.unwrap().tenant();
        let project = project.to_owned();
        TestKey { key: key.reveal().to_owned(), id, project, user, tenant }
    }

    /// Gives a key scopes that its user's role does not allow: as if that had been higher when the
    /// key was issued.
    pub async fn force_scopes(&self, key: &TestKey, scopes: &[Scope]) {
        let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
        let superuser = self.connect(Login::Superuser).await;
        let force = "update api_keys set scopes = $2 where id = $1";
        assert_eq!(superuser.execute(force, &[&key.id.0, &names]).await.unwrap(), 1);
    }

    /// A key that may read and write, of an editor of `project`.
    pub async fn editor(&self, project: &str) -> TestKey {
        self.key(project, Role::Editor, &[Scope::Read, Scope::Write]).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = self.name.clone();
        // A runtime of its own: the test's may be ending.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                // Force throws out superusers as well, which takes one.
                let admin = connect("postgres", Login::Superuser).await;
                let sql = format!("drop database if exists {name} with (force)");
                admin.batch_execute(&sql).await.expect("the database is dropped");
            });
        });
        let dropped = dropping.join();
        assert!(dropped.is_ok() || std::thread::panicking(), "a test database stays");
    }
}

async fn make_template() -> String {
    let name = fresh_name("template");
    let admin = connect("postgres", Login::Owner).await;
    let powers = "select rolsuper from pg_roles where rolname = current_user";
    let is_superuser: bool = admin.query_one(powers, &[]).await.unwrap().get(0);
    assert_ne!(is_superuser, superuser().is_some(), "TEST_SUPERUSER is for owners who are none");
    let role = format!(
        "do $$ begin create role {SERVER_LOGIN} login noinherit password 'test'; \
         exception when duplicate_object then null; end $$"
    );
    admin.batch_execute(&role).await.unwrap();
    create(&name, None).await;
    let config = Variables::of([("DATABASE_URL", url(&name, Login::Owner))]);
    migrate::run(&DatabaseConfig::read_alone(config).unwrap()).await.unwrap();
    let grant = format!("grant app_user, app_platform, app_server to {SERVER_LOGIN}");
    admin.batch_execute(&grant).await.unwrap();
    name
}

async fn create(name: &str, template: Option<&str>) {
    let admin = connect("postgres", Login::Owner).await;
    // template1 is what a new database is like, on Supabase too.
    let template = template.unwrap_or("template1");
    // Grants on a database are not cloned with it.
    for sql in [
        format!("create database {name} template {template}"),
        format!("revoke temporary on database {name} from public"),
    ] {
        admin.batch_execute(&sql).await.unwrap();
    }
}

fn fresh_name(kind: &str) -> String {
    format!("mbmcp_{kind}_{}", Ambient::default().uuid().unwrap().simple())
}

async fn connect(database: &str, login: Login) -> Client {
    let config: Config = url(database, login).parse().unwrap();
    let (client, connection) = config.connect(NoTls).await.expect("TEST_DATABASE_URL answers");
    tokio::spawn(connection);
    client
}

/// The URL of `database` on the server of `TEST_DATABASE_URL`.
fn url(database: &str, login: Login) -> String {
    let admin: Config = variable("TEST_DATABASE_URL").parse().expect("TEST_DATABASE_URL");
    let host = match &admin.get_hosts()[0] {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.to_str().unwrap().replace('/', "%2F"),
    };
    let port = admin.get_ports().first().copied().unwrap_or(5432);
    let password = String::from_utf8(admin.get_password().unwrap_or_default().to_vec()).unwrap();
    let owner = admin.get_user().unwrap_or("postgres").to_owned();
    let login = match login {
        Login::Owner => format!("{owner}:{password}"),
        Login::Superuser => format!("{}:{password}", superuser().unwrap_or(owner)),
        Login::Server => format!("{SERVER_LOGIN}:test"),
    };
    format!("postgresql://{login}@{host}:{port}/{database}")
}
