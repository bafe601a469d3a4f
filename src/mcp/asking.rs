//! What a call asks of its client before it can go on. A handler asks in the same way in both eras: it
//! ends its transaction with its questions, and is called again with the answers.

use std::collections::BTreeMap;

use serde_json::Value;

/// Requests to the client: elicitation, sampling or roots.
#[derive(Clone, Debug, Default)]
pub struct Questions {
    /// What is asked.
    pub requests: Vec<Question>,
    /// What the handler wants to be told again with the answers. The client carries it in the modern
    /// era, sealed but readable: no secrets.
    pub state: Option<Value>,
}

/// One request to the client.
#[derive(Clone, Debug)]
pub struct Question {
    /// Names the answer.
    pub key: String,
    /// `elicitation/create`, `sampling/createMessage` or `roots/list`.
    pub method: &'static str,
    /// Its parameters.
    pub params: Value,
}

/// What the client has answered so far; nothing at first.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// The results, by the keys of their questions, as the client sent them: not checked.
    pub results: BTreeMap<String, Value>,
    /// The state that went with the questions.
    pub state: Option<Value>,
}
