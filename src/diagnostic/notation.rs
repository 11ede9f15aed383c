//! Examples, spelled as in the file that they are for.

use std::fmt::Display;

/// The language of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// YAML.
    Yaml,
    /// Graphviz's.
    Dot,
}

impl Notation {
    /// A key of a node or a link, and its value.
    pub fn value(self, key: &str, value: impl Display) -> String {
        match self {
            Notation::Yaml => format!("`{key}: {value}`"),
            Notation::Dot => format!("`{key}={value}`"),
        }
    }

    /// A key of a node or a link whose value is a list, here of one item.
    pub fn list(self, key: &str, item: impl Display) -> String {
        match self {
            Notation::Yaml => format!("`{key}: [{item}]`"),
            Notation::Dot => format!("`{key}=\"{item}\"`"),
        }
    }

    /// An interface of a node with what is said of it.
    pub fn interface(self, name: &str, keys: &[(&str, &str)]) -> String {
        let join = |behind: &str, between: &str| {
            let pairs = keys.iter().map(|(key, value)| format!("{key}{behind} {value}"));
            pairs.collect::<Vec<_>>().join(between)
        };
        match self {
            Notation::Yaml => format!("`{name}: {{{}}}`", join(":", ", ")),
            Notation::Dot => format!("`interfaces=\"{name} {}\"`", join("", " ")),
        }
    }
}
