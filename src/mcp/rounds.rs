//! Calls in rounds (2026-07-28, basic/patterns/mrtr): one that must ask its client is answered by its
//! questions, and sent again with the answers.
//!
//! Nothing is kept between two rounds. What the handler will want to know, and what was answered, the
//! client carries as a sealed text, bound to who asks and to what. Which answers fit is found out by
//! asking again: a handler without them asks what it asked before.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::asking::{Answers, Questions};
use super::dispatch::{Ground, Ran, Request, Service};
use super::method::Method;
use super::modern::ModernRequest;
use super::notices::Notices;
use super::tools::Toolsets;
use super::wire::render::{self, Form, InputRequired};
use super::wire::{Era, RpcError};
use crate::access::Caller;
use crate::store::Tx;
use crate::store::pg::idempotency::{self, IdempotencyKey};

/// How long a client may take for its answers.
const VALID: Duration = Duration::from_mins(10);
/// The operation, as idempotency keys know it.
const ROUTE: &str = "mcp requestState";
/// The parameters that may differ from round to round.
const UNBOUND: [&str; 3] = ["_meta", "inputResponses", "requestState"];

/// A request of the modern era that may take several rounds.
pub(super) struct Rounds<'a> {
    pub(super) service: &'a Service,
    pub(super) caller: &'a Caller,
    pub(super) request: &'a ModernRequest,
    pub(super) toolsets: &'a Toolsets,
    pub(super) form: Form,
}

/// What the client carries from one round to the next.
#[derive(Serialize, Deserialize)]
struct Carried {
    /// Names the call: one that writes is done once.
    call: Uuid,
    /// Until when it is good, in seconds since 1970.
    until: i64,
    /// The handler's own.
    state: Option<Value>,
    /// What was answered.
    results: BTreeMap<String, Value>,
}

/// What a call that writes uses up: the rounds that led to it lead nowhere else.
pub(super) struct Spent {
    call: Uuid,
    params: [u8; 32],
}

impl Rounds<'_> {
    /// Answers `method`, or asks.
    pub(super) async fn answer(
        &self,
        method: Method<'_>,
        notices: &Notices,
    ) -> Result<Vec<u8>, RpcError> {
        let Some((mut given, sealed)) = sent_along(&method) else {
            return match self.run(method, &Answers::default(), notices, None).await? {
                Ran::Answered(answered) => Ok(answered.body),
                Ran::Asks(_) => Err(asks_where_none_may(&self.request.method)),
            };
        };
        let params = digest(self.request.params.as_deref())?;
        let purpose = self.purpose(&params);
        let carried = sealed.map(|sealed| self.open(&purpose, &sealed)).transpose()?;
        let writes = self.service.handler.writes(&method);
        if writes && carried.is_none() {
            // What nobody asked for: a change is made once for each time that its client was asked.
            given.clear();
        }
        let call = carried.as_ref().map(|state| state.call);
        let spent = call.filter(|_| writes).map(|call| Spent { call, params });
        let mut answers = carried.map(Carried::into_answers).unwrap_or_default();
        // With answers at hand, the first run only tells what they must answer.
        let quiet = Notices::default();
        let heard = if given.is_empty() { notices } else { &quiet };
        let mut questions = match self.run(method, &answers, heard, spent.as_ref()).await? {
            Ran::Answered(answered) => return Ok(answered.body),
            Ran::Asks(questions) => questions,
        };
        if answers.go_on(&questions, &mut given) {
            let params = self.request.params.as_deref();
            let method = Method::of(Era::Modern, &self.request.method, params);
            questions = match self.run(method, &answers, notices, spent.as_ref()).await? {
                Ran::Answered(answered) => return Ok(answered.body),
                Ran::Asks(questions) => questions,
            };
            answers.go_on(&questions, &mut BTreeMap::new());
        }
        // Where a change waits for the answers, there is always something to use up.
        let stateful = writes || questions.requests.is_empty() || !answers.is_empty();
        let state = stateful.then(|| self.seal(&purpose, call, answers)).transpose()?;
        let asked = InputRequired::new(requests(questions), state);
        render::result(self.form, &self.request.id, asked)
    }

    async fn run(
        &self,
        method: Method<'_>,
        answers: &Answers,
        notices: &Notices,
        spent: Option<&Spent>,
    ) -> Result<Ran, RpcError> {
        let Self { service, caller, request: ModernRequest { id, meta, .. }, form, .. } = *self;
        let ground = Ground::Request(meta, self.toolsets, spent);
        let stream = None;
        let request = Request { caller, id, method, ground, notices, answers, stream, form };
        service.run(request).await
    }

    /// What a state is sealed for: the principal, the method and its parameters.
    fn purpose(&self, params: &[u8; 32]) -> String {
        let (tenant, key) = (self.caller.tenant(), self.caller.key().id);
        let (project, user) = (tenant.project(), tenant.user());
        let (method, params) = (&self.request.method, hex::encode(params));
        format!("requestState\n{project}\n{user}\n{key}\n{method}\n{params}")
    }

    fn open(&self, purpose: &str, sealed: &str) -> Result<Carried, RpcError> {
        let opened = self.service.sealer.open(purpose, sealed);
        let opened = opened.ok_or_else(RpcError::request_state)?;
        let carried: Carried = serde_json::from_slice(&opened).map_err(|error| {
            // It is ours, perhaps of another version.
            tracing::warn!(%error, "a sealed state cannot be read");
            RpcError::request_state()
        })?;
        if carried.until <= self.now() {
            return Err(RpcError::request_state());
        }
        Ok(carried)
    }

    fn seal(
        &self,
        purpose: &str,
        call: Option<Uuid>,
        answers: Answers,
    ) -> Result<String, RpcError> {
        let call = call.map_or_else(|| self.service.ambient.uuid(), Ok).map_err(broken)?;
        let until = self.now() + VALID.as_secs().cast_signed();
        let Answers { results, state } = answers;
        let state = serde_json::to_vec(&Carried { call, until, state, results }).map_err(broken)?;
        Ok(self.service.sealer.seal(purpose, &state))
    }

    fn now(&self) -> i64 {
        self.service.ambient.clock.now().unix_timestamp()
    }
}

