//! Holds events against the schemas that stand beside the source.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The schema of events in the shape of EVE.
pub(crate) const EVE: &str = "event";

/// The schema of events with the names of ECS.
pub(crate) const ECS: &str = "ecs";

/// Fails if a line is not what the schema of that name says; gives it.
#[track_caller]
pub(crate) fn valid(schema: &str, line: &[u8]) -> Value {
    let path = format!("schemas/{schema}.schema.json");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(path).expect("the schema");
    let rules: Value = serde_json::from_str(&text).expect("a schema");
    let value = serde_json::from_slice(line);
    let value = value.unwrap_or_else(|it| panic!("{it}: {:?}", String::from_utf8_lossy(line)));
    check(schema, &rules, &value);
    value
}

/// Checks a value against the words of JSON Schema that our schemas use.
fn check(place: &str, schema: &Value, value: &Value) {
    let words = schema.as_object().expect("an object");
    for (word, rule) in words {
        let holds = match word.as_str() {
            "type" => match rule.as_str().expect("a type") {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_u64() || value.is_i64(),
                other => panic!("type {other} is not checked here"),
            },
            "const" => value == rule,
            "enum" => rule.as_array().expect("a list").contains(value),
            "minimum" => value.as_u64() >= rule.as_u64(),
            "maximum" => value.as_u64() <= rule.as_u64(),
            "minItems" => {
                let least = rule.as_u64().expect("a number");
                value.as_array().expect("a list").len() as u64 >= least
            }
            "required" => {
                let mut required = rule.as_array().expect("a list").iter();
                required.all(|it| value.get(it.as_str().expect("a key")).is_some())
            }
            "additionalProperties" => {
                assert_eq!(rule, &Value::Bool(false), "{place}: not checked here");
                let mut keys = value.as_object().expect("an object").keys();
                keys.all(|it| schema["properties"].get(it).is_some())
            }
            "properties" => {
                for (key, value) in value.as_object().expect("an object") {
                    check(&format!("{place}.{key}"), &rule[key], value);
                }
                true
            }
            "items" => {
                for item in value.as_array().expect("a list") {
                    check(&format!("{place}[]"), rule, item);
                }
                true
            }
            "$schema" | "$id" | "title" | "description" => true,
            other => panic!("{place}: the word {other} is not checked here"),
        };
        assert!(holds, "{place}: {word} {rule} does not hold for {value}");
    }
}
