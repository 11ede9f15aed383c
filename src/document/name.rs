//! Names that exist are right: each can only be made from a string that the kernel, or the
//! directory that bears it, takes. Large labs say a name again and again, so that all who say it share
//! one string.

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($name:ident, $doc:literal, $rule:literal, $valid:expr) => {
        #[doc = $doc]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(name: String) -> Result<Self, Self::Error> {
                Self::new(name).ok_or(concat!("not ", $rule))
            }
        }

        impl $name {
            /// What such a name looks like, for people.
            pub const RULE: &str = $rule;

            /// The name, if the string can be one.
            pub fn new(name: impl Into<String>) -> Option<Self> {
                let name = name.into();
                let valid: fn(&str) -> bool = $valid;
                valid(&name).then(|| Self(name.into()))
            }

            /// The name as a string.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    LabName,
    "The name of a lab, as a directory and as a part of its namespaces' names.",
    "lower-case letters, digits and `-`, a letter or digit first, at most 32",
    |name| name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
);

name!(
    NodeName,
    "The name of a node.",
    "letters, digits, `_`, `.` and `-`, a letter, digit or `_` first, at most 63",
    |name| name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
);

name!(
    DeviceName,
    "The name of an interface or a VRF, which the kernel limits to 15 bytes.",
    "at most 15 bytes, no `/`, `:`, `%` or space, not `.`, `..`, `all` or `default`",
    |name| (1..=15).contains(&name.len())
        && !matches!(name, "." | ".." | "all" | "default")
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || "/:%".contains(c))
);

impl LabName {
    /// The nearest name that a lab can have, if the text has anything of one.
    pub fn fold(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let right = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
        folded(&lower, right, 32, Self::new)
    }
}

impl NodeName {
    /// The nearest name that a node can have, if the text has anything of one.
    pub fn fold(text: &str) -> Option<Self> {
        let right = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | '-');
        folded(text, right, 63, Self::new)
    }
}

impl DeviceName {
    /// The nearest name that an interface or VRF can have, if the text has anything of one.
    pub fn fold(text: &str) -> Option<Self> {
        let right = |it: char| !it.is_whitespace() && !it.is_control() && !"/:%".contains(it);
        folded(text, right, 15, Self::new)
    }
}

/// The text with one `-` for each run of wrong characters, cut to length.
fn folded<N>(
    text: &str,
    right: impl Fn(char) -> bool,
    most: usize,
    new: impl Fn(String) -> Option<N>,
) -> Option<N> {
    let mut name = String::with_capacity(text.len());
    for it in text.chars() {
        if right(it) {
            name.push(it);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_start_matches(['-', '.']);
    new(name[..name.floor_char_boundary(most)].to_owned())
}
