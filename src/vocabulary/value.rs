//! A value that was read as its key's shape says.

use crate::diagnostic::{Spanned, Text};
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
