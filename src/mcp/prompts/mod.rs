//! Prompts: texts that a person chooses, as files beside this one.

use crate::mcp::wire::{
    GetPromptRequestParams, GetPromptResult, Prompt, PromptArgument, PromptMessage, PromptRole,
    RpcError,
};

/// The longest argument, in characters.
const MAX_ARGUMENT_CHARS: usize = 2000;

struct Text {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    /// Name and description; every argument is required.
    argument: Option<(&'static str, &'static str)>,
    body: &'static str,
}

const PROMPTS: [Text; 5] = [
    Text {
        name: "start_conversation",
        title: "Start a conversation",
        description: "Reads the memory bank before work begins.",
        argument: None,
        body: include_str!("start_conversation.md"),
    },
    Text {
        name: "update_memory_bank",
        title: "Update the memory bank (UMB)",
        description: "Writes down what this conversation brought.",
        argument: None,
        body: include_str!("update_memory_bank.md"),
    },
    Text {
        name: "record_decision",
        title: "Record a decision",
        description: "Adds a decision with its reasons to the decision log.",
        argument: Some(("decision", "What was decided")),
        body: include_str!("record_decision.md"),
    },
    Text {
        name: "review_context",
        title: "Review the context",
        description: "Looks for what is outdated or contradictory in the memory bank.",
        argument: None,
        body: include_str!("review_context.md"),
    },
    Text {
        name: "hand_off",
        title: "Hand off",
        description: "Prepares the memory bank for whoever goes on with a task.",
        argument: Some(("task", "The task that is handed off")),
        body: include_str!("hand_off.md"),
    },
];

/// All prompts.
pub(super) fn list() -> Vec<Prompt> {
    PROMPTS.iter().map(Text::prompt).collect()
}

/// The text of a prompt with its argument filled in.
pub(super) fn get(params: &GetPromptRequestParams) -> Result<GetPromptResult, RpcError> {
    let prompt = find(&params.name)?;
    let value = prompt.argument_of(params)?;
    let text = match prompt.argument {
        Some((name, _)) => prompt.body.replace(&format!("{{{{{name}}}}}"), &value),
        None => prompt.body.to_owned(),
    };
    let message = PromptMessage::new_text(PromptRole::User, text);
    Ok(GetPromptResult::new(vec![message]).with_description(prompt.description))
}

/// Whether the prompt `name` has the argument `argument`: free text, of which nothing is known.
pub(super) fn has_argument(name: &str, argument: &str) -> Result<(), RpcError> {
    match find(name)?.argument {
        Some((own, _)) if own == argument => Ok(()),
        _ => Err(RpcError::invalid_params("the prompt has no such argument")),
    }
}

fn find(name: &str) -> Result<&'static Text, RpcError> {
    PROMPTS
        .iter()
        .find(|prompt| prompt.name == name)
        .ok_or_else(|| RpcError::prompt_not_found(name))
}

impl Text {
    fn prompt(&self) -> Prompt {
        let argument = self.argument.map(|(name, description)| {
            vec![PromptArgument::new(name).with_description(description).with_required(true)]
        });
        Prompt::new(self.name, Some(self.description), argument).with_title(self.title)
    }

    fn argument_of(&self, params: &GetPromptRequestParams) -> Result<String, RpcError> {
        let Some((name, _)) = self.argument else { return Ok(String::new()) };
        let given = params.arguments.as_ref().and_then(|arguments| arguments.get(name));
        let value = given.and_then(|value| value.as_str()).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| {
            RpcError::invalid_params(format!("the prompt needs `{name}`, a text"))
        })?;
        if value.chars().count() > MAX_ARGUMENT_CHARS {
            let message = format!("`{name}` has at most {MAX_ARGUMENT_CHARS} characters");
            return Err(RpcError::invalid_params(message));
        }
        Ok(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_uses_its_argument_and_no_other() {
        for prompt in &PROMPTS {
            let placeholders = prompt.body.matches("{{").count();
            let own = prompt
                .argument
                .map_or(0, |(name, _)| prompt.body.matches(&format!("{{{{{name}}}}}")).count());
            assert_eq!(placeholders, own, "{}", prompt.name);
            assert_eq!(own > 0, prompt.argument.is_some(), "{}", prompt.name);
        }
    }
}
