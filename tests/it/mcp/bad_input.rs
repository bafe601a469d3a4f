//! Bad input: the right status, one clear sentence, nothing written.

use std::time::Duration;

use mbmcp::model::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::harness::{Client, Database, Login, Reply, Server, eventually};

async fn documents(database: &Database) -> i64 {
    let owner = database.connect(Login::Owner).await;
    owner.query_one("select count(*) from documents", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_is_no_message_is_refused_by_status_and_code() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    for (body, status, code) in [
        ("{\"jsonrpc\":", 400, -32700),
        ("", 400, -32700),
        ("[]", 400, -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":"a\u0000","method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, 200, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1]}"#, 400, -32600),
    ] {
        let reply = client.post(body).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{body}: {}", reply.text);
    }
    let reply = client.post(vec![0xff, 0xfe, b'{']).await;
    assert_eq!((reply.status, reply.code()), (400, -32700));
}

#[tokio::test]
async fn bad_arguments_are_all_named_and_nothing_is_written() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;

    let unknown = client.call("write_everything", json!({})).await;
    assert_eq!((unknown.status, unknown.code()), (200, -32602));
    let wrong = json!({ "filename": 5, "content": ["x"], "colour": "red" });
    let sentence = client.refused("write_memory_bank_file", wrong).await;
    for name in ["filename", "content", "colour"] {
        assert!(sentence.contains(name), "{sentence}");
    }
    for (filename, word) in [
        ("../up.md", ".."),
        ("a/../../up.md", ".."),
        ("/etc/passwd", "relative"),
        ("a\\b.md", "backslash"),
        ("line\nbreak.md", "control"),
        ("1/2/3/4/5/6/7/8/9.md", "8 segments"),
    ] {
        let arguments = json!({ "filename": filename, "content": "x" });
        let sentence = client.refused("write_memory_bank_file", arguments).await;
        assert!(sentence.contains(word), "{filename:?}: {sentence}");
    }
    for arguments in [
        json!({ "filename": "nul.md", "content": "a\u{0}b" }),
        json!({ "filename": "n\u{0}l.md", "content": "ab" }),
    ] {
        let sentence = client.refused("write_memory_bank_file", arguments).await;
        assert!(sentence.contains("NUL"), "{sentence}");
    }
    let large = json!({ "filename": "large.md", "content": "x".repeat(512 * 1024 + 1) });
    let sentence = client.refused("write_memory_bank_file", large).await;
    assert!(sentence.contains("524288") && sentence.contains("split"), "{sentence}");
    assert_eq!(documents(&database).await, 0);

    let largest = "é".repeat(256 * 1024);
    client.write("largest.md", &largest).await;
    let read = client.ok("read_memory_bank_file", json!({ "filename": "largest.md" })).await;
    assert_eq!(read["content"], largest.as_str());
}

#[tokio::test]
async fn arguments_beyond_their_limits_are_refused_by_name() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let long = |chars: usize| "x".repeat(chars);
    let files = vec!["a.md"; 1001];
    for (tool, field, arguments) in [
        ("search_memory_bank", "query", json!({ "query": "" })),
        ("search_memory_bank", "query", json!({ "query": long(501) })),
        ("search_memory_bank", "maxResults", json!({ "query": "x", "maxResults": 101 })),
        ("search_memory_bank", "files", json!({ "query": "x", "files": files })),
        ("search_memory_bank", "pathPrefix", json!({ "query": "x", "pathPrefix": long(2049) })),
        ("search_memory_bank", "cursor", json!({ "query": "x", "cursor": long(4097) })),
        ("search_memory_bank", "mode", json!({ "query": "x", "mode": "regex" })),
        ("list_memory_bank_files", "limit", json!({ "limit": 501 })),
        ("list_memory_bank_files", "limit", json!({ "limit": 0 })),
        ("list_memory_bank_files", "prefix", json!({ "prefix": long(2049) })),
        ("read_memory_bank_file", "filename", json!({ "filename": long(2049) })),
        ("read_memory_bank_file", "startLine", json!({ "filename": "a", "startLine": 0 })),
        ("read_memory_bank_file", "maxChars", json!({ "filename": "a", "maxChars": 524_289 })),
        ("read_memory_bank_file", "255 bytes", json!({ "filename": long(256) })),
    ] {
        let sentence = client.refused(tool, arguments).await;
        assert!(sentence.contains(field), "{tool}: {sentence}");
    }
    for arguments in [json!({ "query": long(500) }), json!({ "query": "x", "maxResults": 100 })] {
        client.ok("search_memory_bank", arguments).await;
    }
}

#[tokio::test]
async fn a_body_of_two_megabytes_is_413_and_of_another_type_415() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let large = json!({ "filename": "a.md", "content": "x".repeat(2 << 20) });
    let stranger = Client::new(&server.url, "nonsense");
    let refused = stranger.call("write_memory_bank_file", large.clone()).await;
    assert_eq!(refused.status, 401, "who calls comes before what is sent");
    let reply = client.call("write_memory_bank_file", large).await;
    assert_eq!((reply.status, reply.code()), (413, -32600));
    assert!(reply.text.contains("1048576"), "{}", reply.text);

    // The same without an announced length.
    let chunks = (0..32).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 << 10]));
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    assert_eq!(client.post(stream).await.status, 413);

    let form = client.request(Method::POST).header("content-type", "text/plain").body("{}");
    assert_eq!(Reply::of(form).await.status, 415);
    assert_eq!(documents(&database).await, 0);
}

