//! A sheet as YAML, and the same tree as JSON.

use super::{Entries, Link, Sheet, Value};
use crate::diagnostic::visible_json;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_yaml::{FlowMap, FlowSeq};

impl Sheet {
    /// The sheet as YAML.
    pub fn yaml(&self) -> String {
        // A long line stays one: a folded one would have no place for each of its words.
        let options = serde_yaml::ser_options! { folded_wrap_chars: usize::MAX };
        serde_yaml::to_string_with_options(self, options)
            .expect("a tree of strings, numbers and flags can be written")
    }

    /// The sheet as JSON, which is YAML too.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        let text = text.expect("a tree of strings, numbers and flags can be written");
        format!("{}\n", visible_json(&text))
    }
}

impl Serialize for Sheet {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Sheet { name, lab, nodes, links, checks } = self;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("name", name)?;
        for (key, value) in lab {
            map.serialize_entry(key, &Block(value))?;
        }
        map.serialize_entry("nodes", &Nodes(nodes))?;
        map.serialize_entry("links", links)?;
        map.serialize_entry("checks", checks)?;
        map.end()
    }
}

struct Nodes<'a>(&'a [(String, Entries)]);

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, keys)| (name, Keys(keys))))
    }
}

/// The keys of a node, a line or several for each.
struct Keys<'a>(&'a Entries);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(key, value)| (key, Block(value))))
    }
}

/// A value whose items and entries have a line each.
struct Block<'a>(&'a Value);

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::List(items) => to.collect_seq(items.iter().map(InLine)),
            Value::Map(entries) => {
                to.collect_map(entries.iter().map(|(key, value)| (key, InLine(value))))
            }
            Value::Flag(_) | Value::Number(_) | Value::Line(_) => self.0.serialize(to),
        }
    }
}

/// A value in one line.
struct InLine<'a>(&'a Value);

impl Serialize for InLine<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            // A text of several lines is shown as such.
            value if has_lines(value) => Block(value).serialize(to),
            Value::List(_) => FlowSeq(self.0).serialize(to),
            Value::Map(_) => FlowMap(self.0).serialize(to),
            Value::Flag(_) | Value::Number(_) | Value::Line(_) => self.0.serialize(to),
        }
    }
}

fn has_lines(value: &Value) -> bool {
    match value {
        Value::Line(line) => line.contains('\n'),
        Value::List(items) => items.iter().any(has_lines),
        Value::Map(entries) => entries.iter().any(|(_, value)| has_lines(value)),
        Value::Flag(_) | Value::Number(_) => false,
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Flag(flag) => to.serialize_bool(*flag),
            Value::Number(number) => to.serialize_u64(*number),
            Value::Line(line) => to.serialize_str(line),
            Value::List(items) => to.collect_seq(items),
            Value::Map(entries) => to.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Link { ends, addresses, keys } = self;
        let ends = ends.iter().map(|(node, interface)| Value::line(format!("{node}:{interface}")));
        let addresses = addresses.iter().map(|list| match &list[..] {
            [only] => Value::line(only),
            list => Value::lines(list),
        });
        let mut all = vec![
            ("ends".to_owned(), Value::List(ends.collect())),
            ("addresses".to_owned(), Value::List(addresses.collect())),
        ];
        all.extend(keys.iter().cloned());
        InLine(&Value::Map(all)).serialize(to)
    }
}
