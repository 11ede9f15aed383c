//! A value that was read as its key's shape says.

use crate::diagnostic::{Spanned, Text};
use std::fmt;
use std::net::IpAddr;

/// A key that a file gives, and its value.
#[derive(Debug, Clone)]
pub struct Given {
    /// The key's name.
    pub key: &'static str,
    /// The value.
    pub value: Spanned<Value>,
}

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(u32),
    /// A word or a line.
    Line(Text),
    /// An address without a length.
    Ip(IpAddr),
    /// Lines in their order.
    Lines(Vec<Text>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Line(line) => f.write_str(line.as_str()),
            Value::Ip(address) => write!(f, "{address}"),
            Value::Lines(lines) => {
                f.write_str(&lines.iter().map(Text::as_str).collect::<Vec<_>>().join(" "))
            }
        }
    }
}
