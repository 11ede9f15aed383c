//! Lists whose items are found by their names, however long they are.

use crate::diagnostic::Spelling;
use crate::document::DeviceName;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

/// What has a name of its own within its node, which never changes.
pub trait Named {
    /// The name.
    fn name(&self) -> &DeviceName;
}

/// A list in the order in which it was made, with an index of its names. Items are added and changed, and
/// none is taken out.
///
/// A provider's edge has thousands of VRFs and interfaces, and each of these names others of them.
#[derive(Clone)]
pub struct ByName<T> {
    items: Vec<T>,
    places: HashMap<DeviceName, usize>,
    /// The names once more, made when one is not found.
    spelling: OnceLock<Spelling>,
}

impl<T: Named> ByName<T> {
    /// Adds an item behind all others.
    pub fn push(&mut self, item: T) {
        self.places.entry(item.name().clone()).or_insert(self.items.len());
        self.items.push(item);
        self.spelling.take();
    }

    /// The place of the item of this name, the first if there are several.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The item of this name.
    pub fn named(&self, name: &str) -> Option<&T> {
        self.place(name).map(|place| &self.items[place])
    }

    /// All names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.items.iter().map(|item| item.name().as_str())
    }

    /// The names that may be meant by one that none has.
    pub fn near(&self, name: &str) -> impl Iterator<Item = &str> {
        self.spelling.get_or_init(|| Spelling::of(self.names())).near(name)
    }
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self { items: Vec::new(), places: HashMap::new(), spelling: OnceLock::new() }
    }
}

impl<T: Named> FromIterator<T> for ByName<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Self::default();
        items.into_iter().for_each(|item| list.push(item));
        list
    }
}

impl<T> Deref for ByName<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> DerefMut for ByName<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

impl<'a, T> IntoIterator for &'a ByName<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut ByName<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter_mut()
    }
}

impl<T: fmt::Debug> fmt::Debug for ByName<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.fmt(f)
    }
}

impl<T: PartialEq> PartialEq for ByName<T> {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

impl<T: Eq> Eq for ByName<T> {}

impl<T: Serialize> Serialize for ByName<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.items.serialize(serializer)
    }
}

impl<'de, T: Named + Deserialize<'de>> Deserialize<'de> for ByName<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}
