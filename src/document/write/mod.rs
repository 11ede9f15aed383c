//! The way back: a lab's keys and values as a file, in any of the spellings that files are read in.
//!
//! Whoever makes a [`Sheet`] decides what is in it; here it is decided how that is spelt.

mod dot;
mod tree;

pub use dot::Unwritable;

use std::fmt;

/// What a file is to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The lab's name.
    pub name: String,
    /// The keys of the whole lab but its name, its nodes, links and checks.
    pub lab: Entries,
    /// The nodes by name.
    pub nodes: Vec<(String, Entries)>,
    /// The links.
    pub links: Vec<Link>,
    /// The checks, a line each.
    pub checks: Vec<String>,
}

/// The keys and values of a map, in the order in which they are written.
pub type Entries = Vec<(String, Value)>;

/// A link as it is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its two ends: node and interface.
    pub ends: [(String, String); 2],
    /// The addresses of its two ends.
    pub addresses: [Vec<String>; 2],
    /// What else is said of it.
    pub keys: Entries,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(u64),
    /// One value that is neither.
    Line(String),
    /// Values in their order; an empty list is nothing on purpose.
    List(Vec<Value>),
    /// Values by name.
    Map(Entries),
}

impl Value {
    /// A word or a line, from what prints as one.
    pub fn line(value: impl fmt::Display) -> Self {
        Value::Line(value.to_string())
    }

    /// A list of lines.
    pub fn lines<T: fmt::Display>(values: impl IntoIterator<Item = T>) -> Self {
        Value::List(values.into_iter().map(Value::line).collect())
    }

    /// Whether it is a list or a map without anything in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
            Value::Flag(_) | Value::Number(_) | Value::Line(_) => false,
        }
    }

    /// What a setting of the kernel is given: a number where it is spelt as one.
    pub fn setting(value: &str) -> Self {
        match value.parse::<u64>() {
            Ok(number) if number.to_string() == value => Value::Number(number),
            Ok(_) | Err(_) => Value::line(value),
        }
    }
}
