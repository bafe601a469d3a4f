//! Messages of the legacy era, each in a session but for `initialize`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::asking::Answers;
use super::dispatch::{Answered, Ground, Ran, Request, Service, find_session};
use super::method::Method;
use super::notices::Notices;
use super::streams::calls::cancellation;
use super::streams::{Asked, Stream};
use super::wire::meta::Envelope;
use super::wire::render::{self, Form};
use super::wire::{Era, Outcome, RequestId, RpcError};
use crate::access::Caller;
use crate::model::SignalKind;
use crate::model::nul::has_nul;
use crate::store::StoreError;
use crate::store::pg::{client_requests, signals};
use crate::telemetry::call_log;

/// A request of a session.
#[derive(Debug)]
pub struct LegacyRequest {
    /// The session, as the client names it.
    pub session: String,
    /// Returned with the answer.
    pub id: RequestId,
    /// What is asked for.
    pub method: String,
    /// As sent.
    pub params: Option<Box<RawValue>>,
}

/// The answer to a request of a session.
#[derive(Debug)]
pub struct LegacyAnswer {
    /// The HTTP status, where it is no stream.
    pub status: u16,
    /// The JSON.
    pub body: String,
    /// Whether its stream has it already, stored with the change that it tells of.
    pub recorded: bool,
}

impl LegacyRequest {
    fn asked_for(&self) -> Method<'_> {
        Method::of(Era::Legacy, &self.method, self.params.as_deref())
    }

    /// What the call says goes to `stream`, if the client wants it.
    #[must_use]
    pub fn notices(&self, stream: Option<Arc<Stream>>) -> Notices {
        let meta = Envelope::of(self.params.as_deref()).meta;
        let token = meta.and_then(|mut meta| meta.get_mut("progressToken").map(Value::take));
        Notices::in_session(stream, token.filter(|token| token.is_string() || token.is_number()))
    }

    /// `error` as its answer.
    #[must_use]
    pub fn refused(&self, error: RpcError) -> LegacyAnswer {
        let error = error.in_era(Era::Legacy);
        let body = text(render::error(Some(&self.id), &error));
        LegacyAnswer { status: error.status, body, recorded: false }
    }
}

impl Service {
    /// Whether `request` may change anything.
    #[must_use]
    pub fn writes(&self, request: &LegacyRequest) -> bool {
        self.handler.writes(&request.asked_for())
    }

    /// Answers `request`. What must be asked of its client goes out on `stream`; the answer of a change
    /// is stored there with the change, if the stream has its row.
    pub async fn in_session(
        &self,
        caller: &Caller,
        request: &LegacyRequest,
        notices: &Notices,
        stream: Option<&Arc<Stream>>,
    ) -> LegacyAnswer {
        call_log::note(|fields| fields.method = Some(request.asked_for().name()));
        match self.until_answered(caller, request, notices, stream).await {
            Ok(answered) => {
                if answered.unseen {
                    self.touch_session(caller, &request.session).await;
                }
                let Answered { body, recorded, .. } = answered;
                LegacyAnswer { status: 200, body: text(body), recorded }
            }
            Err(error) => request.refused(error),
        }
    }

    /// Runs `request`, asks what it asks, and runs it again with the answers.
    async fn until_answered(
        &self,
        caller: &Caller,
        request: &LegacyRequest,
        notices: &Notices,
        stream: Option<&Arc<Stream>>,
    ) -> Result<Answered, RpcError> {
        let LegacyRequest { session, id, .. } = request;
        if let Some(answered) = self.of_session(caller, request).await? {
            return Ok(answered);
        }
        let mut answers = Answers::default();
        loop {
            let run = Request {
                caller,
                id,
                method: request.asked_for(),
                ground: Ground::Session(session),
                notices,
                answers: &answers,
                stream: stream.map(AsRef::as_ref),
                form: Form::Legacy,
            };
            let questions = match self.run(run).await? {
                Ran::Answered(answered) => return Ok(answered),
                Ran::Asks(questions) => questions,
            };
            let stream = stream.ok_or_else(RpcError::cannot_ask)?;
            match self.ask(caller, session, stream, &questions).await? {
                Asked::Answered(mut given) => answers.go_on(&questions, &mut given),
                Asked::Refused(sentence) => return Answered::refusal(Form::Legacy, id, sentence),
            };
        }
    }

