//! What a call asks of its client before it can go on. A handler asks in the same way in both eras: it
//! ends its transaction with its questions, and is called again with the answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::model::nul::has_nul;

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
    /// The results, by the keys of their questions: each has the form that its question asked for.
    pub results: BTreeMap<String, Value>,
    /// The state that went with the questions.
    pub state: Option<Value>,
}

impl Answers {
    /// Whether they say nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        self.results.is_empty() && self.state.is_none()
    }

    /// Goes on after `questions` with what of `given` answers them, beside what was answered before
    /// and is not asked again. Says whether anything was answered.
    pub(super) fn go_on(
        &mut self,
        questions: &Questions,
        given: &mut BTreeMap<String, Value>,
    ) -> bool {
        self.state.clone_from(&questions.state);
        let mut answered = false;
        for question in &questions.requests {
            self.results.remove(&question.key);
            let result = given.remove(&question.key);
            if let Some(result) = result.filter(|result| is_answer(question, result)) {
                self.results.insert(question.key.clone(), result);
                answered = true;
            }
        }
        answered
    }
}

impl Question {
    /// The capability that the client must have declared, and which part of it.
    fn needs(&self) -> (&'static str, Option<&'static str>) {
        match self.method {
            "elicitation/create" if self.is_url() => ("elicitation", Some("url")),
            "elicitation/create" => ("elicitation", Some("form")),
            "sampling/createMessage" if self.params.get("tools").is_some() => {
                ("sampling", Some("tools"))
            }
            "sampling/createMessage" => ("sampling", None),
            _ => ("roots", None),
        }
    }

    fn is_url(&self) -> bool {
        self.params.get("mode").is_some_and(|mode| mode == "url")
    }
}

/// What the questions need of a client whose `capabilities` lack some of it; `None` when it can
/// answer all of them.
pub(super) fn missing_capability(questions: &Questions, capabilities: &Value) -> Option<Value> {
    let mut required = Map::new();
    let mut missing = false;
    for question in &questions.requests {
        let (name, part) = question.needs();
        missing |= !declares(capabilities, name, part);
        let parts = required.entry(name).or_insert_with(|| json!({}));
        if let (Some(part), Some(parts)) = (part, parts.as_object_mut()) {
            parts.insert(part.to_owned(), json!({}));
        }
    }
    missing.then_some(Value::Object(required))
}

/// Whether `capabilities` declare `part` of `name`. An empty `elicitation` is one of forms
/// (2025-11-25 and 2026-07-28, client/elicitation, capabilities).
fn declares(capabilities: &Value, name: &str, part: Option<&str>) -> bool {
    let Some(Value::Object(declared)) = capabilities.get(name) else { return false };
    match part {
        None => true,
        Some("form") if declared.is_empty() => true,
        Some(part) => declared.get(part).is_some_and(Value::is_object),
    }
}

/// Whether `result` answers `question`: what it asked for, in the form it asked for. To decline is
/// an answer.
pub(super) fn is_answer(question: &Question, result: &Value) -> bool {
    if has_nul(result) {
        return false;
    }
    match question.method {
        "elicitation/create" => is_elicited(question, result),
        "sampling/createMessage" => is_sampled(result),
        _ => is_roots(result),
    }
}

fn is_elicited(question: &Question, result: &Value) -> bool {
    match result.get("action").and_then(Value::as_str) {
        Some("accept") if question.is_url() => true,
        Some("accept") => {
            let empty = json!({});
            let content = result.get("content").unwrap_or(&empty);
            content.is_object() && conforms(content, &question.params["requestedSchema"])
        }
        Some("decline" | "cancel") => true,
        _ => false,
    }
}

fn conforms(content: &Value, schema: &Value) -> bool {
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    match options.build(schema) {
        Ok(validator) => validator.is_valid(content),
        Err(error) => {
            tracing::error!(%error, "a question's schema is none: no answer fits it");
            false
        }
    }
}

fn is_sampled(result: &Value) -> bool {
    let is_block = |block: &Value| block.get("type").is_some_and(Value::is_string);
    let content = match result.get("content") {
        Some(Value::Array(blocks)) => !blocks.is_empty() && blocks.iter().all(is_block),
        Some(block) => is_block(block),
        None => false,
    };
    let role = result.get("role").and_then(Value::as_str);
    content && matches!(role, Some("assistant" | "user")) && result["model"].is_string()
}