#[tokio::test]
async fn a_version_or_session_that_is_none_is_refused() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let mut client = server.client(&key);
    let missing = client.rpc("ping", json!({})).await;
    assert_eq!((missing.status, missing.code()), (400, -32600));
    assert_eq!(client.delete().await.status, 400);

    client.session = Some("x".repeat(43));
    let unknown = client.rpc("ping", json!({})).await;
    assert_eq!((unknown.status, unknown.code()), (404, -32001));
    assert_eq!(client.delete().await.status, 404);

    client.initialize().await;
    let versioned = |version: &'static str| {
        let request = client.request(Method::POST).header("mcp-protocol-version", version);
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        Reply::of(request.header("content-type", "application/json").body(body))
    };
    assert_eq!(versioned("2025-06-18").await.status, 200);
    let refused = versioned("1999-01-01").await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("2025-11-25"), "{}", refused.text);
}

#[tokio::test]
async fn wrong_keys_are_401_with_a_challenge_and_never_repeated() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let good = database.editor("a").await;
    let mut mistyped = good.key.clone();
    mistyped.replace_range(20..21, if &mistyped[20..21] == "a" { "b" } else { "a" });
    let answer = async |key: &str| Client::new(&server.url, key).rpc("ping", json!({})).await;

    for wrong in ["", "nonsense", &mistyped, &good.key[1..], "mbmcp_live_"] {
        let reply = answer(wrong).await;
        assert_eq!(reply.status, 401, "{wrong}");
        let challenge = reply.headers["www-authenticate"].to_str().unwrap();
        assert_eq!(challenge, r#"Bearer realm="mbmcp", error="invalid_token""#);
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        assert!(!reply.text.contains("mbmcp_live_"), "a key is never repeated");
    }
}

#[tokio::test]
async fn a_key_may_come_in_either_header_but_not_two_different_ones() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let [one, two] = [database.editor("a").await, database.editor("b").await];
    let url = format!("{}/mcp", server.url);
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = reqwest::Client::new().post(&url).body("{}");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::of(request).await.status
    };
    let bearer = format!("bearer {}", one.key);
    // 415: authenticated, and then the body is of no type.
    assert_eq!(ask(&[("x-api-key", &one.key)]).await, 415);
    assert_eq!(ask(&[("authorization", &bearer)]).await, 415);
    assert_eq!(ask(&[("authorization", &bearer), ("x-api-key", &one.key)]).await, 415);
    assert_eq!(ask(&[("authorization", &bearer), ("x-api-key", &two.key)]).await, 401);
    assert_eq!(ask(&[("authorization", "Basic eDp5")]).await, 401);
    assert_eq!(ask(&[]).await, 401);
    let query = reqwest::Client::new().post(format!("{url}?api_key={}", one.key));
    assert_eq!(Reply::of(query).await.status, 401, "never in a query string");
}

#[tokio::test]
async fn an_expired_key_is_refused_also_from_a_warm_cache() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let lifetime = Some(Duration::from_secs(2));
    let key = database.key_for("a", Role::Editor, &[Scope::Write], lifetime).await;
    let client = server.session(&key).await;
    client.write("a.md", "x").await;
    let refused = eventually("the expiry", async || {
        let reply = client.call("whoami", json!({})).await;
        (reply.status == 401).then_some(reply)
    })
    .await;
    assert!(refused.text.contains("expired"), "{}", refused.text);
    let detail: Value = refused.json();
    assert_eq!(detail["status"], 401);
}

#[tokio::test]
async fn an_address_with_many_wrong_keys_is_held_off_but_not_the_good_keys_in_use_there() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let entropy = mbmcp::model::Entropy::default();
    let made_up = || mbmcp::access::key::ApiKey::generate(&entropy, false).unwrap();
    let ask = async |key: &str| Client::new(&server.url, key).rpc("ping", json!({})).await;

    // One wrong key counts once for as long as it is known to be wrong, a malformed one never.
    let wrong = made_up();
    for _ in 0..40 {
        assert_eq!(ask(wrong.reveal()).await.status, 401);
        assert_eq!(ask("mbmcp_live_nonsense").await.status, 401);
    }
    for _ in 0..40 {
        assert!([401, 429].contains(&ask(made_up().reveal()).await.status));
    }
    let refused = ask(made_up().reveal()).await;
    assert_eq!(refused.status, 429);
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);

    // Each time the good key is changed it is looked up again.
    let owner = database.connect(Login::Superuser).await;
    for label in ["one", "another", "a third"] {
        owner.execute("update api_keys set label = $1", &[&label]).await.unwrap();
        eventually("a look-up of the good key", async || {
            assert!([401, 429].contains(&ask(made_up().reveal()).await.status));
            let shown = client.ok("whoami", json!({})).await;
            (shown["keyLabel"] == label).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn who_hangs_up_before_the_answer_is_counted_all_the_same() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let entropy = mbmcp::model::Entropy::default();
    let made_up = || mbmcp::access::key::ApiKey::generate(&entropy, false).unwrap();
    for _ in 0..60 {
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Length: 2\r\n\r\n{{}}",
            made_up().reveal()
        );
        let address = server.url.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
    }
    // Far fewer than are allowed, so that only those of before can have used the allowance up.
    let mut statuses = Vec::new();
    for _ in 0..10 {
        let client = Client::new(&server.url, made_up().reveal());
        statuses.push(client.rpc("ping", json!({})).await.status);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}
