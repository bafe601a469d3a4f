//! What answers say of limits, and what is charged to which.

use mbmcp::model::{Role, Scope};
use reqwest::Method;
use serde_json::json;

use super::{MINUTE, call, connect, prefix, replica};
use crate::harness::{
    ADMIN_TOKEN, Client, Database, PrivateRedis, Reply, RestClient, Server, eventually, redis_url,
};

fn header(reply: &Reply, name: &str) -> String {
    reply.headers.get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

/// Remaining calls and seconds of `policy` in `RateLimit`.
fn standing(reply: &Reply, policy: &str) -> (u64, u64) {
    let text = header(reply, "ratelimit");
    let start = format!("\"{policy}\";r=");
    let item = text.split(", ").find_map(|item| item.strip_prefix(&start)).expect(&text);
    let (left, seconds) = item.split_once(";t=").unwrap();
    (left.parse().unwrap(), seconds.parse().unwrap())
}

fn retry_after(reply: &Reply) -> u64 {
    header(reply, "retry-after").parse().unwrap()
}

#[tokio::test]
async fn every_answer_says_what_is_left_and_a_refusal_when_to_come_back() {
    let database = Database::new().await;
    let variables = [("RATE_LIMIT_PER_IP", "50"), ("ALLOWED_ORIGINS", "https://app.test")];
    let server = Server::with(&database, &variables).await;
    let client = server.client(&database.limited("a", 4).await);
    let now = mbmcp::model::Clock::default().now().unix_timestamp();
    let answers = [
        call(&client).await,
        client.post("{").await,
        client.rpc("ping", json!({})).await,
        Reply::of(client.request(Method::GET).header("origin", "https://app.test")).await,
        call(&client).await,
    ];
    let statuses = answers.each_ref().map(|reply| reply.status);
    assert_eq!(statuses, [200, 400, 400, 400, 429]);
    for (reply, left) in answers.iter().zip([3, 2, 1, 0, 0]) {
        let (r, t) = standing(reply, "key");
        assert_eq!(r, left);
        assert!((50..=61).contains(&t), "{t}");
        assert_eq!(header(reply, "x-ratelimit-limit"), "4");
        assert_eq!(header(reply, "x-ratelimit-remaining"), left.to_string());
        let reset: i64 = header(reply, "x-ratelimit-reset").parse().unwrap();
        assert!((now + 50..=now + 75).contains(&reset), "{reset} {now}");
        assert!(header(reply, "ratelimit-policy").starts_with("\"key\";q=4;w=60"));
    }
    let first = &answers[0];
    assert_eq!(header(first, "ratelimit-policy"), "\"key\";q=4;w=60, \"address\";q=50;w=60");
    assert_eq!(standing(first, "address").0, 49);
    assert!(!first.headers.contains_key("retry-after"));
    let exposed = header(&answers[3], "access-control-expose-headers");
    for name in ["ratelimit", "ratelimit-policy", "x-ratelimit-reset", "retry-after"] {
        assert!(exposed.split(',').any(|exposed| exposed == name), "{exposed}");
    }

    let refused = &answers[4];
    assert_eq!(refused.headers["content-type"], "application/json");
    let body = refused.json();
    assert_eq!((&body["jsonrpc"], &body["id"]), (&json!("2.0"), &json!(null)));
    assert_eq!(refused.code(), -32603);
    let sentence = body["error"]["message"].as_str().unwrap();
    assert!(sentence.contains("at most 4 in 60 s; try again in"), "{sentence}");
    assert_eq!(retry_after(refused), standing(refused, "key").1);
}

#[tokio::test]
async fn the_rest_api_refuses_with_a_problem_and_the_operator_has_no_limit_but_that_of_his_address()
{
    let database = Database::new().await;
    let variables = [("ADMIN_TOKEN", ADMIN_TOKEN), ("RATE_LIMIT_PER_IP", "6")];
    let server = Server::with(&database, &variables).await;
    let key = database.limited("a", 1).await;
    let owner = RestClient::new(&server, &key.key);
    assert_eq!(owner.get("/projects/a/documents").await.status, 200);
    let refused = owner.get("/projects/a/documents").await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    let problem = refused.json();
    assert_eq!(problem["violated-policies"], json!(["key"]));
    assert!(problem["type"].as_str().unwrap().ends_with("#quota-exceeded"));
    assert!(retry_after(&refused) >= 1);

    let platform = RestClient::new(&server, ADMIN_TOKEN);
    for left in (0..5).rev() {
        let reply = platform.get("/projects").await;
        assert_eq!((reply.status, standing(&reply, "address").0), (200, left), "{}", reply.text);
        assert_eq!(header(&reply, "ratelimit-policy"), "\"address\";q=6;w=60");
    }
    let refused = platform.get("/projects").await;
    assert_eq!((refused.status, &refused.json()["violated-policies"]), (429, &json!(["address"])));
    let elsewhere =
        platform.request(Method::GET, "/projects").header("x-forwarded-for", "192.0.2.1");
    assert_eq!(Reply::of(elsewhere).await.status, 200);
}

/// Two keys and two addresses on `server`: a call that one limit refuses is charged to no other.
async fn check_charges(database: &Database, server: &Server) {
    let from = async |key: &str, address: &str| {
        let client = Client::new(&server.url, key).modern();
        let request = client.rpc_request("server/discover", json!({}));
        Reply::of(request.header("x-forwarded-for", address)).await
    };
    let [poor, rich] = [database.limited("a", 2).await.key, database.limited("a", 90).await.key];
    let here = "2001:db8:1::1";
    let replies = [from(&poor, here).await, from(&poor, here).await, from(&poor, here).await];
    assert_eq!(replies.each_ref().map(|reply| reply.status), [200, 200, 429]);
    // The third was not charged to the address.
    assert_eq!(standing(&from(&rich, "2001:db8:1::2").await, "address").0, 7);
    for left in (0..7).rev() {
        assert_eq!(standing(&from(&rich, here).await, "address").0, left);
    }
    for _ in 0..5 {
        let refused = from(&rich, here).await;
        assert_eq!((refused.status, standing(&refused, "address").0), (429, 0));
    }
    // Those five were not charged to the key.
    let elsewhere = from(&rich, "2001:db8:2::1").await;
    assert_eq!((elsewhere.status, standing(&elsewhere, "key").0), (200, 90 - 8 - 1));
}

#[tokio::test]
async fn a_call_that_one_limit_refuses_is_not_charged_to_the_other() {
    let database = Database::new().await;
    let limit = ("RATE_LIMIT_PER_IP", "10");
    check_charges(&database, &Server::with(&database, &[limit]).await).await;
    let (redis, prefix) = (redis_url(), prefix());
    let shared = [limit, ("REDIS_URL", &*redis), ("REDIS_KEY_PREFIX", &*prefix)];
    check_charges(&database, &Server::with(&database, &shared).await).await;
}

#[tokio::test]
async fn who_was_refused_costs_redis_nothing_until_he_may_come_back() {
    let database = Database::new().await;
    let mut redis = PrivateRedis::absent();
    redis.start();
    let url = redis.url();
    let opened = redis::Client::open(url.as_str()).unwrap();
    eventually("Redis", async || opened.get_multiplexed_async_connection().await.ok()).await;
    let variables = [("REDIS_URL", url.as_str())];
    let [one, two] = [
        Server::with_minute(&database, &variables, MINUTE).await,
        Server::with_minute(&database, &variables, MINUTE).await,
    ];
    let key = database.limited("a", 2).await;
    let [here, there] = [one.client(&key), two.client(&key)];
    assert_eq!([call(&here).await.status, call(&here).await.status], [200, 200]);
    // The other replica asks once.
    assert_eq!(call(&there).await.status, 429);
    let mut watching = connect(&url).await;
    let mut scripts = async || -> String {
        let all: String =
            redis::cmd("INFO").arg("commandstats").query_async(&mut watching).await.unwrap();
        let line = all.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap();
        line.split(',').next().unwrap().to_owned()
    };
    let before = scripts().await;
    for client in [&here, &there].into_iter().cycle().take(40) {
        assert_eq!(call(client).await.status, 429);
    }
    assert_eq!(scripts().await, before);
    eventually("the reset", async || (call(&there).await.status == 200).then_some(())).await;
}

#[tokio::test]
async fn a_batch_is_charged_by_its_length_or_not_at_all() {
    let (database, prefix) = (Database::new().await, prefix());
    let server = replica(&database, &prefix, &[]).await;
    let mut client = server.client(&database.limited("a", 12).await);
    let opening = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-03-26", "capabilities": {},
        "clientInfo": { "name": "it", "version": "1" },
    }});
    let opened = client.post(opening.to_string()).await;
    assert_eq!((opened.status, standing(&opened, "key").0), (200, 11));
    client.session = Some(header(&opened, "mcp-session-id"));
    let ping = |id: usize| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
    let batch = |count: usize| json!((0..count).map(ping).collect::<Vec<_>>()).to_string();
    let answered = client.post(batch(6)).await;
    assert_eq!((answered.status, standing(&answered, "key").0), (200, 5));
    // Of one that is too long nothing is done, and its POST alone is charged.
    let refused = client.post(batch(6)).await;
    assert_eq!((refused.status, refused.code()), (429, -32603), "{}", refused.text);
    assert_eq!(standing(&refused, "key").0, 4);
    assert!(retry_after(&refused) >= 1);
    let answered = client.post(batch(4)).await;
    assert_eq!((answered.status, standing(&answered, "key").0), (200, 0));
}

