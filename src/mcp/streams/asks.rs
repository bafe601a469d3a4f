//! Asking the client of a session: the request goes out on the call's stream, and the answer comes by a
//! POST to any replica.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::Stream;
use super::calls::Waiting;
use crate::access::Caller;
use crate::mcp::Service;
use crate::mcp::asking::{Question, Questions, is_answer};
use crate::mcp::wire::{RpcError, render};
use crate::store::StoreError;
use crate::store::pg::client_requests::{self, PATIENCE, Taken};

/// How often the answer is looked for although no signal of it came.
const LOOK: Duration = Duration::from_secs(30);
/// How soon it is looked for again where it could not be.
const AGAIN: Duration = Duration::from_secs(1);

/// What came of questions.
pub(in crate::mcp) enum Asked {
    /// All of them are answered: the results, by the keys of their questions.
    Answered(BTreeMap<String, Value>),
    /// One is not; the sentence says why.
    Refused(String),
}

impl Service {
    /// Asks the client of `session` all `questions`, one after the other, outside of any transaction.
    pub(in crate::mcp) async fn ask(
        &self,
        caller: &Caller,
        session: &str,
        stream: &Arc<Stream>,
        questions: &Questions,
    ) -> Result<Asked, RpcError> {
        let mut results = BTreeMap::new();
        for question in &questions.requests {
            let result = match self.ask_one(caller, session, stream, question).await? {
                Ok(result) => result,
                Err(sentence) => return Ok(Asked::Refused(sentence)),
            };
            if !is_answer(question, &result) {
                let sentence = "the client answered this call's question with what is no answer";
                return Ok(Asked::Refused(sentence.to_owned()));
            }
            results.insert(question.key.clone(), result);
        }
        Ok(Asked::Answered(results))
    }

    async fn ask_one(
        &self,
        caller: &Caller,
        session: &str,
        stream: &Arc<Stream>,
        question: &Question,
    ) -> Result<Result<Value, String>, RpcError> {
        let tenant = caller.tenant();
        if !stream.readable(self.call_timeout).await {
            return Err(RpcError::unavailable());
        }
        let id = self.ambient.uuid()?;
        let waiting = self.streams.calls.wait_for(id).ok_or_else(RpcError::internal)?;
        let _awake = self.bus.attend();
        let noted = self
            .store
            .write(tenant, async |tx| client_requests::insert(tx, tenant, id, session).await);
        noted.await.map_err(|error: StoreError| RpcError::from(error))?;
        stream.say(&render::request(id, question.method, &question.params));
        let Some(mut answer) = self.answer_to(caller, id, &waiting).await? else {
            let minutes = PATIENCE.as_secs() / 60;
            return Ok(Err(format!(
                "nobody answered this call's question within {minutes} minutes"
            )));
        };
        let refused = || "the client refused to answer this call's question".to_owned();
        Ok(answer.get_mut("result").map(Value::take).ok_or_else(refused))
    }

    /// What the client posted as the answer to `id`; `None` when it took too long.
    async fn answer_to(
        &self,
        caller: &Caller,
        id: Uuid,
        waiting: &Waiting,
    ) -> Result<Option<Value>, RpcError> {
        let (tenant, deadline) = (caller.tenant(), Instant::now() + PATIENCE);
        let mut pause = LOOK;
        loop {
            tokio::select! {
                () = waiting.answered() => {}
                () = tokio::time::sleep_until(deadline.min(Instant::now() + pause)) => {}
            }
            pause = LOOK;
            let late = Instant::now() >= deadline;
            let taken = self.store.write(tenant, async |tx| {
                let taken = client_requests::take(tx, tenant, id).await?;
                if late && taken == Taken::Waiting {
                    client_requests::delete(tx, tenant, id).await?;
                }
                Ok::<_, StoreError>(taken)
            });
            match taken.await {
                Ok(Taken::Answered(answer)) => return Ok(Some(answer)),
                Ok(Taken::Waiting) if !late => {}
                Ok(Taken::Waiting | Taken::Gone) => return Ok(None),
                Err(error) if late => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, "an answer cannot be looked for now");
                    pause = AGAIN;
                }
            }
        }
    }
}