    /// What a client tells: that a request is cancelled, or something that changes nothing here.
    ///
    /// # Errors
    /// 404 when the session is not the caller's or has ended.
    pub async fn told(
        &self,
        caller: &Caller,
        session: Option<&str>,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<(), RpcError> {
        let id = session.ok_or_else(RpcError::session_missing)?;
        let tenant = caller.tenant();
        self.store.read(tenant, async |tx| find_session(tx, caller, id).await).await?;
        let cancelled = match method {
            "notifications/cancelled" => params.and_then(cancelled),
            _ => None,
        };
        let Some(request) = cancelled else { return Ok(()) };
        if self.streams.calls.cancel(tenant.project(), id, &request) {
            return Ok(());
        }
        let target = cancellation(id, &request);
        self.announce(caller, SignalKind::CallCancelled, &target).await
    }

    /// A client's answer to what it was asked. One to what nobody asked is as good as none.
    ///
    /// # Errors
    /// 404 when the session is not the caller's or has ended.
    pub async fn answered(
        &self,
        caller: &Caller,
        session: Option<&str>,
        id: &RequestId,
        outcome: &Outcome,
    ) -> Result<(), RpcError> {
        let session = session.ok_or_else(RpcError::session_missing)?;
        let tenant = caller.tenant();
        let signal = self.ambient.uuid()?;
        let question = match id {
            RequestId::Text(text) => text.parse::<uuid::Uuid>().ok(),
            RequestId::Number(_) => None,
        };
        let answer = outcome_value(outcome);
        let kept = self.store.write(tenant, async |tx| {
            find_session(tx, caller, session).await?;
            let Some(id) = question else { return Ok(()) };
            if client_requests::answer(tx, tenant, session, id, &answer).await? {
                let kind = SignalKind::RequestAnswered;
                signals::announce(tx, tenant, signal, kind, &id.to_string()).await?;
            }
            Ok::<_, RpcError>(())
        });
        kept.await?;
        self.bus.wake();
        Ok(())
    }

    /// The protocol version of `session`.
    ///
    /// # Errors
    /// 404 when the session is not the caller's or has ended.
    pub async fn session_version(
        &self,
        caller: &Caller,
        session: &str,
    ) -> Result<String, RpcError> {
        let read =
            self.store.read(caller.tenant(), async |tx| find_session(tx, caller, session).await);
        Ok(read.await?.protocol_version)
    }

    async fn announce(
        &self,
        caller: &Caller,
        kind: SignalKind,
        target: &str,
    ) -> Result<(), RpcError> {
        let (tenant, id) = (caller.tenant(), self.ambient.uuid()?);
        let announced = self
            .store
            .write(tenant, async |tx| signals::announce(tx, tenant, id, kind, target).await);
        announced.await.map_err(|error: StoreError| RpcError::from(error))?;
        self.bus.wake();
        Ok(())
    }
}

/// The request that a client cancels (2025-11-25, basic/utilities/cancellation).
fn cancelled(params: &RawValue) -> Option<RequestId> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params<'a> {
        #[serde(borrow)]
        request_id: &'a RawValue,
    }
    let params: Params<'_> = serde_json::from_str(params.get()).ok()?;
    RequestId::read(params.request_id).ok()
}

fn outcome_value(outcome: &Outcome) -> Value {
    // Both were read as JSON.
    let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
    match outcome {
        Outcome::Result(result) => match value(result) {
            // The database cannot keep it, and no question has such an answer.
            result if has_nul(&result) => json!({ "error": null }),
            result => json!({ "result": result }),
        },
        Outcome::Error(_) => json!({ "error": null }),
    }
}

/// JSON as text.
fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap_or_default()
}
