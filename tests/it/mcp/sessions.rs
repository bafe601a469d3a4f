//! Sessions are rows: bound to user and project, ended for all at once.

use serde_json::json;

use crate::harness::{Database, Login, Server};

#[tokio::test]
async fn a_session_that_was_ended_is_gone() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let ended = client.delete().await;
    assert_eq!((ended.status, &*ended.text), (204, ""));
    let after = client.rpc("ping", json!({})).await;
    assert_eq!((after.status, after.code()), (404, -32001));
    assert_eq!(client.delete().await.status, 404);
}

#[tokio::test]
async fn a_session_that_expired_is_gone_and_use_makes_it_live_on() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;

    let age = "update sessions set last_seen_at = now() - interval '1 hour', \
               expires_at = now() + interval '1 minute'";
    owner.batch_execute(age).await.unwrap();
    assert_eq!(client.rpc("ping", json!({})).await.status, 200);
    let left = "select expires_at > now() + interval '23 hours' from sessions";
    assert!(owner.query_one(left, &[]).await.unwrap().get::<_, bool>(0));

    owner.batch_execute("update sessions set expires_at = now()").await.unwrap();
    assert_eq!(client.rpc("ping", json!({})).await.status, 404);
}

#[tokio::test]
async fn a_session_serves_other_keys_of_the_same_user_in_the_same_project_only() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let own = database.editor("a").await;
    let client = server.session(&own).await;
    let second_key = database.editor("a").await;
    let colleague =
        database.key("a", mbmcp::model::Role::Owner, &[mbmcp::model::Scope::Write]).await;
    let stranger = database.editor("b").await;
    for (key, status) in [(&own, 200), (&second_key, 200), (&colleague, 404), (&stranger, 404)] {
        let mut other = server.client(key);
        other.session.clone_from(&client.session);
        assert_eq!(other.rpc("ping", json!({})).await.status, status, "{}", key.user);
        if status == 404 {
            assert_eq!(other.delete().await.status, 404);
        }
    }
}

#[tokio::test]
async fn a_client_that_says_too_much_of_itself_gets_no_session() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await);
    for client_info in [
        json!({ "name": "x".repeat(201), "version": "1" }),
        json!({ "name": "x\u{0}", "version": "1" }),
        json!({ "version": "1" }),
    ] {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client_info,
        });
        let reply = client.rpc("initialize", params).await;
        assert_eq!((reply.status, reply.code()), (200, -32602), "{}", reply.text);
    }
    // Short as it is sent, long as Postgres writes it.
    let numbers = vec!["1e308"; 3500].join(",");
    let capabilities = format!(r#"{{"experimental":{{"x":{{"y":[{numbers}]}}}}}}"#);
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":
        "2025-11-25","capabilities":{capabilities},"clientInfo":{{"name":"x","version":"1"}}}}}}"#
    );
    let reply = client.post(body).await;
    assert_eq!((reply.status, reply.code()), (200, -32602), "{}", reply.text);
    let owner = database.connect(Login::Owner).await;
    let sessions: i64 = owner.query_one("select count(*) from sessions", &[]).await.unwrap().get(0);
    assert_eq!(sessions, 0);
}

#[tokio::test]
async fn who_is_not_a_member_any_more_is_told_so() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let mut client = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("delete from memberships").await.unwrap();
    // As long as the key is believed, its session is gone.
    assert!([401, 404].contains(&client.rpc("ping", json!({})).await.status));
    client.session = None;
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "it", "version": "1" },
    });
    let reply = client.rpc("initialize", params).await;
    assert_eq!(reply.status, 401, "{}", reply.text);
    assert!(reply.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer "));
}
