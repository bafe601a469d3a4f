//! Signals: every way of changing documents, sessions and rights tells of it.

use mbmcp::model::{Role, Scope, Signal, SignalKind};
use mbmcp::store::pg::project_sessions::{self, Through};
use mbmcp::store::pg::{purge, sessions, signals};
use mbmcp::store::{Platform, StoreError, Tx};
use uuid::Uuid;

use super::ground::{LONG, Place, Reader, fresh, now};
use crate::harness::{Database, Login};

/// INSERT of documents at `paths`, signed by `user`.
fn insert(project: impl std::fmt::Display, user: Uuid, paths: &[&str]) -> String {
    let paths = paths.join("', '");
    format!(
        "insert into documents (project_id, id, path, content, size_bytes, content_sha256, \
         created_by, updated_by) select '{project}', gen_random_uuid(), path, 'a', 1, sha256('a'), \
         '{user}', '{user}' from unnest(array['{paths}']) path on conflict do nothing"
    )
}

/// What the statements that change documents must tell, one after the other.
fn changes(user: Uuid) -> Vec<(String, Vec<(SignalKind, &'static str)>)> {
    use SignalKind::{ResourceCreated as Created, ResourceDeleted as Deleted, ResourceUpdated};
    let update = |set: &str| format!("update documents set updated_by = '{user}', {set}");
    vec![
        (
            update("content = 'b' where path in ('a', 'b')"),
            vec![(ResourceUpdated, "a"), (ResourceUpdated, "b")],
        ),
        (update("version = version + 1"), vec![]),
        (update("content = content"), vec![]),
        (update("content = 'c' where path = 'nowhere'"), vec![]),
        (update("path = 'd' where path = 'a'"), vec![(Created, "d"), (Deleted, "a")]),
        (
            update("path = 'e', content = 'f' where path = 'd'"),
            vec![(Created, "e"), (Deleted, "d")],
        ),
        ("delete from documents where path = 'nowhere'".to_owned(), vec![]),
        ("delete from documents".to_owned(), vec![(Deleted, "b"), (Deleted, "e")]),
    ]
}

#[tokio::test]
async fn each_change_of_a_document_is_told_in_the_name_of_who_made_it() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let (project, user) = (place.tenant.project(), place.tenant.user().0);
    let mut reader = Reader::new(database.store()).await;
    for by_hand in [false, true] {
        let who = (!by_hand).then_some(user);
        let mut steps = changes(user);
        let created = SignalKind::ResourceCreated;
        steps.insert(0, (insert(project, user, &["a", "b"]), vec![(created, "a"), (created, "b")]));
        steps.insert(1, (insert(project, user, &["a", "b"]), vec![]));
        for (sql, wanted) in steps {
            if by_hand {
                database.connect(Login::Owner).await.batch_execute(&sql).await.unwrap();
            } else {
                place.begins(&database, &sql).await.batch_execute("commit").await.unwrap();
            }
            let news = reader.news().await.signals;
            assert!(news.iter().all(|signal| signal.project == project));
            let mut told: Vec<_> = news.iter().map(|one| (one.kind, one.target.as_str())).collect();
            told.sort_by_key(|(kind, target)| (kind.name(), *target));
            assert_eq!(told, wanted, "{sql}");
            assert!(news.iter().all(|one| one.user.map(|user| user.0) == who), "{news:?}");
        }
    }
}

#[tokio::test]
async fn what_is_rolled_back_is_not_told_and_a_deleted_project_tells_what_went() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let (project, user) = (place.tenant.project(), place.tenant.user().0);
    let mut reader = Reader::new(database.store()).await;
    let undone = place.begins(&database, &insert(project, user, &["a"])).await;
    undone.batch_execute("rollback").await.unwrap();
    assert_eq!(reader.told().await, []);
    let done = place.begins(&database, &insert(project, user, &["b"])).await;
    done.batch_execute("commit").await.unwrap();
    assert_eq!(reader.told().await.len(), 1, "control");
    let owner = database.connect(Login::Owner).await;
    owner.execute("delete from projects where id = $1", &[&project.0]).await.unwrap();
    let mut told = reader.told().await;
    told.sort_by_key(|one| one.0.name());
    let went = [
        (SignalKind::ResourceDeleted, None, "b".to_owned()),
        (SignalKind::SessionEnded, Some(user), place.session.clone()),
        // What its members might do.
        (SignalKind::ToolsChanged, Some(user), String::new()),
    ];
    assert_eq!(told, went);
}

