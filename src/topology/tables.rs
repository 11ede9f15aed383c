//! The names that a node has for tables.

use crate::diagnostic::{Spanned, Spelling, Text};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::OnceLock;

/// Names of tables with their numbers, in the file's order.
#[derive(Debug)]
pub struct TableNames {
    written: Vec<(Text, Spanned<u32>)>,
    numbers: HashMap<String, u32>,
    /// The names once more, made when one is not found.
    spelling: OnceLock<Spelling>,
}

impl TableNames {
    pub(super) fn new(written: Vec<(Text, Spanned<u32>)>) -> Self {
        let mut numbers = HashMap::new();
        for (name, number) in &written {
            numbers.entry(name.value.clone()).or_insert(number.value);
        }
        Self { written, numbers, spelling: OnceLock::new() }
    }

    /// The number of the table of this name.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// All names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.written.iter().map(|(name, _)| name.as_str())
    }

    /// The names that may be meant by one that no table has.
    pub fn near(&self, name: &str) -> impl Iterator<Item = &str> {
        self.spelling.get_or_init(|| Spelling::of(self.names())).near(name)
    }
}

impl Deref for TableNames {
    type Target = [(Text, Spanned<u32>)];

    fn deref(&self) -> &Self::Target {
        &self.written
    }
}
