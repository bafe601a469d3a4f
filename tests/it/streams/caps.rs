//! How much a call may say, and how large its answer may be.

use std::time::Duration;

use futures_util::future::BoxFuture;
use mbmcp::mcp::streams::Stream;
use mbmcp::mcp::wire::{CallToolResult, ContentBlock, RpcError, ServerCapabilities, Tool};
use mbmcp::mcp::{Call, CallError, Handler, Method};
use mbmcp::model::SignalKind;
use mbmcp::store::Tx;
use mbmcp::store::pg::signals;
use serde_json::{Value, json};

use crate::harness::{Client, Database, Login, Server};

/// A handler whose one tool changes something, says so many messages of so many bytes, and gives an
/// answer of so many.
struct Talker;

impl Talker {
    async fn talk(call: &Call<'_>, tx: &Tx, method: Method<'_>) -> Result<Vec<u8>, CallError> {
        let Method::CallTool(params) = method else {
            return Err(RpcError::method_not_found("other").into());
        };
        let arguments = Value::Object(params?.arguments.unwrap_or_default());
        let number = |name: &str| arguments[name].as_u64().unwrap();
        let text = |name: &str| "x".repeat(usize::try_from(number(name)).unwrap());
        let id = call.ambient.uuid().unwrap();
        signals::announce(tx, call.tenant(), id, SignalKind::ToolsChanged, "a change").await?;
        let message = text("bytes");
        for said in 0..u32::try_from(number("messages")).unwrap() {
            call.notices.progress(said.into(), None, &message);
            if said % 500 == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let answer = ContentBlock::text(text("answer"));
        Ok(call.answer(CallToolResult::success(vec![answer]))?)
    }
}

impl Handler for Talker {
    fn capabilities(&self) -> ServerCapabilities {
        ServerCapabilities::builder().enable_tools().build()
    }

    fn instructions(&self) -> &'static str {
        "Talks."
    }

    fn tool(&self, _: &str) -> Option<&Tool> {
        None
    }

    fn target(&self, _: &str) -> Option<String> {
        None
    }

    fn writes(&self, _: &Method<'_>) -> bool {
        true
    }

    fn answer<'a>(
        &'a self,
        call: &'a Call<'a>,
        tx: &'a Tx,
        method: Method<'a>,
    ) -> BoxFuture<'a, Result<Vec<u8>, CallError>> {
        Box::pin(Self::talk(call, tx, method))
    }
}

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
        let arguments = json!({ "messages": messages, "bytes": each, "answer": answer });
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
