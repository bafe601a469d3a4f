//! Parameters of tools that clients mirror into headers: `x-mcp-header` in a tool's input schema
//! (2026-07-28, streamable HTTP, custom headers from tool parameters).

use serde_json::{Map, Value};

/// The keyword of the schema.
const KEYWORD: &str = "x-mcp-header";
/// What the header's name begins with.
const HEADER_PREFIX: &str = "mcp-param-";

/// A parameter with a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderParam {
    /// The header's name, in lower case.
    pub header: String,
    /// The way to the value in the arguments.
    path: Vec<String>,
}

impl HeaderParam {
    /// Those that `schema` declares: on properties that are reached by `properties` alone.
    #[must_use]
    pub fn declared(schema: &Map<String, Value>) -> Vec<Self> {
        let mut found = Vec::new();
        collect(schema, &mut Vec::new(), &mut found);
        found
    }

    /// What the header must say for `arguments`; `None` where it has nothing to say.
    #[must_use]
    pub fn value<'a>(&self, arguments: &'a Value) -> Option<&'a Value> {
        let step = |value: &'a Value, name: &String| value.get(name);
        let value = self.path.iter().try_fold(arguments, step)?;
        (!value.is_null()).then_some(value)
    }
}

/// Whether `header`, decoded, says `value`: whole numbers by what they are worth.
#[must_use]
pub fn says(header: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => header == text,
        Value::Number(number) => {
            header.parse::<f64>().is_ok_and(|header| number.as_f64() == Some(header))
        }
        Value::Bool(true) => header == "true",
        Value::Bool(false) => header == "false",
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn collect(schema: &Map<String, Value>, path: &mut Vec<String>, found: &mut Vec<HeaderParam>) {
    let Some(Value::Object(properties)) = schema.get("properties") else { return };
    for (name, property) in properties {
        let Value::Object(property) = property else { continue };
        path.push(name.clone());
        if let Some(Value::String(header)) = property.get(KEYWORD) {
            let header = format!("{HEADER_PREFIX}{}", header.to_lowercase());
            found.push(HeaderParam { header, path: path.clone() });
        }
        collect(property, path, found);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn annotated_properties_are_found_at_any_depth_of_properties() {
        let schema = json!({ "type": "object", "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "inner": { "type": "object", "properties": {
                "shard": { "type": "integer", "x-mcp-header": "Shard" } } },
            "list": { "type": "array", "items": { "x-mcp-header": "No" } },
        } });
        let found = HeaderParam::declared(schema.as_object().unwrap());
        let headers: Vec<&str> = found.iter().map(|param| param.header.as_str()).collect();
        assert_eq!(headers, ["mcp-param-shard", "mcp-param-region"]);
        let arguments = json!({ "region": null, "inner": { "shard": 7 } });
        assert_eq!(found[0].value(&arguments), Some(&json!(7)));
        assert_eq!(found[1].value(&arguments), None);
        assert_eq!(found[1].value(&json!({})), None);
    }

    #[test]
    fn numbers_are_compared_by_worth_and_the_rest_as_written() {
        assert!(says("42.0", &json!(42)) && says("-7", &json!(-7)) && says("true", &json!(true)));
        assert!(says("42", &json!("42")) && !says("42.0", &json!("42")));
        assert!(!says("True", &json!(true)) && !says("x", &json!(1)));
    }
}