impl Carried {
    fn into_answers(self) -> Answers {
        Answers { results: self.results, state: self.state }
    }
}

impl Spent {
    /// Uses it up in the transaction of the change, so that one that fails may be sent again. The keys
    /// of idempotency are kept where that is known: they stand for writes that come twice, belong to
    /// their user alone, and go when their time is over.
    pub(super) async fn spend(&self, tx: &Tx, caller: &Caller) -> Result<(), RpcError> {
        let key = IdempotencyKey {
            project: caller.tenant().project(),
            principal: format!("user:{}", caller.tenant().user()),
            route: ROUTE,
            key: self.call.to_string(),
        };
        let fresh = idempotency::spend(tx, &key, &self.params).await?;
        if fresh { Ok(()) } else { Err(RpcError::request_state_used()) }
    }
}

/// What comes with a call that its handler may ask about: answers, and the state. `None` for other
/// methods, and for parameters that are wrong.
fn sent_along(method: &Method<'_>) -> Option<(BTreeMap<String, Value>, Option<String>)> {
    let (given, state) = match method {
        Method::CallTool(Ok(params)) => (&params.input_responses, &params.request_state),
        Method::GetPrompt(Ok(params)) => (&params.input_responses, &params.request_state),
        Method::ReadResource(Ok(params)) => (&params.input_responses, &params.request_state),
        _ => return None,
    };
    Some((given.clone().unwrap_or_default(), state.clone()))
}

/// The SHA-256 of what must not differ from round to round, however it is written.
fn digest(params: Option<&RawValue>) -> Result<[u8; 32], RpcError> {
    let params = serde_json::from_str(params.map_or("{}", RawValue::get));
    let mut params: Map<String, Value> =
        params.map_err(|error| RpcError::invalid_params(format!("`params`: {error}")))?;
    for name in UNBOUND {
        params.remove(name);
    }
    if params.get("arguments").is_none_or(Value::is_null) {
        params.insert("arguments".to_owned(), json!({}));
    }
    // Fields are kept in the order of their names.
    Ok(Sha256::digest(Value::Object(params).to_string()).into())
}

fn requests(questions: Questions) -> Map<String, Value> {
    let requests = questions.requests.into_iter();
    requests.map(|ask| (ask.key, json!({ "method": ask.method, "params": ask.params }))).collect()
}

fn asks_where_none_may(method: &str) -> RpcError {
    tracing::error!(method, "a handler asks about a method that takes no answers");
    RpcError::internal()
}

fn broken(error: impl Display) -> RpcError {
    tracing::error!(%error, "a state cannot be sealed");
    RpcError::internal()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(params: &str) -> [u8; 32] {
        digest(Some(&RawValue::from_string(params.to_owned()).unwrap())).unwrap()
    }

    #[test]
    fn the_same_call_is_known_however_it_is_written() {
        let first = digest_of(r#"{"name":"a","arguments":{"x":1,"y":{"z":null,"a":[1,2]}}}"#);
        let again = r#"{ "requestState": "s", "inputResponses": {"k":1}, "_meta": {"v":2},
            "arguments": {"y": {"a":[1, 2], "z":null}, "x": 1}, "name": "a" }"#;
        assert_eq!(digest_of(again), first);
        for other in [
            r#"{"name":"b","arguments":{"x":1,"y":{"z":null,"a":[1,2]}}}"#,
            r#"{"name":"a","arguments":{"x":1,"y":{"z":null,"a":[2,1]}}}"#,
            r#"{"name":"a","arguments":{"x":1,"y":{"a":[1,2]}}}"#,
            r#"{"name":"a","arguments":{"x":1,"y":{"z":null,"a":[1,2]}},"more":0}"#,
        ] {
            assert_ne!(digest_of(other), first, "{other}");
        }
        let without = digest_of(r#"{"name":"a"}"#);
        assert_eq!(digest_of(r#"{"name":"a","arguments":{}}"#), without);
        assert_eq!(digest_of(r#"{"name":"a","arguments":null}"#), without);
        assert_ne!(digest_of(r#"{"name":"a","arguments":[]}"#), without);
    }
}