fn is_roots(result: &Value) -> bool {
    let is_root = |root: &Value| root.get("uri").is_some_and(Value::is_string);
    result.get("roots").and_then(Value::as_array).is_some_and(|roots| roots.iter().all(is_root))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(method: &'static str, params: Value) -> Question {
        Question { key: "key".to_owned(), method, params }
    }

    fn form() -> Question {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 2 },
                "mail": { "type": "string", "format": "email" },
            },
            "required": ["name"],
        });
        question("elicitation/create", json!({ "message": "Who?", "requestedSchema": schema }))
    }

    fn url() -> Question {
        let params = json!({ "mode": "url", "message": "Go", "url": "https://example.com/" });
        question("elicitation/create", params)
    }

    #[test]
    fn asks_only_what_the_client_declares() {
        let sample = question("sampling/createMessage", json!({ "maxTokens": 9 }));
        let tools = question("sampling/createMessage", json!({ "tools": [] }));
        let roots = question("roots/list", json!({}));
        let missing = |questions: &[&Question], capabilities: Value| {
            let requests = questions.iter().map(|&question| question.clone()).collect();
            missing_capability(&Questions { requests, state: None }, &capabilities)
        };
        assert_eq!(missing(&[], json!({})), None);
        for declared in [json!({}), json!({ "form": {} }), json!({ "form": {}, "url": {} })] {
            assert_eq!(missing(&[&form()], json!({ "elicitation": declared })), None);
        }
        let wanted = Some(json!({ "elicitation": { "form": {} } }));
        for declared in [json!({ "url": {} }), json!({ "form": true }), json!(true), json!(null)] {
            assert_eq!(missing(&[&form()], json!({ "elicitation": declared })), wanted);
        }
        assert_eq!(missing(&[&form()], json!(null)), wanted);
        let wanted = Some(json!({ "elicitation": { "url": {} } }));
        assert_eq!(missing(&[&url()], json!({ "elicitation": {} })), wanted);
        assert_eq!(missing(&[&url()], json!({ "elicitation": { "url": {} } })), None);
        assert_eq!(missing(&[&sample, &roots], json!({ "sampling": {}, "roots": {} })), None);
        let wanted = Some(json!({ "sampling": { "tools": {} } }));
        assert_eq!(missing(&[&sample, &tools], json!({ "sampling": {} })), wanted);
        let wanted = Some(json!({ "roots": {}, "elicitation": { "form": {}, "url": {} } }));
        let all = [&roots, &form(), &url()];
        assert_eq!(missing(&all, json!({ "elicitation": { "form": {} } })), wanted);
    }

    #[test]
    fn a_form_is_answered_as_its_schema_says() {
        let accepts = |content: Value| json!({ "action": "accept", "content": content });
        let whole = json!({ "name": "Ada", "mail": "ada@example.com" });
        for result in [
            accepts(json!({ "name": "Ada" })),
            accepts(whole),
            json!({ "action": "decline" }),
            json!({ "action": "cancel", "content": {} }),
        ] {
            assert!(is_answer(&form(), &result), "{result}");
        }
        for result in [
            json!(null),
            json!(7),
            json!("accept"),
            json!([]),
            json!({}),
            json!({ "action": "agree" }),
            json!({ "action": "accept" }),
            accepts(json!(null)),
            accepts(json!([])),
            accepts(json!({})),
            accepts(json!({ "name": 7 })),
            accepts(json!({ "name": "A" })),
            accepts(json!({ "name": "A\0da" })),
            accepts(json!({ "name": "Ada", "mail": "nowhere" })),
        ] {
            assert!(!is_answer(&form(), &result), "{result}");
        }
        assert!(is_answer(&url(), &json!({ "action": "accept" })));
    }

    #[test]
    fn answers_add_up_until_they_are_asked_again() {
        let asked = |key: &str| Question { key: key.to_owned(), ..url() };
        let questions = |keys: &[&str], state: Value| Questions {
            requests: keys.iter().map(|key| asked(key)).collect(),
            state: Some(state),
        };
        let accept = || json!({ "action": "accept" });
        let given = |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), accept())).collect();
        let keys = |answers: &Answers| answers.results.keys().cloned().collect::<Vec<_>>();
        let mut answers = Answers::default();
        let mut sent: BTreeMap<String, Value> = given(&["a", "of nothing"]);
        sent.insert("b".to_owned(), json!(null));
        assert!(answers.go_on(&questions(&["a", "b"], json!(1)), &mut sent));
        assert_eq!((keys(&answers), &answers.state), (vec!["a".to_owned()], &Some(json!(1))));
        assert!(answers.go_on(&questions(&["b"], json!(2)), &mut given(&["a", "b"])));
        assert_eq!(keys(&answers), ["a", "b"]);
        assert!(!answers.go_on(&questions(&["a"], json!(3)), &mut BTreeMap::new()));
        assert_eq!((keys(&answers), &answers.state), (vec!["b".to_owned()], &Some(json!(3))));
    }

    #[test]
    fn samples_and_roots_have_their_forms() {
        let sample = question("sampling/createMessage", json!({}));
        let text = json!({ "type": "text", "text": "Paris" });
        let sampled =
            |content: Value| json!({ "role": "assistant", "model": "m", "content": content });
        assert!(is_answer(&sample, &sampled(text.clone())));
        assert!(is_answer(&sample, &sampled(json!([text.clone()]))));
        for result in [
            json!(null),
            json!(7),
            sampled(json!([])),
            sampled(json!("Paris")),
            sampled(json!(null)),
            json!({ "role": "system", "model": "m", "content": text }),
            json!({ "role": "assistant", "content": text }),
        ] {
            assert!(!is_answer(&sample, &result), "{result}");
        }
        let roots = question("roots/list", json!({}));
        assert!(is_answer(&roots, &json!({ "roots": [] })));
        assert!(is_answer(&roots, &json!({ "roots": [{ "uri": "file:///home" }] })));
        for result in [json!(null), json!({}), json!({ "roots": 7 }), json!({ "roots": [{}] })] {
            assert!(!is_answer(&roots, &result), "{result}");
        }
    }
}