#[tokio::test]
async fn a_key_opens_so_many_sessions_a_minute_and_uses_those_that_it_has() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("RATE_LIMIT_INITIALIZE", "2")]).await;
    let key = database.editor("a").await;
    let [one, two] = [server.session(&key).await, server.session(&key).await];
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "it", "version": "1" },
    });
    let refused = server.client(&key).rpc("initialize", params).await;
    assert_eq!((refused.status, refused.code()), (429, -32603));
    assert_eq!(refused.json()["id"], 1);
    assert!(refused.text.contains("sessions"), "{}", refused.text);
    assert!(retry_after(&refused) >= 1);
    assert!(!refused.headers.contains_key("mcp-session-id"));
    for client in [one, two] {
        assert_eq!(client.rpc("ping", json!({})).await.status, 200);
    }
    server.session(&database.editor("a").await).await;
}

#[tokio::test]
async fn who_administers_sees_what_each_key_has_left() {
    let (database, prefix) = (Database::new().await, prefix());
    for variables in [&[("REDIS_URL", &*redis_url()), ("REDIS_KEY_PREFIX", &*prefix)][..], &[]] {
        let server = Server::with(&database, variables).await;
        let owner = database.key("a", Role::Owner, &[Scope::Admin]).await;
        let key = database.limited("a", 7).await;
        for _ in 0..3 {
            assert_eq!(call(&server.client(&key)).await.status, 200);
        }
        let limits = RestClient::new(&server, &owner.key).get("/projects/a/limits").await.json();
        assert_eq!(limits["rates"]["enforced"], true);
        let keys = limits["rates"]["keys"].as_array().unwrap();
        let shown = |id: &str| keys.iter().find(|key| key["keyId"] == id).unwrap().clone();
        let expected = json!({ "keyId": key.id, "callsPerMinute": 7, "left": 4 });
        assert_eq!(shown(&key.id.0.to_string()), expected);
        assert_eq!(shown(&owner.id.0.to_string())["left"], 99_999);
    }
}