/// Ends the session of `place`, which is of the project `name`, in one of the ways that there are.
async fn end(database: &Database, place: &Place, name: &str, way: &str) {
    let (hand, store) = (database.connect(Login::Owner).await, database.store());
    let Place { tenant, session, .. } = place;
    let handle = "select encode(substring(sha256(convert_to($1, 'UTF8')) for 16), 'hex')::uuid";
    let handle: Uuid = hand.query_one(handle, &[session]).await.unwrap().get(0);
    let ended: Result<bool, StoreError> = match way {
        "its user" => {
            store.write(tenant, async |tx| sessions::end(tx, tenant, session).await).await
        }
        "an owner" => {
            let owner = database.key(name, Role::Owner, &[Scope::Admin]).await.tenant;
            let ended = store
                .write(&owner, async |tx| project_sessions::end(tx, Through::Owner, handle).await);
            ended.await.map(|ended| ended.is_some())
        }
        "the platform" => {
            let through = Through::Platform(tenant.project());
            let platform = Platform::of_operator();
            let ended =
                store.write(&platform, async |tx| project_sessions::end(tx, through, handle).await);
            ended.await.map(|ended| ended.is_some())
        }
        "its time" => {
            let sql = "update sessions set expires_at = now() where id = $1";
            hand.execute(sql, &[session]).await.unwrap();
            purge::sessions(store, 10).await.map(|purged| purged == 1)
        }
        "its membership" => {
            let sql = "delete from memberships where user_id = $1 and project_id = $2";
            Ok(hand.execute(sql, &[&tenant.user().0, &tenant.project().0]).await.unwrap() == 1)
        }
        _ => Ok(hand.execute("delete from sessions where id = $1", &[session]).await.unwrap() == 1),
    };
    assert!(ended.unwrap_or_else(|error| panic!("{way}: {error}")), "{way}");
}

#[tokio::test]
async fn the_end_of_a_session_is_told_however_it_comes() {
    let database = Database::new().await;
    let mut reader = Reader::new(database.store()).await;
    let ways = ["its user", "an owner", "the platform", "its time", "its membership", "by hand"];
    for (at, way) in ways.into_iter().enumerate() {
        let name = format!("p{at}");
        let (place, other) =
            (Place::of(&database, &name).await, Place::of_viewer(&database, &name).await);
        let stream = place.get().await;
        end(&database, &place, &name, way).await;
        let user = place.tenant.user().0;
        let mut told = reader.news().await.signals;
        told.retain(|signal| signal.kind != SignalKind::ToolsChanged);
        assert_eq!(
            told,
            [Signal {
                project: place.tenant.project(),
                user: Some(place.tenant.user()),
                kind: SignalKind::SessionEnded,
                target: place.session.clone(),
            }],
            "{way}, of {user}"
        );
        assert_eq!(place.finds(stream).await, None, "{way}");
        end(&database, &other, &name, "by hand").await;
        assert_eq!(reader.told().await.len(), 1);
        // What is left of it goes without a word.
        let left = u64::from(["its user", "an owner", "the platform"].contains(&way));
        assert_eq!(purge::sessions(database.store(), 10).await.unwrap(), left, "{way}");
        assert_eq!(reader.told().await, []);
    }
}

