//! Fields written one behind the other: the encoding inside a frame.
//!
//! Strings are bytes, because names of files and variables of the environment need not be UTF-8.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A field was cut short or holds what it may not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of the channel to the guest is malformed: {0}")]
pub(super) struct Malformed(pub &'static str);

/// Collects the fields of one message.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub fn string(&mut self, string: impl AsRef<OsStr>) -> &mut Self {
        let bytes = string.as_ref().as_bytes();
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.number(items.len() as u64);
        items.iter().for_each(|item| each(self, item));
        self
    }

    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Reads the fields of one message in the order in which they were written.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Malformed("it ends early"))?;
        self.0 = tail;
        Ok(head)
    }

    pub fn number(&mut self) -> Result<u64, Malformed> {
        let bytes = self.bytes(8)?.try_into().map_err(|_| Malformed("it ends early"))?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// A number of a narrower type.
    pub fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.number()?).map_err(|_| Malformed("a number is out of range"))
    }

    pub fn string(&mut self) -> Result<OsString, Malformed> {
        let length = self.narrow()?;
        Ok(OsString::from_vec(self.bytes(length)?.to_vec()))
    }

    pub fn text(&mut self) -> Result<String, Malformed> {
        self.string()?.into_string().map_err(|_| Malformed("a text is not UTF-8"))
    }

    pub fn list<T>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.number()?;
        (0..count).map(|_| each(self)).collect()
    }

    pub fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("it is too long")) }
    }
}
