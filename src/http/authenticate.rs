//! Who calls: the key of a request becomes a caller, before its body is read.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::limits;
use super::middleware::client_ip::ClientIp;
use crate::access::authenticate::{CHALLENGE, CHALLENGE_INVALID};
use crate::access::limits::{Denied, seconds};
use crate::access::{AdminToken, AuthError, Authenticator, Caller, Limits, Principal, Usage};
use crate::mcp::transport;
use crate::model::Clock;
use crate::rest::{Problem, Requester};
use crate::telemetry::call_log::{self, CallLog};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What knows who may call.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    pub(super) admin_token: Option<AdminToken>,
    pub(super) usage: Arc<Usage>,
}

/// A call that counts when it ends, however that is: only then its client may have a name.
struct Counted {
    usage: Arc<Usage>,
    caller: Caller,
    /// What it says of itself by HTTP.
    client: Option<String>,
    log: CallLog,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let (project, key) = (self.caller.tenant().project(), self.caller.key().id);
        let client = self.client.take().or_else(|| self.log.client());
        self.usage.count(project, key, client.as_deref());
    }
}

impl Gate {
    fn counted(&self, caller: &Caller, client: Option<String>) -> Counted {
        let (usage, caller) = (self.usage.clone(), caller.clone());
        Counted { usage, caller, client, log: call_log::current() }
    }
}

/// Lets a request through with its [`Caller`] and its [`Meter`](crate::access::Meter) in the extensions,
/// or answers 401, 429 or 503.
pub(super) async fn layer(
    State(gate): State<Gate>,
    Extension(ClientIp(address)): Extension<ClientIp>,
    request: Request,
    next: Next,
) -> Response {
    let caller = match caller(&gate, request.headers(), address).await {
        Ok(caller) => caller,
        Err(error) => return refusal(&error).into_response(),
    };
    let meter = (gate.limits.of_key(caller.key(), address), &gate.clock);
    let answer = async |mut request: Request| {
        let _counted = gate.counted(&caller, None);
        request.extensions_mut().insert(caller);
        next.run(request).await
    };
    limits::within(meter, request, transport::limited, answer).await
}

/// The same for the REST API, with a [`Requester`]: the platform token opens it as well.
pub(super) async fn administration(
    State(gate): State<Gate>,
    Extension(ClientIp(address)): Extension<ClientIp>,
    request: Request,
    next: Next,
) -> Response {
    let principal = match principal(&gate, request.headers(), address).await {
        Ok(principal) => principal,
        Err(error) => return refusal(&error).into_response(),
    };
    let meter = match &principal {
        Principal::Key(caller) => gate.limits.of_key(caller.key(), address),
        Principal::Platform(_) => gate.limits.of_platform(address),
    };
    let answer = async |mut request: Request| {
        let client = text(request.headers(), &header::USER_AGENT).map(str::to_owned);
        let _counted = match &principal {
            Principal::Key(caller) => Some(gate.counted(caller, client.clone())),
            Principal::Platform(_) => None,
        };
        request.extensions_mut().insert(Requester { principal, address, client });
        next.run(request).await
    };
    let refuse = |denied: &Denied| Problem::limited(denied).into_response();
    limits::within((meter, &gate.clock), request, refuse, answer).await
}

async fn principal(
    gate: &Gate,
    headers: &HeaderMap,
    address: IpAddr,
) -> Result<Principal, AuthError> {
    let token = gate.admin_token.as_ref();
    match token.and_then(|token| token.check(presented(headers).ok()?)) {
        Some(platform) => Ok(Principal::Platform(platform)),
        None => caller(gate, headers, address).await.map(Principal::Key),
    }
}

async fn caller(gate: &Gate, headers: &HeaderMap, address: IpAddr) -> Result<Caller, AuthError> {
    let caller = gate.authenticator.authenticate(presented(headers)?, address).await?;
    call_log::note(|fields| {
        fields.project_id = Some(caller.tenant().project());
        fields.key_id = Some(caller.key().id);
        fields.test_key = caller.key().test;
    });
    Ok(caller)
}

/// The credential of a request. One that is there twice could be read as either.
fn presented(headers: &HeaderMap) -> Result<&str, AuthError> {
    if [header::AUTHORIZATION, API_KEY].iter().any(|name| headers.get_all(name).iter().count() > 1)
    {
        return Err(AuthError::Conflicting);
    }
    match (bearer(headers), text(headers, &API_KEY)) {
        (None, None) => Err(AuthError::Missing),
        (Some(bearer), Some(key)) if bearer != key => Err(AuthError::Conflicting),
        (Some(key), _) | (None, Some(key)) => Ok(key),
    }
}

/// The credential of `Authorization: Bearer` (RFC 6750 §2.1); of another scheme, the whole value,
/// which is then no key.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = text(headers, &header::AUTHORIZATION)?;
    match value.split_once(' ') {
        Some((scheme, credential)) if scheme.eq_ignore_ascii_case("bearer") => {
            Some(credential.trim())
        }
        _ => Some(value),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // What is not visible ASCII is no key, but it was sent.
    headers.get(name).map(|value| value.to_str().unwrap_or_default().trim())
}

fn refusal(error: &AuthError) -> Problem {
    let sentence = error.to_string();
    let unauthorized = |challenge: &'static str| {
        Problem::new(StatusCode::UNAUTHORIZED, sentence.clone())
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    };
    match error {
        AuthError::Missing => unauthorized(CHALLENGE),
        AuthError::Conflicting | AuthError::Malformed | AuthError::Invalid => {
            unauthorized(CHALLENGE_INVALID)
        }
        AuthError::TooManyWrong(wait) => Problem::new(StatusCode::TOO_MANY_REQUESTS, sentence)
            .with(header::RETRY_AFTER, HeaderValue::from(seconds(*wait))),
        AuthError::Store(cause) => {
            tracing::warn!(error = %cause, "a key cannot be looked up");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, sentence)
                .with(header::RETRY_AFTER, HeaderValue::from(1))
        }
    }
}
