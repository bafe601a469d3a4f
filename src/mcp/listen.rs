//! `subscriptions/listen` (2026-07-28, basic/patterns/subscriptions): what changes, told to one client
//! for as long as it listens.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::bus::{Heard, Listener, MAX_WAITING};
use super::changes::{Change, Wishes};
use super::dispatch::Service;
use super::method;
use super::modern::ModernRequest;
use super::session_methods::{MAX_SUBSCRIPTIONS, MAX_URI_BYTES};
use super::wire::render::{self, Form, Unsubscribed};
use super::wire::{RequestId, RpcError, SubscriptionFilter, meta};
use crate::access::Caller;
use crate::model::{Right, SignalKind};
use crate::store::StoreError;
use crate::store::pg::members;
use crate::telemetry::call_log;

/// The method.
pub const LISTEN: &str = "subscriptions/listen";

/// What one client is told, and has been promised.
pub struct Subscription {
    service: Arc<Service>,
    caller: Caller,
    id: RequestId,
    /// What was asked for.
    asked: SubscriptionFilter,
    /// What of it is honoured.
    honoured: SubscriptionFilter,
    wishes: Wishes,
    listener: Listener,
}

#[derive(Deserialize)]
struct Params {
    notifications: SubscriptionFilter,
}

impl Subscription {
    /// Listens for `caller` to what `request` asks for.
    ///
    /// # Errors
    /// When the parameters are wrong, or the caller is not a member any more.
    pub async fn open(
        service: Arc<Service>,
        caller: Caller,
        request: &ModernRequest,
    ) -> Result<Self, RpcError> {
        call_log::note(|fields| fields.method = Some(LISTEN));
        request.introduce()?;
        let Params { notifications: asked } = method::read(LISTEN, request.params.as_deref())?;
        check(asked.resource_subscriptions.as_deref().unwrap_or_default())?;
        let listener = service.bus.listen(caller.tenant().project()).await?;
        let honoured = honoured(&service, &caller, &asked).await?;
        let honoured = honoured.ok_or_else(RpcError::not_a_member)?;
        let wishes = wishes(&honoured, |uri| service.handler.target(uri));
        let id = request.id.clone();
        Ok(Self { service, caller, id, asked, honoured, wishes, listener })
    }

    /// The first message: what is honoured.
    #[must_use]
    pub fn acknowledgement(&self) -> Vec<u8> {
        let params = json!({ "notifications": self.honoured });
        self.message("notifications/subscriptions/acknowledged", params)
    }

    /// The next messages; `None` when the caller has lost a right that they take.
    pub async fn next(&mut self) -> Option<Vec<Vec<u8>>> {
        loop {
            let mut heard = vec![self.listener.next().await];
            while heard.len() < MAX_WAITING
                && let Some(more) = self.listener.try_next()
            {
                heard.push(more);
            }
            if heard.iter().any(|heard| self.may_end_rights(heard)) && !self.is_due().await {
                return None;
            }
            let changes = self.wishes.of(&heard, self.caller.tenant().user());
            let told = changes.iter().map(Change::notification);
            let messages: Vec<_> =
                told.map(|(method, params)| self.message(method, params)).collect();
            if !messages.is_empty() {
                return Some(messages);
            }
        }
    }

    /// The last message.
    ///
    /// # Errors
    /// When it cannot be JSON, which is a fault of ours.
    pub fn result(&self) -> Result<Vec<u8>, RpcError> {
        let form = Form::Modern { lists_fresh_ms: 0 };
        render::result(form, &self.id, Unsubscribed::new(&self.id))
    }

    fn message(&self, method: &str, mut params: Value) -> Vec<u8> {
        params["_meta"] = json!({ meta::SUBSCRIPTION_ID: self.id });
        render::notification(method, &params)
    }

    /// Whether the caller's rights may be others after `heard`.
    fn may_end_rights(&self, heard: &Heard) -> bool {
        let user = Some(self.caller.tenant().user());
        match heard {
            Heard::Signal(signal) => signal.kind == SignalKind::ToolsChanged && signal.user == user,
            Heard::Lost => true,
        }
    }

    /// Whether what was promised is still the caller's to hear.
    async fn is_due(&self) -> bool {
        match honoured(&self.service, &self.caller, &self.asked).await {
            Ok(honoured) => honoured.is_some_and(|now| now == self.honoured),
            // Nothing is told to who may not hear it; the client asks again, and is answered then.
            Err(_) => false,
        }
    }
}

/// What of `asked` the product offers and the caller may hear; `None` when its key or its membership
/// has ended. What is there is not asked: a URI of nothing is honoured like any other.
async fn honoured(
    service: &Service,
    caller: &Caller,
    asked: &SubscriptionFilter,
) -> Result<Option<SubscriptionFilter>, RpcError> {
    let tenant = caller.tenant();
    let standing = async |tx: &_| members::standing(tx, tenant, caller.key().id).await;
    let standing = service.store.read::<_, StoreError, _>(tenant, standing).await?;
    Ok(standing.map(|(role, scopes)| {
        let mut honoured = asked.supported_by(&service.handler.capabilities());
        if !scopes.grant(Right::Read, role) {
            honoured.resources_list_changed = None;
            honoured.resource_subscriptions = None;
        }
        honoured
    }))
}

fn wishes(honoured: &SubscriptionFilter, target: impl Fn(&str) -> Option<String>) -> Wishes {
    let uris = honoured.resource_subscriptions.iter().flatten();
    Wishes {
        tools: honoured.tools_list_changed == Some(true),
        prompts: honoured.prompts_list_changed == Some(true),
        resources: honoured.resources_list_changed == Some(true),
        uris: Wishes::by_target(uris.cloned(), target),
    }
}

fn check(uris: &[String]) -> Result<(), RpcError> {
    if uris.len() <= MAX_SUBSCRIPTIONS && uris.iter().all(|uri| uri.len() <= MAX_URI_BYTES) {
        return Ok(());
    }
    let sentence = format!(
        "`resourceSubscriptions` has at most {MAX_SUBSCRIPTIONS} URIs of at most {MAX_URI_BYTES} bytes each"
    );
    Err(RpcError::invalid_params(sentence))
}
