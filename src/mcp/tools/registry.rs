//! All tools, by name, with their schemas.

use std::pin::Pin;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::schema::{self, InputValidator};
use super::{ToolError, Toolset, Toolsets, documents, whoami};
use crate::mcp::Call;
use crate::mcp::wire::{self, JsonObject, ToolAnnotations};
use crate::model::Right;
use crate::store::Tx;

/// What a tool does to the memory, as hints for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    Reads,
    /// Adds what is missing; again changes nothing.
    Adds,
    /// Replaces what is there; the old state stays as a revision.
    Replaces,
}

/// A tool: one struct, one file.
pub trait Tool: Send + Sync + 'static {
    /// Its name.
    const NAME: &'static str;
    /// Its name for people.
    const TITLE: &'static str;
    /// What it does, for the model that decides whether to call it.
    const DESCRIPTION: &'static str;
    /// What it does to the memory.
    #[expect(private_interfaces, reason = "only the tools of this module implement it")]
    const EFFECT: Effect;
    /// The set that it belongs to; without one it is always offered.
    const TOOLSET: Option<Toolset>;
    /// Its arguments.
    type Input: DeserializeOwned + JsonSchema + Send;
    /// Its structured result.
    type Output: Serialize + JsonSchema + Send;

    /// Does the work inside the caller's transaction.
    fn call(
        call: &Call<'_>,
        tx: &Tx,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, ToolError>> + Send;
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Value, ToolError>> + Send + 'a>>;
type Run = for<'a> fn(&'a Call<'a>, &'a Tx, Value) -> Running<'a>;

/// A tool without its types.
pub struct Registered {
    definition: wire::Tool,
    effect: Effect,
    toolset: Option<Toolset>,
    validator: InputValidator,
    run: Run,
}

/// All tools, in the order in which they are listed.
pub struct Registry(Vec<Registered>);

impl Registry {
    /// All tools of the product.
    ///
    /// # Errors
    /// When a schema cannot be compiled, which a test excludes.
    pub fn new() -> Result<Self, String> {
        let tools = [
            Registered::of::<whoami::Whoami>(),
            Registered::of::<documents::InitializeMemoryBank>(),
            Registered::of::<documents::GetMemoryBankStatus>(),
            Registered::of::<documents::ListMemoryBankFiles>(),
            Registered::of::<documents::ReadMemoryBankFile>(),
            Registered::of::<documents::WriteMemoryBankFile>(),
            Registered::of::<documents::SearchMemoryBank>(),
        ];
        Ok(Self(tools.into_iter().collect::<Result<Vec<_>, _>>()?))
    }

    /// The definitions of the tools of `toolsets` whose right `may` grants.
    pub fn list(&self, toolsets: &Toolsets, may: impl Fn(Right) -> bool) -> Vec<wire::Tool> {
        let allowed = self.0.iter().filter(|tool| tool.is_in(toolsets) && may(tool.right()));
        allowed.map(|tool| tool.definition.clone()).collect()
    }

    /// The tool of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Registered> {
        self.0.iter().find(|tool| tool.definition.name == name)
    }
}

impl Registered {
    fn of<T: Tool>() -> Result<Self, String> {
        let input = schema::of::<T::Input>();
        let validator =
            InputValidator::new(&input).map_err(|error| format!("{}: {error}", T::NAME))?;
        let definition = wire::Tool::new(T::NAME, T::DESCRIPTION, input)
            .with_title(T::TITLE)
            .with_raw_output_schema(schema::of::<T::Output>())
            .with_annotations(annotations(T::TITLE, T::EFFECT));
        Ok(Self { definition, effect: T::EFFECT, toolset: T::TOOLSET, validator, run: run::<T> })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// As clients see it.
    #[must_use]
    pub fn definition(&self) -> &wire::Tool {
        &self.definition
    }

    /// Whether it is offered with `toolsets`.
    #[must_use]
    pub fn is_in(&self, toolsets: &Toolsets) -> bool {
        self.toolset.is_none_or(|own| toolsets.contains(own))
    }

    /// What a caller needs for it.
    #[must_use]
    pub fn right(&self) -> Right {
        if self.effect == Effect::Reads { Right::Read } else { Right::Write }
    }

    /// Enforces the input schema, then runs it.
    ///
    /// # Errors
    /// See [`ToolError`].
    pub async fn run(
        &self,
        call: &Call<'_>,
        tx: &Tx,
        arguments: JsonObject,
    ) -> Result<Value, ToolError> {
        let arguments = Value::Object(arguments);
        self.validator.check(&arguments).map_err(ToolError::Refused)?;
        (self.run)(call, tx, arguments).await
    }
}

fn run<'a, T: Tool>(call: &'a Call<'a>, tx: &'a Tx, arguments: Value) -> Running<'a> {
    Box::pin(async move {
        let input = serde_json::from_value(arguments).map_err(ToolError::refused)?;
        let output = T::call(call, tx, input).await?;
        serde_json::to_value(output).map_err(ToolError::broken)
    })
}

fn annotations(title: &str, effect: Effect) -> ToolAnnotations {
    ToolAnnotations::with_title(title)
        .read_only(effect == Effect::Reads)
        .destructive(effect == Effect::Replaces)
        .idempotent(effect != Effect::Replaces)
        .open_world(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most bytes that the default list may cost a model's context.
    const MAX_LIST_BYTES: usize = 32_000;

    #[test]
    fn every_tool_is_well_described_and_the_list_is_short() {
        let registry = Registry::new().unwrap();
        let list = registry.list(&Toolsets::all(), |_| true);
        let mut names: Vec<_> = list.iter().map(|tool| tool.name.clone()).collect();
        let good = |name: &str| {
            name.len() <= 64 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        assert!(names.iter().all(|name| good(name)), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), list.len());
        for tool in &list {
            let schema = Value::Object((*tool.input_schema).clone());
            assert_eq!(schema["type"], "object", "{}", tool.name);
            assert_eq!(schema["additionalProperties"], false, "{}", tool.name);
            assert!(tool.output_schema.is_some() && tool.description.is_some());
            assert!(!serde_json::to_string(tool).unwrap().contains("\"uint"), "{}", tool.name);
        }
        let bytes = serde_json::to_vec(&list).unwrap().len();
        assert!(bytes < MAX_LIST_BYTES, "{bytes}");
    }

    #[test]
    fn a_reader_sees_no_tool_that_writes() {
        let registry = Registry::new().unwrap();
        let list = registry.list(&Toolsets::all(), |right| right == Right::Read);
        assert!(!list.is_empty());
        for tool in list {
            assert_eq!(tool.annotations.unwrap().read_only_hint, Some(true), "{}", tool.name);
        }
    }
}
