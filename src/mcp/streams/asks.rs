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
use crate::mcp::asking::{Answers, Question, Questions, is_answer};
use crate::mcp::wire::{RpcError, render};
use crate::store::StoreError;
use crate::store::pg::client_requests::{self, Taken};

/// How long a client may take to answer.
pub const PATIENCE: Duration = Duration::from_mins(10);
/// How often the answer is looked for although no signal of it came.
const LOOK: Duration = Duration::from_secs(30);

/// What came of questions.
pub(in crate::mcp) enum Asked {
    /// All of them are answered.
    Answered(Answers),
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
        questions: Questions,
    ) -> Result<Asked, RpcError> {
        let mut results = BTreeMap::new();
        for question in questions.requests {
            let result = match self.ask_one(caller, session, stream, &question).await? {
                Ok(result) => result,
                Err(sentence) => return Ok(Asked::Refused(sentence)),
            };
            if !is_answer(&question, &result) {
                let sentence = "the client answered this call's question with what is no answer";
                return Ok(Asked::Refused(sentence.to_owned()));
            }
            results.insert(question.key, result);
        }
        Ok(Asked::Answered(Answers { results, state: questions.state }))
    }

    async fn ask_one(
        &self,
        caller: &Caller,
        session: &str,
        stream: &Arc<Stream>,
        question: &Question,
    ) -> Result<Result<Value, String>, RpcError> {
        let tenant = caller.tenant();
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
        loop {
            tokio::select! {
                () = waiting.answered() => {}
                () = tokio::time::sleep_until(deadline.min(Instant::now() + LOOK)) => {}
            }
            let late = Instant::now() >= deadline;
            let taken = self.store.write(tenant, async |tx| {
                let taken = client_requests::take(tx, tenant, id).await?;
                if late && taken == Taken::Waiting {
                    client_requests::delete(tx, tenant, id).await?;
                }
                Ok::<_, StoreError>(taken)
            });
            match taken.await? {
                Taken::Answered(answer) => return Ok(Some(answer)),
                Taken::Waiting if !late => {}
                Taken::Waiting | Taken::Gone => return Ok(None),
            }
        }
    }
}
