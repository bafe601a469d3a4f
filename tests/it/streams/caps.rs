//! How much a call may say, and how large its answer may be.

use mbmcp::mcp::streams::Stream;
use serde_json::{Value, json};

use super::talker::Talker;
use crate::harness::{Client, Database, Login, Server};

/// Calls the tool and gives all its messages, however often the connection ends because they are not
/// read as fast as they are said.
async fn call(client: &Client, id: u64, arguments: Value) -> Vec<Value> {
    let mut stream = client.stream(id, "talk", arguments).await;
    let mut messages = stream.rest().await;
    while !messages.last().is_some_and(|message| message["id"].is_number()) {
        stream = client.listen(stream.last_id.as_deref()).await;
        messages.extend(stream.rest().await);
    }
    messages
}

#[tokio::test]
async fn a_call_that_says_or_answers_too_much_is_undone_and_told_so() {
    let database = Database::new().await;
    let server = Server::of(Box::new(Talker), &database, &[]).await.unwrap();
    let client = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;
    let (most, bytes) = Stream::LIMITS;
    let large = bytes / 8;
    let sentence = format!("at most {most} messages of {bytes} bytes");
    for (id, messages, each, answer, refusal) in [
        (1, 3, 10, 10, None),
        (2, 7, large, 10, None),
        (3, 9, large, 10, Some(sentence.clone())),
        // Some are left out where they are not stored as fast as they are said.
        (4, most * 10, 10, 10, Some(sentence)),
        (5, 0, 10, bytes - 1000, None),
        (6, 0, 10, bytes, Some(format!("an answer has at most {bytes} bytes"))),
    ] {
        let arguments =
            json!({ "messages": messages, "bytes": each, "answer": answer, "after": 20 });
        let said = call(&client, id, arguments).await;
        let (last, count) = (said.last().unwrap(), i64::try_from(said.len()).unwrap());
        assert_eq!(last["id"], id);
        let changes = "with done as (delete from signals where kind = 'tools_changed' returning 1)
                       select count(*) from done";
        let changes: i64 = owner.query_one(changes, &[]).await.unwrap().get(0);
        match refusal {
            None => {
                assert!(last["result"].is_object(), "{id}: {}", last["error"]);
                assert_eq!((count, changes), (messages + 1, 1), "{id}");
            }
            Some(refusal) => {
                let told = last["error"]["message"].as_str();
                let told = told.unwrap_or_else(|| panic!("{id}: {count} messages"));
                assert_eq!((&last["error"]["code"], changes), (&json!(-32603), 0), "{id}: {told}");
                assert!(told.contains(&refusal), "{id}: {told}");
                assert!(count <= most + 1, "{id}: {count}");
            }
        }
    }
    let open: i64 = owner
        .query_one("select count(*) from streams where closed_at is null", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(open, 0);
}

#[tokio::test]
async fn the_answer_of_a_read_is_no_larger() {
    let database = Database::new().await;
    let streams = [("MCP_JSON_RESPONSE", "false")];
    let server = Server::of(Box::new(Talker), &database, &streams).await.unwrap();
    let client = server.session(&database.editor("a").await).await;
    let (_, bytes) = Stream::LIMITS;
    let sentence = format!("an answer has at most {bytes} bytes");
    for (id, answer, refused) in [(1, bytes - 1000, false), (2, bytes, true)] {
        let mut stream = client.stream(id, "tell", json!({ "answer": answer })).await;
        let beginning = stream.event().await.unwrap().id.unwrap();
        let said = stream.rest().await;
        let message = said[0]["error"]["message"].as_str().unwrap_or_default();
        assert_eq!((said.len(), message.contains(&sentence)), (1, refused), "{id}: {message}");
        assert_eq!(client.listen(Some(&beginning)).await.rest().await, said, "it is stored");
    }
}
