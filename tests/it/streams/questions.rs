//! Calls that ask their client, by way of the suite's fixture: the product has none yet.

use serde_json::{Value, json};

use crate::conformance::fixture::Fixture;
use crate::harness::{Client, Database, Events, Login, Server, redis_url, seconds_of_silence};
use crate::mcp::asker::Asker;

/// A server with every time-out of a call as short as it can be.
async fn impatient(database: &Database, redis: bool) -> Server {
    let url = redis_url();
    let mut variables = vec![
        ("MCP_REQUEST_TIMEOUT_SECONDS", "1"),
        ("DB_STATEMENT_TIMEOUT_MS", "1000"),
        ("DB_LOCK_TIMEOUT_MS", "1000"),
    ];
    if redis {
        variables.push(("REDIS_URL", &url));
    }
    Server::of(Box::new(Fixture::new()), database, &variables).await.unwrap()
}

/// A session of a client that can be asked what `capabilities` say.
pub async fn session(
    server: &Server,
    key: &crate::harness::TestKey,
    capabilities: Value,
) -> Client {
    let client = server.client(key);
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": capabilities,
        "clientInfo": { "name": "it", "version": "1" },
    });
    let opened = client.rpc("initialize", params).await;
    client.with_session(opened.headers["mcp-session-id"].to_str().unwrap())
}

/// Calls a tool that asks; the stream, and the question.
async fn ask(client: &Client) -> (Events, Value) {
    let mut stream = client.stream(1, "test_elicitation", json!({ "message": "Who?" })).await;
    let question = stream.message().await.unwrap();
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"]["message"], "Who?");
    (stream, question)
}

pub async fn answer(client: &Client, question: &Value, outcome: Value) {
    let mut body = json!({ "jsonrpc": "2.0", "id": question["id"] });
    body.as_object_mut().unwrap().extend(outcome.as_object().unwrap().clone());
    let answered = client.post(body.to_string()).await;
    assert_eq!((answered.status, &*answered.text), (202, ""));
}

fn accepted() -> Value {
    let content = json!({ "username": "Ada", "email": "ada@example.test" });
    json!({ "result": { "action": "accept", "content": content } })
}

#[tokio::test]
async fn an_answer_finds_its_call_on_another_replica_once() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    for redis in [true, false] {
        let (one, two) = (impatient(&database, redis).await, impatient(&database, redis).await);
        let client = session(&one, &key, json!({ "elicitation": {} })).await;
        let (mut stream, question) = ask(&client).await;
        let elsewhere = client.at(&two.url);
        answer(&elsewhere, &question, accepted()).await;
        // A second one, and one to what nobody asked, change nothing.
        answer(&elsewhere, &question, json!({ "result": { "action": "decline" } })).await;
        answer(&elsewhere, &json!({ "id": "unknown" }), accepted()).await;
        let said = stream.rest().await;
        assert_eq!((said.len(), &said[0]["id"]), (1, &json!(1)));
        assert!(said[0].to_string().contains("Ada"), "{said:?}");
    }
}

#[tokio::test]
async fn a_silent_call_is_cut_off_by_no_timer() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let (one, two) = (impatient(&database, false).await, impatient(&database, false).await);
    let client = session(&one, &key, json!({ "elicitation": {} })).await;
    let (stream, question) = ask(&client).await;
    let (mut stream, silence) = (stream, seconds_of_silence());
    let early = tokio::time::timeout(silence, stream.comments_only()).await;
    assert!(early.is_err(), "it was cut off: {early:?}");
    answer(&client.at(&two.url), &question, accepted()).await;
    let said = stream.rest().await;
    assert!(said.len() == 1 && said[0].to_string().contains("Ada"), "{said:?}");
}

#[tokio::test]
async fn what_is_no_answer_ends_the_call_with_a_sentence() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let server = impatient(&database, false).await;
    let client = session(&server, &key, json!({ "elicitation": {} })).await;
    for (outcome, sentence) in [
        (json!({ "error": { "code": -1, "message": "no" } }), "refused to answer"),
        (json!({ "result": { "action": "accept", "content": { "username": 7 } } }), "is no answer"),
        (json!({ "result": { "action": "perhaps" } }), "is no answer"),
        (json!({ "result": { "action": "accept", "content": { "email": "\u{0}" } } }), "refused"),
    ] {
        let (mut stream, question) = ask(&client).await;
        answer(&client, &question, outcome).await;
        let said = stream.rest().await;
        assert_eq!(said[0]["result"]["isError"], true, "{said:?}");
        assert!(said[0].to_string().contains(sentence), "{said:?}");
    }
    let (mut stream, question) = ask(&client).await;
    answer(&client, &question, json!({ "result": { "action": "decline" } })).await;
    assert!(stream.rest().await[0].to_string().contains("decline"));
}

#[tokio::test]
async fn who_cannot_be_asked_is_told_so() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let server = impatient(&database, false).await;
    let mute = session(&server, &key, json!({})).await;
    let call = json!({ "name": "test_elicitation", "arguments": { "message": "Who?" } });
    let refused = mute.streamed(1, "tools/call", call.clone()).send().await.unwrap();
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("\"isError\":true") && refused.contains("elicitation"), "{refused}");
    // Takes no events, so that nothing leads to it.
    let deaf = session(&server, &key, json!({ "elicitation": {} })).await;
    let refused = deaf.rpc("tools/call", call).await;
    assert_eq!(refused.code(), -32600, "{}", refused.text);
}

#[tokio::test]
async fn what_was_answered_is_known_when_the_next_question_is() {
    let database = Database::new().await;
    let server = Server::of(Asker::boxed(), &database, &[]).await.unwrap();
    let key = database.editor("a").await;
    let client = session(&server, &key, json!({ "elicitation": {} })).await;
    let mut stream = client.stream(1, "survey", json!({})).await;
    let mut given = json!({});
    for (field, value, asked) in
        [("name", json!("Ada"), "Please"), ("age", json!(36), "Dear \"Ada\", how old are you?")]
    {
        let question = stream.message().await.unwrap();
        assert_eq!(question["params"]["message"], asked);
        given[field] = json!({ "action": "accept", "content": { field: value } });
        answer(&client, &question, json!({ "result": given[field] })).await;
    }
    let said = stream.rest().await;
    assert_eq!(said.len(), 1, "{said:?}");
    let told = said[0]["result"]["content"][0]["text"].as_str().unwrap();
    let told: Value = serde_json::from_str(told).unwrap();
    assert_eq!(told, json!({ "answers": given, "state": { "step": 2 } }));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_at_once_is_read_later() {
    let database = Database::new().await;
    let server = impatient(&database, false).await;
    let client = session(&server, &database.editor("a").await, json!({ "elicitation": {} })).await;
    let (mut stream, question) = ask(&client).await;
    let owner = database.connect(Login::Owner).await;
    // What a sequence counts is not rolled back.
    let fail = "
      create sequence looks;
      create function fail_twice() returns trigger language plpgsql security definer as $$
      begin
        if nextval('public.looks') < 3 then
          raise exception 'the database is away';
        end if;
        return old;
      end $$;
      create trigger fail_twice before delete on client_requests
        for each row execute function fail_twice()";
    owner.batch_execute(fail).await.unwrap();
    answer(&client, &question, accepted()).await;
    let said = stream.rest().await;
    assert!(said.len() == 1 && said[0].to_string().contains("Ada"), "{said:?}");
    let looks: i64 = owner.query_one("select last_value from looks", &[]).await.unwrap().get(0);
    assert_eq!(looks, 3);
}
