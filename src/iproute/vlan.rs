//! What follows `bridge vlan add vid`: the VLANs of a bridge's port.

use super::words::{Words, not, unknown};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// VLANs that a port of a bridge carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vlan {
    /// The lowest number, 1 to 4094.
    pub first: u16,
    /// The highest.
    pub last: u16,
    /// Whether it is the VLAN of what comes in without a tag.
    pub pvid: bool,
    /// Whether it leaves without a tag.
    pub untagged: bool,
}

impl Vlan {
    /// The VLAN that a port has of which nothing is said, as the kernel gives it.
    pub const PLAIN: Vlan = Vlan { first: 1, last: 1, pvid: true, untagged: true };

    /// Reads VLANs.
    ///
    /// # Errors
    /// Words that the grammar does not have, and numbers that no VLAN has.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        words.take("vid");
        let range = words.expect("the number of a VLAN", text)?;
        let (first, last) =
            range.as_str().split_once('-').unwrap_or((range.as_str(), range.as_str()));
        let number = |word: &str| word.parse().ok().filter(|id| (1..=4094).contains(id));
        let mut vlan = match number(first).zip(number(last)) {
            Some((first, last)) if first <= last => {
                Self { first, last, pvid: false, untagged: false }
            }
            _ => return Err(not(&range, "the number of a VLAN, 1 to 4094")),
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "pvid" if vlan.first == vlan.last => vlan.pvid = true,
                "pvid" => {
                    return Err(Diagnostic::error(Code::BadValue, "several VLANs as `pvid`")
                        .at(word.span, "what has no tag is of one VLAN"));
                }
                "untagged" => vlan.untagged = true,
                _ => return Err(unknown(&word, &["pvid", "untagged"])),
            }
        }
        Ok(vlan)
    }

    /// The numbers.
    pub fn ids(self) -> impl Iterator<Item = u16> {
        self.first..=self.last
    }
}

impl fmt::Display for Vlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.last != self.first {
            write!(f, "-{}", self.last)?;
        }
        f.write_str(if self.pvid { " pvid" } else { "" })?;
        f.write_str(if self.untagged { " untagged" } else { "" })
    }
}
