//! How a table is named.

use super::words::number;
use crate::diagnostic::{Span, Spanned, Text};
use std::fmt;

/// How a route names its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Table {
    /// `table 10`.
    Number(Spanned<u32>),
    /// `table isp2`.
    Name(Text),
    /// `vrf blue`.
    Vrf(Text),
}

impl Table {
    /// A table by its number or name.
    pub fn parse(name: Text) -> Self {
        // The kernel takes 0 for main.
        match number(name.as_str()).and_then(|number| u32::try_from(number).ok()) {
            Some(0) => Self::Name(Text::new("main", name.span)),
            Some(number) => Self::Number(Spanned::new(number, name.span)),
            None => Self::Name(name),
        }
    }

    /// Where it is named.
    pub fn span(&self) -> Span {
        match self {
            Table::Number(number) => number.span,
            Table::Name(name) | Table::Vrf(name) => name.span,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Table::Number(number) => number.fmt(f),
            Table::Name(name) | Table::Vrf(name) => name.fmt(f),
        }
    }
}
