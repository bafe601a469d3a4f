//! Schemas: made from the types of a tool, shown to clients, and enforced.

use std::sync::Arc;

use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::mcp::wire::JsonObject;
use crate::model::nul::has_nul;

/// The most problems that one answer names.
const MAX_PROBLEMS: usize = 10;

/// The longest description of one problem: it names unknown fields as they came.
const MAX_PROBLEM_CHARS: usize = 300;

/// The JSON Schema (2020-12) of `T`, without references and without what a model need not read.
pub(super) fn of<T: JsonSchema>() -> Arc<JsonObject> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    // `uint` and the like are Rust's, no formats of JSON Schema: clients warn of them.
    let settings = settings.with_transform(RecursiveTransform(|schema: &mut Schema| {
        let own = |format: &Value| format.as_str().is_some_and(|name| name.contains("int"));
        if schema.get("format").is_some_and(own) {
            schema.remove("format");
        }
    }));
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut object = schema.as_object().cloned().unwrap_or_default();
    object.remove("title");
    object.remove("description");
    Arc::new(object)
}

/// Enforces a schema.
pub(super) struct InputValidator(Validator);

impl InputValidator {
    /// # Errors
    /// When the schema is none, which a test excludes for every tool.
    pub(super) fn new(schema: &JsonObject) -> Result<Self, String> {
        let schema = Value::Object(schema.clone());
        let validator = jsonschema::draft202012::new(&schema);
        Ok(Self(validator.map_err(|error| error.to_string())?))
    }

    /// All that is wrong with `arguments`, in one sentence.
    pub(super) fn check(&self, arguments: &Value) -> Result<(), String> {
        if has_nul(arguments) {
            return Err("NUL characters cannot be stored: remove them".to_owned());
        }
        let errors = self.0.iter_errors(arguments).take(MAX_PROBLEMS);
        let problems: Vec<String> = errors.map(|error| describe(&error)).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }
}

/// The problem and where it is, without the value, which may be long or private.
fn describe(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { "arguments" } else { place.trim_start_matches('/') };
    let problem = format!("`{place}`: {}", error.masked());
    problem.chars().take(MAX_PROBLEM_CHARS).collect()
}
