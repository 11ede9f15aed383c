//! The language as a JSON Schema, from which editors complete YAML files.
//!
//! It is made from the same table of keys that files are read by, so the two cannot differ.

use super::keys;
use crate::vocabulary::{Level, Shape};
use serde_json::{Map, Value, json};

/// The schema of a whole file.
pub fn schema() -> Value {
    let mut definitions = Map::new();
    let mut schema = level(&keys::LAB, &mut definitions);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("vrflab topology");
    schema["$defs"] = Value::Object(definitions);
    schema
}

/// A map with the language's keys. Those used in several places are defined once.
fn level(level: &'static Level, definitions: &mut Map<String, Value>) -> Value {
    let properties: Map<String, Value> = level
        .keys()
        .map(|key| {
            let mut value = of(&key.shape, definitions);
            value["description"] = json!(key.doc);
            (key.name.to_owned(), value)
        })
        .collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn defined(it: &'static Level, definitions: &mut Map<String, Value>) -> Value {
    let name = it.what.trim_start_matches("an ").trim_start_matches("a ").replace('`', "");
    if !definitions.contains_key(&name) {
        // Taken before it is made, since a level may hold itself.
        definitions.insert(name.clone(), Value::Null);
        let made = level(it, definitions);
        definitions.insert(name.clone(), made);
    }
    json!({ "$ref": format!("#/$defs/{}", name.replace(' ', "%20")) })
}

fn of(shape: &'static Shape, definitions: &mut Map<String, Value>) -> Value {
    match shape {
        Shape::Flag => json!({ "enum": [true, false, "yes", "no", "on", "off"] }),
        Shape::Number(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Shape::OneOf(words) => json!({ "enum": words() }),
        // A line may look like a number, as a setting's value does.
        Shape::Line => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Address => {
            let peer = " +peer +[0-9A-Fa-f.:]+(/[0-9]+)?";
            let pattern = format!("^[0-9A-Fa-f.:]+(/[0-9]+|{peer})( +anycast)?$");
            json!({ "type": "string", "pattern": pattern })
        }
        // A host part, `.5`, looks like a number.
        Shape::EndAddress => {
            let peer = " +peer +[0-9A-Fa-f.:]+(/[0-9]+)?";
            let pattern = format!("^[0-9A-Fa-f.:]+(/[0-9]+|{peer})?( +anycast)?$");
            json!({ "type": ["string", "number"], "pattern": pattern })
        }
        Shape::Loopback => {
            json!({ "type": "string", "pattern": "^[0-9A-Fa-f.:]+(/[0-9]+)?( +anycast)?$" })
        }
        Shape::Ip => json!({ "type": "string", "pattern": "^[0-9A-Fa-f.:]+$" }),
        Shape::Mac => {
            json!({ "type": "string", "pattern": "^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$" })
        }
        Shape::List(item) => {
            let item = of(item, definitions);
            json!({ "anyOf": [
                { "type": "array", "items": nullable(item.clone()) },
                nullable(item),
            ] })
        }
        Shape::Named(item) => {
            let item = of(item, definitions);
            json!({ "anyOf": [
                { "type": "object", "additionalProperties": nullable(item) },
                { "type": "array", "items": { "type": "string" } },
                { "type": "null" },
            ] })
        }
        Shape::Map(it) => {
            let map = defined(it, definitions);
            match it.short.and_then(|short| it.key(short)) {
                Some(short) => json!({ "anyOf": [map, of(&short.shape, definitions)] }),
                None => json!({ "anyOf": [map] }),
            }
        }
        Shape::Link => {
            json!({ "anyOf": [defined(&keys::LINK, definitions), { "type": "string" }] })
        }
        Shape::End => {
            json!({ "anyOf": [defined(&keys::END, definitions), { "type": "string" }] })
        }
    }
}

fn nullable(value: Value) -> Value {
    json!({ "anyOf": [value, { "type": "null" }] })
}