#[tokio::test]
async fn a_change_of_what_a_session_listens_to_is_told() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let mut reader = Reader::new(database.store()).await;
    let (tenant, id) = (&place.tenant, &place.session);
    let changed = [(SignalKind::SessionChanged, Some(tenant.user().0), id.clone())];
    for (times, told) in [(1, changed.as_slice()), (2, &[])] {
        place.writes(async |tx| sessions::subscribe(tx, tenant, id, "memory://a").await).await;
        assert_eq!(reader.told().await, told, "subscribe {times}");
        place.writes(async |tx| sessions::set_log_level(tx, tenant, id, "info").await).await;
        assert_eq!(reader.told().await, told, "log level {times}");
    }
    place.writes(async |tx| sessions::unsubscribe(tx, tenant, id, "memory://a").await).await;
    assert_eq!(reader.told().await, changed);
    place.writes(async |tx| sessions::touch(tx, tenant, id, LONG).await).await;
    assert_eq!(reader.told().await, [], "it is used at each call");
}

#[tokio::test]
async fn what_a_tenant_announces_all_replicas_read_and_later_he_himself() {
    let database = Database::new().await;
    let (place, theirs) = (Place::of(&database, "a").await, Place::of(&database, "b").await);
    let mut replicas = [Reader::new(database.store()).await, Reader::new(database.store()).await];
    let (before, tenant) = (now() - LONG, &place.tenant);
    let announce = async |tx: &Tx| -> Result<(), StoreError> {
        for kind in SignalKind::ALL {
            signals::announce(tx, tenant, fresh(), kind, kind.name()).await?;
        }
        Ok(())
    };
    place.writes(announce).await;
    let user = Some(tenant.user().0);
    let all = SignalKind::ALL.map(|kind| (kind, user, kind.name().to_owned()));
    for reader in &mut replicas {
        assert_eq!(reader.told().await, all);
        assert_eq!(reader.told().await, []);
    }
    let since = async |place: &Place, time| {
        place.reads(async |tx| signals::since(tx, &place.tenant, time, 5).await).await
    };
    let told = since(&place, before).await.unwrap();
    let kinds: Vec<SignalKind> = told.iter().map(|signal| signal.kind).collect();
    assert_eq!(kinds, SignalKind::ALL[..5], "of the memory and of what is offered");
    assert!(told.iter().all(|signal| signal.project == tenant.project()));
    assert_eq!(since(&place, now() + LONG).await, Some(Vec::new()));
    assert_eq!(since(&theirs, before).await, Some(Vec::new()));
    place.writes(announce).await;
    assert_eq!(since(&place, before).await, None, "more than are wanted");
}

#[tokio::test]
async fn each_change_of_what_a_user_may_do_is_told() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let _theirs = Place::of(&database, "b").await;
    let hand = database.connect(Login::Owner).await;
    let (project, user) = (place.tenant.project().0, place.tenant.user().0);
    let mut reader = Reader::new(database.store()).await;
    for (change, tells) in [
        ("update memberships set role = 'viewer'", true),
        ("update memberships set role = 'viewer'", false),
        ("update memberships set created_at = now()", false),
        ("update api_keys set scopes = array['read']", true),
        ("update api_keys set scopes = array['read'], label = 'b'", false),
        ("update api_keys set last_used_at = now(), last_used_client = 'c'", false),
        ("update api_keys set expires_at = now() + interval '1 day'", true),
        ("update api_keys set revoked_at = now()", true),
        ("delete from memberships", true),
    ] {
        let own = format!("{change} where project_id = $1 and user_id = $2");
        assert_eq!(hand.execute(&own, &[&project, &user]).await.unwrap(), 1, "{change}");
        let mut told = reader.news().await.signals;
        told.retain(|signal| signal.kind != SignalKind::SessionEnded);
        let changed = Signal {
            project: place.tenant.project(),
            user: Some(place.tenant.user()),
            kind: SignalKind::ToolsChanged,
            target: String::new(),
        };
        assert_eq!(told, if tells { vec![changed] } else { vec![] }, "{change}");
    }
}
