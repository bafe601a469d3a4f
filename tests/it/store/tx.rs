//! Transactions as blocks: what an end, an error and a dropped future leave behind.

use std::time::{Duration, Instant};

use mbmcp::config::{DatabaseConfig, Variables};
use mbmcp::model::Role;
use mbmcp::store::{Platform, Statement, Store, StoreError, Tenant, Tx};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::harness::{Database, Login, eventually};

const BACKEND: Statement =
    Statement { name: "test.backend", sql: "select pg_backend_pid()", types: &[] };
const ADD: Statement = Statement {
    name: "test.add",
    sql: "insert into project_words (project_id, word) values (app.current_project_id(), $1)",
    types: &[Type::TEXT],
};
const COUNT: Statement =
    Statement { name: "test.count", sql: "select count(*) from project_words", types: &[] };
const BAD: Statement = Statement { name: "test.bad", sql: "select 1 / 0", types: &[] };
const SLEEP: Statement = Statement { name: "test.sleep", sql: "select pg_sleep(30)", types: &[] };
const LEAVE: Statement = Statement { name: "test.leave", sql: "rollback", types: &[] };
const LOOK: Statement = Statement {
    name: "test.look",
    sql: "select session_user::text, current_user::text,
                 coalesce(current_setting('app.current_project_id', true), ''),
                 coalesce(current_setting('app.current_user_id', true), ''),
                 current_setting('role'), current_setting('transaction_read_only'),
                 (select string_agg(name, ',') from pg_settings
                   where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')
                     and reset_val <> setting)",
    types: &[],
};

/// A store of its own with a pool of one, and a tenant.
async fn single(database: &Database, more: &[(&str, &str)]) -> (Store, Tenant) {
    let url = database.url(Login::Server);
    let mut variables = vec![("DATABASE_URL", url.as_str()), ("DB_MAX_CONNECTIONS", "1")];
    variables.extend(more);
    let store = Store::new(&DatabaseConfig::read_alone(Variables::of(variables)).unwrap()).unwrap();
    (store, database.key("a", Role::Owner, &[mbmcp::model::Scope::Read]).await.tenant)
}

async fn backend(tx: &Tx) -> Result<i32, StoreError> {
    Ok(tx.row(&BACKEND, &[]).await?.unwrap().get(0))
}

async fn count(store: &Store, tenant: &Tenant) -> i64 {
    let row = store.read(tenant, async |tx| tx.row(&COUNT, &[]).await).await;
    row.map_err(|error: StoreError| error).unwrap().unwrap().get(0)
}

#[tokio::test]
async fn a_context_ends_with_its_transaction() {
    let database = Database::new().await;
    let (store, tenant) = single(&database, &[]).await;
    let first = store.write(&tenant, async |tx| backend(tx).await).await.unwrap();
    let failed: Result<(), StoreError> =
        store.read(&tenant, async |tx| tx.rows(&BAD, &[]).await.map(|_| ())).await;
    assert!(failed.is_err());

    // The block leaves its own transaction first, so it sees what the earlier ones left.
    let looked = async |tx: &Tx| -> Result<_, StoreError> {
        tx.rows(&LEAVE, &[]).await?;
        Ok((backend(tx).await?, tx.row(&LOOK, &[]).await?.unwrap()))
    };
    for _ in 0..2 {
        let (second, row) = store.read(&tenant, looked).await.unwrap();
        assert_eq!(first, second, "the same connection");
        let seen: Vec<Option<String>> = (0..7).map(|at| row.get(at)).collect();
        let [Some(login), Some(current), project, user, role, read_only, changed] = &seen[..]
        else {
            panic!("{seen:?}")
        };
        assert_eq!(login, current);
        let none = Some(String::new());
        assert_eq!((project, user), (&none, &none));
        assert_eq!((role.as_deref(), read_only.as_deref()), (Some("none"), Some("off")));
        assert_eq!(changed, &None, "the time-outs are the session's again");
    }
}

#[tokio::test]
async fn an_error_of_the_block_rolls_back() {
    let database = Database::new().await;
    let (store, tenant) = single(&database, &[]).await;
    let error: StoreError = store
        .write(&tenant, async |tx| {
            tx.rows(&ADD, &[&"word"]).await?;
            Err::<(), _>(StoreError::Aborted)
        })
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Aborted));
    assert_eq!(count(&store, &tenant).await, 0);

    let kept = store.write(&tenant, async |tx| tx.rows(&ADD, &[&"word"]).await).await;
    assert!(kept.is_ok(), "control");
    assert_eq!(count(&store, &tenant).await, 1);
}

#[tokio::test]
async fn a_failed_statement_that_the_block_swallows_fails_the_commit() {
    let database = Database::new().await;
    let (store, tenant) = single(&database, &[]).await;
    let error = store
        .write(&tenant, async |tx| {
            tx.rows(&ADD, &[&"word"]).await?;
            let _ = tx.rows(&BAD, &[]).await;
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Aborted), "{error}");
    assert_eq!(count(&store, &tenant).await, 0);
}

