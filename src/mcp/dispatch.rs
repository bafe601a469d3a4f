//! One request of either era, inside one transaction of the caller.

use std::sync::Arc;
use std::time::Duration;

use super::asking::{Answers, Questions};
use super::bus::Bus;
use super::call::{Call, Standing};
use super::error::CallError;
use super::handler::Handler;
use super::method::Method;
use super::notices::Notices;
use super::rounds::Spent;
use super::streams::{Stream, Streams};
use super::tools::Toolsets;
use super::wire::meta::LogLevel;
use super::wire::render::{self, Form};
use super::wire::{Era, RequestId, RequestMeta, RpcError};
use crate::access::Caller;
use crate::model::{Ambient, Sealer};
use crate::store::pg::{members, sessions};
use crate::store::{Store, Tx};
use crate::telemetry::call_log;

/// Everything that a call may use.
pub struct Service {
    /// Postgres.
    pub store: Store,
    /// Time and randomness.
    pub ambient: Ambient,
    /// Seals cursors.
    pub sealer: Sealer,
    /// The longest that a call may take; then it is rolled back.
    pub call_timeout: Duration,
    /// How long an unused session lives.
    pub session_ttl: Duration,
    /// How many a key may have open.
    pub max_sessions: u32,
    /// The streams of sessions.
    pub streams: Streams,
    /// What happens on other replicas.
    pub bus: Arc<Bus>,
    /// Who answers.
    pub handler: Box<dyn Handler>,
}

/// An HTTP answer to a POST.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON; empty with 202.
    pub body: Vec<u8>,
    /// The id of a session that was opened.
    pub session: Option<String>,
}

/// A request before its transaction.
pub(super) struct Request<'a> {
    pub(super) caller: &'a Caller,
    pub(super) id: &'a RequestId,
    pub(super) method: Method<'a>,
    pub(super) ground: Ground<'a>,
    pub(super) notices: &'a Notices,
    pub(super) answers: &'a Answers,
    /// Where the answer of a change is stored with the change.
    pub(super) stream: Option<&'a Stream>,
    pub(super) form: Form,
}

/// What a request stands on: proven by the first statement of its transaction, which also tells the
/// caller's role now.
#[derive(Clone, Copy)]
pub(super) enum Ground<'a> {
    /// A session of the caller.
    Session(&'a str),
    /// Nothing but itself, and what is used up with it.
    Request(&'a RequestMeta, &'a Toolsets, Option<&'a Spent>),
}

/// What came of a request.
pub(super) enum Ran {
    /// Its answer; what it changed is committed.
    Answered(Answered),
    /// It was rolled back: the client must be asked first.
    Asks(Questions),
}

/// An answer, and what is left to do after it.
pub(super) struct Answered {
    pub(super) body: Vec<u8>,
    /// Whether the session was last seen a while ago.
    pub(super) unseen: bool,
    /// Whether its stream has it already.
    pub(super) recorded: bool,
}

impl Answered {
    /// The answer of a tool that refused, or of a call that cannot be done.
    pub(super) fn refusal(form: Form, id: &RequestId, sentence: String) -> Result<Self, RpcError> {
        let body = render::result(form, id, render::tool_failure(sentence))?;
        Ok(Self { body, unseen: false, recorded: false })
    }
}

impl Service {
    /// Answers `request` within the time that a call may take.
    pub(super) async fn run(&self, request: Request<'_>) -> Result<Ran, RpcError> {
        let done = tokio::time::timeout(self.call_timeout, self.transact(request)).await;
        done.unwrap_or_else(|_| Err(RpcError::deadline()))
    }

    async fn transact(&self, request: Request<'_>) -> Result<Ran, RpcError> {
        let Request { caller, id, method, ground, notices, answers, stream, form } = request;
        let writes = self.handler.writes(&method);
        let block = async |tx: &Tx| {
            let (standing, unseen) = stand(tx, caller, ground, notices).await?;
            notices.prove();
            let Self { ambient, sealer, .. } = self;
            let call =
                Call { caller, standing: &standing, id, notices, answers, ambient, sealer, form };
            let body = self.handler.answer(&call, tx, method).await;
            let body = body.map_err(|error| error.if_client_can(&standing, form))?;
            let recording = stream.filter(|stream| writes && stream.has_row());
            if let Some(stream) = recording {
                stream.record(tx, &body).await?;
            }
            Ok(Answered { body, unseen, recorded: recording.is_some() })
        };
        let done = if writes {
            self.store.write(caller.tenant(), block).await
        } else {
            self.store.read(caller.tenant(), block).await
        };
        if writes && done.is_ok() {
            self.bus.wake();
        }
        match done {
            Ok(answered) => Ok(Ran::Answered(answered)),
            Err(CallError::Asks(questions)) => Ok(Ran::Asks(questions)),
            Err(CallError::Rpc(error)) => Err(error),
            Err(CallError::Tool(sentence)) => {
                Answered::refusal(form, id, sentence).map(Ran::Answered)
            }
        }
    }
}

/// Proves what the call stands on.
async fn stand(
    tx: &Tx,
    caller: &Caller,
    ground: Ground<'_>,
    notices: &Notices,
) -> Result<(Standing, bool), RpcError> {
    match ground {
        Ground::Session(id) => {
            let session = find_session(tx, caller, id).await?;
            notices.set_level(session.log_level.as_deref().and_then(LogLevel::of_name));
            let standing = Standing {
                role: session.role,
                client: Some(session.client_name),
                toolsets: Toolsets::of_names(session.toolsets.as_deref()),
                capabilities: session.capabilities,
            };
            Ok((standing, session.unseen))
        }
        Ground::Request(meta, toolsets, spent) => {
            let role = members::role(tx, caller.tenant()).await?;
            let standing = Standing {
                role: role.ok_or_else(RpcError::not_a_member)?,
                client: meta.client.as_ref().map(|client| client.name.clone()),
                toolsets: toolsets.clone(),
                capabilities: meta.capabilities.clone(),
            };
            if let Some(spent) = spent {
                spent.spend(tx, caller).await?;
            }
            Ok((standing, false))
        }
    }
}

/// The caller's session `id`, with the caller's role now.
pub(super) async fn find_session(
    tx: &Tx,
    caller: &Caller,
    id: &str,
) -> Result<sessions::Session, RpcError> {
    let session = sessions::find(tx, caller.tenant(), id).await?;
    let session = session.ok_or_else(RpcError::session_unknown)?;
    call_log::note(|fields| fields.client = Some(session.client_name.clone()));
    Ok(session)
}

impl HttpAnswer {
    /// The answer that has no body.
    #[must_use]
    pub fn accepted() -> Self {
        Self { status: 202, body: Vec::new(), session: None }
    }

    pub(super) fn json(body: Vec<u8>) -> Self {
        Self { status: 200, body, session: None }
    }

    /// The answer that `error` is in `era`.
    #[must_use]
    pub fn error(era: Era, id: Option<&RequestId>, error: RpcError) -> Self {
        let error = error.in_era(era);
        Self { status: error.status, body: render::error(id, &error), session: None }
    }
}
