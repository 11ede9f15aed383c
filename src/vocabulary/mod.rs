//! The vocabulary of files: keys, what their values look like, and values that were read by that.
//!
//! It knows no key. Which there are is said where each has its meaning: those of the whole file, its
//! nodes and links in `document`, those of a kind of interface in the kind's own file in `link`.

mod key;
mod value;

pub(crate) use key::{Choice, Key, Level, Shape, key, words};
pub use value::{Given, Value};