#[tokio::test]
async fn a_read_transaction_refuses_to_write() {
    let database = Database::new().await;
    let (store, tenant) = single(&database, &[]).await;
    let refused = store.read(&tenant, async |tx| tx.rows(&ADD, &[&"word"]).await).await;
    let chain = format!("{:?}", refused.unwrap_err());
    assert!(chain.contains("25006"), "read_only_sql_transaction: {chain}");
    assert_eq!(count(&store, &tenant).await, 0);
}

/// Holds a word of `tenant` until it is dropped: who adds the same one waits.
async fn holding(database: &Database, tenant: &Tenant, word: &str) -> Client {
    let holder = database.connect(Login::Owner).await;
    let sql = format!("begin; insert into project_words values ('{}', '{word}')", tenant.project());
    holder.batch_execute(&sql).await.unwrap();
    holder
}

/// How many statements of the store under test run or wait.
async fn busy(owner: &Client, waiting: bool) -> i64 {
    let sql = "select count(*) from pg_stat_activity
                where datname = current_database() and application_name = 'mbmcp'
                  and state <> 'idle' and (not $1 or wait_event_type = 'Lock')";
    owner.query_one(sql, &[&waiting]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_dropped_future_cancels_its_statement_and_rolls_back() {
    let database = Database::new().await;
    let (store, tenant) = single(&database, &[]).await;
    let holder = holding(&database, &tenant, "held").await;
    let owner = database.connect(Login::Owner).await;

    let (busy_store, busy_tenant) = (store.clone(), tenant.clone());
    let call = tokio::spawn(async move {
        let added = busy_store.write(&busy_tenant, async |tx| {
            tx.rows(&ADD, &[&"mine"]).await?;
            tx.rows(&ADD, &[&"held"]).await
        });
        added.await
    });
    eventually("the wait", async || (busy(&owner, true).await == 1).then_some(())).await;
    let dropped = Instant::now();
    call.abort();
    eventually("the cancel", async || (busy(&owner, false).await == 0).then_some(())).await;
    assert!(dropped.elapsed() < Duration::from_secs(1), "{:?}", dropped.elapsed());

    // The only place in the pool is free again, and nothing was kept.
    assert_eq!(count(&store, &tenant).await, 0);
    holder.batch_execute("rollback").await.unwrap();
    assert!(store.write(&tenant, async |tx| tx.rows(&ADD, &[&"mine"]).await).await.is_ok());
    assert_eq!(count(&store, &tenant).await, 1);
}

#[tokio::test]
async fn statements_and_locks_that_take_too_long_are_time_outs() {
    let database = Database::new().await;
    let (store, tenant) = single(&database, &[("DB_STATEMENT_TIMEOUT_MS", "100")]).await;
    let slow = store.write(&tenant, async |tx| tx.rows(&SLEEP, &[]).await).await.unwrap_err();
    assert!(matches!(slow, StoreError::Timeout { statement: "test.sleep", .. }), "{slow}");

    let (store, tenant) = single(&database, &[("DB_LOCK_TIMEOUT_MS", "100")]).await;
    let _holder = holding(&database, &tenant, "held").await;
    let stuck = store.write(&tenant, async |tx| tx.rows(&ADD, &[&"held"]).await).await;
    let stuck = stuck.unwrap_err();
    assert!(matches!(stuck, StoreError::Timeout { statement: "test.add", .. }), "{stuck}");
    assert_eq!(count(&store, &tenant).await, 0, "the connection is whole");
}

#[tokio::test]
async fn an_exhausted_pool_is_unavailable_in_time() {
    let database = Database::new().await;
    let (store, tenant) = single(&database, &[("DB_ACQUIRE_TIMEOUT_MS", "200")]).await;
    let platform = Platform::of_operator();
    let inner = store
        .write(&platform, async |tx| {
            backend(tx).await?;
            let asked = Instant::now();
            let refused = store.read(&tenant, async |tx| backend(tx).await).await;
            Ok::<_, StoreError>((refused.unwrap_err(), asked.elapsed()))
        })
        .await;
    let (refused, waited) = inner.unwrap();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(waited >= Duration::from_millis(200) && waited < Duration::from_secs(2), "{waited:?}");
    assert!(store.read(&tenant, async |tx| backend(tx).await).await.is_ok());
}

#[tokio::test]
async fn statements_sent_together_on_a_new_connection_all_have_the_context() {
    let database = Database::new().await;
    for pooler in ["none", "transaction"] {
        let (store, tenant) = single(&database, &[("DB_POOLER", pooler)]).await;
        let looks = store.read(&tenant, async |tx| {
            futures_util::future::try_join3(
                tx.rows(&LOOK, &[]),
                tx.rows(&COUNT, &[]),
                tx.rows(&LOOK, &[]),
            )
            .await
        });
        let (first, _, last) = looks.await.unwrap_or_else(|error: StoreError| panic!("{error}"));
        for row in [&first[0], &last[0]] {
            assert_eq!(row.get::<_, &str>(1), "app_user", "{pooler}");
            assert_eq!(row.get::<_, &str>(2), tenant.project().to_string());
            assert_eq!(row.get::<_, &str>(5), "on");
        }
    }
}
