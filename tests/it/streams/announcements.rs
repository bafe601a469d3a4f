//! What the server tells a session by itself.

use mbmcp::model::{Role, Scope};
use serde_json::json;

use crate::harness::{Database, Login, Server, eventually, redis_url};

const RESOURCES: &str = "notifications/resources/list_changed";

#[tokio::test]
async fn a_change_on_one_replica_is_told_on_another() {
    for redis in [false, true] {
        let database = Database::new().await;
        let url = redis_url();
        let variables = [("REDIS_URL", url.as_str())];
        let variables = if redis { &variables[..] } else { &[] };
        let one = Server::with(&database, variables).await;
        let two = Server::with(&database, variables).await;
        let client = one.session(&database.editor("a").await).await;
        client.write("plan.md", "one").await;
        let uri = json!({ "uri": "memory-bank://plan.md" });
        let subscribed = client.rpc("resources/subscribe", uri.clone()).await;
        assert_eq!(subscribed.json()["result"], json!({}), "{}", subscribed.text);
        let mut told = client.at(&two.url).listen(None).await;
        assert!(told.event().await.unwrap().id.is_some());

        client.write("plan.md", "two").await;
        let updated = told.message().await.unwrap();
        assert_eq!(updated["method"], "notifications/resources/updated");
        assert_eq!(updated["params"], uri);
        client.write("new.md", "three").await;
        let listed = told.message().await.unwrap();
        assert_eq!(listed["method"], "notifications/resources/list_changed");

        client.rpc("resources/unsubscribe", uri).await;
        client.write("plan.md", "four").await;
        client.write("newer.md", "five").await;
        let listed = told.message().await.unwrap();
        assert_eq!(listed["method"], "notifications/resources/list_changed");
        assert_eq!(client.delete().await.status, 204);
        assert_eq!(told.rest().await, Vec::<serde_json::Value>::new());
    }
}

#[tokio::test]
async fn the_newest_is_told_and_an_older_one_once_that_is_gone() {
    let database = Database::new().await;
    let (one, two) = (Server::on(&database).await, Server::on(&database).await);
    let client = one.session(&database.editor("a").await).await;
    let mut older = client.listen(None).await;
    assert!(older.event().await.is_some());
    client.write("a.md", "").await;
    assert_eq!(older.message().await.unwrap()["method"], RESOURCES);
    let mut newer = client.at(&two.url).listen(None).await;
    assert!(newer.event().await.is_some());
    for name in ["b.md", "c.md"] {
        client.write(name, "").await;
        assert_eq!(newer.message().await.unwrap()["method"], RESOURCES);
    }
    drop(newer);
    let owner = database.connect(Login::Owner).await;
    let closed = "select count(*) from streams where kind = 'get' and closed_at is not null";
    eventually("the end of the newer one", async || {
        (owner.query_one(closed, &[]).await.unwrap().get::<_, i64>(0) == 1).then_some(())
    })
    .await;
    client.write("d.md", "").await;
    assert_eq!(older.message().await.unwrap()["method"], RESOURCES);
    let last = older.last_id.unwrap();
    assert_eq!(last.split_once('.').unwrap().1, "2", "without a gap");
}

#[tokio::test]
async fn who_may_not_read_is_told_of_no_resource() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let reader = database.key("a", Role::Owner, &[Scope::Read, Scope::Write]).await;
    let admin = database.key("a", Role::Owner, &[Scope::Admin]).await;
    let session = server.session(&reader).await;
    let uri = json!({ "uri": "memory-bank://plan.md" });
    session.write("plan.md", "one").await;
    session.rpc("resources/subscribe", uri).await;
    let client = server.client(&admin).with_session(session.session.as_deref().unwrap());
    let mut told = client.listen(None).await;
    assert!(told.event().await.is_some());
    session.write("plan.md", "two").await;
    session.write("new.md", "three").await;
    let owner = database.connect(Login::Superuser).await;
    let change = "insert into signals (project_id, id, kind, target) \
                  select project_id, gen_random_uuid(), 'tools_changed', '' from sessions";
    owner.execute(change, &[]).await.unwrap();
    // Had it been told of the documents, that would stand before.
    assert_eq!(told.message().await.unwrap()["method"], "notifications/tools/list_changed");
}
